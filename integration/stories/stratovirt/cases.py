"""Cases as integration/lib/story.sh tells them."""


def case(name, why=None):
    print(f"case {name} " + (f"FAIL {why}" if why else "ok"), flush=True)


def check(name, have, want):
    case(name, None if have == want else f"{have!r}, not {want!r}")
