"""Does an answer agree with the recorded one? In status, and in the fields that mean something."""
import re

# What a later agent may have more or others of; a recorded part is looked for, not an equal whole.
HANDLERS = {"blk", "mmioblk", "local", "overlayfs", "watchable-bind", "virtio-fs", "ephemeral"}


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def guest_details(ours, theirs):
    if ours.get("mem_block_size_bytes") != theirs["mem_block_size_bytes"]:
        return f"mem_block_size_bytes {ours.get('mem_block_size_bytes')}"
    details = ours.get("agent_details", {})
    if not HANDLERS <= set(details.get("storage_handlers", [])):
        return f"storage_handlers {details.get('storage_handlers')}"
    for field in ("init_daemon", "supports_seccomp"):
        if details.get(field) != theirs["agent_details"].get(field):
            return f"{field} {details.get(field)}"
    return None


def stats(ours, theirs):
    have = {path for path, _ in leaves(ours)}
    vague = re.compile(r"\.stats\.|blkio|percpu|throttl|network_stats|hugetlb|swap|kernel_usage|failcnt|use_hierarchy|cache")
    missing = [path for path, value in leaves(theirs) if value not in ("0", 0) and not vague.search(path) and path not in have]
    return f"these are missing: {missing}" if missing else None


def routes(ours, theirs):
    def known(routes_):
        return {(r.get("dest"), r.get("gateway"), r.get("device")) for r in routes_.get("Routes", [])}

    missing = known(theirs) - known(ours)
    return f"missing routes {missing}" if missing else None


def metrics(ours, _):
    missing = [name for name in ("kata_agent_", "kata_guest_") if name not in ours.get("metrics", "")]
    return f"no {missing}" if missing else None


SPECIAL = {"GetGuestDetails": guest_details, "StatsContainer": stats, "UpdateRoutes": routes, "GetMetrics": metrics}
# In the text of an error: what a runtime or a person looks for in it.
WORDS = re.compile(r"NOT_FOUND|not found|invalid container id|Input/output error|ESRCH: No such process|mount", re.I)


def call(recorded, answer):
    """None, or how the answer differs."""
    code = answer["code"]
    if "exempt" in recorded:
        return None if code == 0 else f"code {code} ({answer.get('message')!r}) although {recorded['exempt']}"
    if code != recorded.get("code", 0):
        return f"code {code} ({answer.get('message')!r}), recorded {recorded.get('code', 0)} ({recorded.get('message', '')!r})"
    if code:
        word = WORDS.search(recorded.get("message", ""))
        if word and word.group().lower() not in answer.get("message", "").lower():
            return f"message {answer.get('message')!r} without {word.group()!r}"
        return None
    ours, theirs = answer.get("response") or {}, recorded.get("response") or {}
    if recorded["agent"] in SPECIAL:
        return SPECIAL[recorded["agent"]](ours, theirs)
    return None if ours == theirs else f"answer {ours}, recorded {theirs}"


def stream(recorded, reader):
    """The output of a process: the same text, or the recorded parts that matter of one that varies; and the same end."""
    text = reader.data.decode("utf-8", "replace")
    for part in recorded.get("parts", []):
        if part not in text:
            return f"no {part!r} in {text!r}"
    if "parts" not in recorded and text != recorded["read"]:
        return f"read {text!r}, recorded {recorded['read']!r}"
    end = reader.end
    if recorded["end"] == "open":
        return None
    if end is None:
        return "it has not ended"
    if recorded["end"] == "eof":
        return f"ended with {end}" if end["code"] else None
    if not end["code"] or f"error {end['code']}" != recorded["end"].split(":")[0]:
        return f"ended with {end}, recorded {recorded['end']!r}"
    return None
