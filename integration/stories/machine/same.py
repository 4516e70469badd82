"""same.py JSON LINES: `sampan check --json` is an object that says what the lines of `sampan check` say."""
import json
import sys

marks = {"ok": "ok", "absent": "--", "missing": "NO"}
with open(sys.argv[1], encoding="utf-8") as file:
    told = json.load(file)
lines = [f"{marks[c['result']]}  {c['what']:<22} {c['detail']}" for c in told["checks"]]
with open(sys.argv[2], encoding="utf-8") as file:
    shown = file.read().splitlines()
if not told["can_start"] or lines != shown[:-1]:
    sys.exit("\n".join(["they differ:", *lines, "--", *shown]))
