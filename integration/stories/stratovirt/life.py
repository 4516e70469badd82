"""life: a machine with the recorded words of a debugging runtime, from its start to ten seconds after its guest's power-off."""
import hashlib
import os
import resource
import socket
import subprocess
import time

from caller import MONITOR, PATIENCE, Monitor, Shell, ask, recorded, refusal
from cases import case, check

SLOT_KEYS = {"driver": "virtio-blk-mmio", "romfile": ""}


def disk(name, seed, size=1 << 20):
    data = b"".join(hashlib.sha256(f"{seed}{i}".encode()).digest() for i in range(size // 32))
    with open(name, "wb") as file:
        file.write(data)
    return hashlib.md5(data).hexdigest()


def add(q, name, path, slot, readonly=False, driver="file"):
    """What the runtime sends for a disk; the first answer that is an error, or the last."""
    answer = ask(q, "blockdev-add", driver="raw", file={"aio": "native", "driver": driver, "filename": os.path.abspath(path)},
                 node_in_name=name, read_in_only=readonly)
    return answer if "error" in answer else ask(q, "device_add", addr=slot, drive=name, id=name, **SLOT_KEYS)


def within(seconds, command, wanted, shell):
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        said = shell.run(command)
        if said == wanted or time.monotonic() > deadline:
            return said


def handshake(m):
    began = time.monotonic()
    q = m.dial()
    case("qmp-in-time", None if time.monotonic() - began < 10 else "more than 10 s")
    shell = Shell(m.word(r"path=([^,]+console\.socket)"))  # dialled once, right after the first hand-shake
    case("console-before-qmp")
    q.close()
    q = m.dial()
    case("reconnect")
    return q, shell


def queries(m, q):
    cpus = ask(q, "query-cpus")["return"]
    tasks = [open(f"/proc/{m.process.pid}/task/{c['thread_id']}/comm", encoding="utf-8").read().strip() for c in cpus]
    check("query-cpus", tasks, ["vcpu0"])
    check("query-cpus-fast", [c["thread-id"] for c in ask(q, "query-cpus-fast")["return"]], [c["thread_id"] for c in cpus])
    check("query-status", ask(q, "query-status")["return"], {"status": "running", "running": True})
    check("query-version", ask(q, "query-version")["return"]["qemu"]["major"], 5)
    names = {c["name"] for c in ask(q, "query-commands")["return"]}
    wanted = {"qmp_capabilities", "query-cpus", "blockdev-add", "device_add", "device_del", "blockdev-del", "query-block", "quit"}
    case("query-commands", f"without {wanted - names}" if wanted - names else None)
    check("query-balloon", ask(q, "query-balloon")["error"]["class"], "DeviceNotActive")
    check("human-monitor", ask(q, "human-monitor-command", **{"command-line": "info qtree"})["error"]["class"], "GenericError")
    check("unknown-command", ask(q, "fly")["error"]["class"], "CommandNotFound")


def pause(q):
    check("stop", ask(q, "stop"), {"return": {}})
    check("stopped", ask(q, "query-status")["return"]["status"], "paused")
    check("cont", ask(q, "cont"), {"return": {}})
    names = [event["event"] for event in q.events]
    case("stop-and-resume-told", None if {"STOP", "RESUME"} <= set(names) else f"events {names}")


def disks(q, shell, host):
    """Three slots, as the runtime uses them, with names that stay."""
    sizes = "cat /sys/block/vda/size /sys/block/vdb/size /sys/block/vdc/size /sys/block/vdd/size | tr '\\n' ' '"
    check("slots-empty-at-boot", shell.run(sizes), "0 0 0 0")
    sums = {slot: disk(f"disk{slot}", slot, slot << 20) for slot in (1, 2, 3)}
    for slot in (1, 2, 3):
        check(f"plug-{slot}", add(q, f"drive-{slot}", f"disk{slot}", str(slot), slot == 2), {"return": {}})
    check("guest-sees-them", within(30, sizes, "0 2048 4096 6144", shell), "0 2048 4096 6144")
    for slot, letter in ((1, "b"), (2, "c"), (3, "d")):
        check(f"content-{slot}", shell.run(f"md5sum </dev/vd{letter} | cut -c1-32"), sums[slot])
    blocks = ask(q, "query-block")["return"]
    check("query-block", [(b["qdev"], b["inserted"]["ro"]) for b in blocks], [("drive-1", False), ("drive-2", True), ("drive-3", False)])
    shell.run("tr '\\0' x </dev/zero | dd of=/dev/vdb bs=4096 count=4 conv=fsync 2>/dev/null")
    with open("disk1", "rb") as file:
        case("guest-writes", None if file.read(16384) == b"x" * 16384 else "the file has other bytes")
    check("read-only", shell.run("dd if=/dev/zero of=/dev/vdc bs=4096 count=1 conv=fsync 2>/dev/null; echo $?"), "1")
    with open("disk2", "rb") as file:
        check("read-only-untouched", hashlib.md5(file.read()).hexdigest(), sums[2])
    refused(q)
    # unplugged while it is read: no request hangs, the others go on
    shell.run("(while dd if=/dev/vdd of=/dev/null bs=65536 iflag=direct 2>/dev/null; do "
              "[ $(cat /sys/block/vdd/size) != 0 ] || break; done; echo over >/tmp/over) & true")
    for slot in (3, 1, 2):
        check(f"unplug-{slot}", ask(q, "device_del", id=f"drive-{slot}"), {"return": {}})
        check(f"told-{slot}", q.event("DEVICE_DELETED", f"drive-{slot}")["data"]["device"], f"drive-{slot}")
    check("guest-sees-them-go", within(30, sizes, "0 0 0 0", shell), "0 0 0 0")
    check("reader-ends", within(30, "cat /tmp/over", "over", shell), "over")
    check("device_del-gone", ask(q, "device_del", id="drive-1")["error"]["class"], "DeviceNotFound")
    check("blockdev-del-after", ask(q, "blockdev-del", **{"node-name": "drive-1"}), {"return": {}})
    # a slot again, by a loop device this time
    host.make_disk("/dev/loop3", "none")
    loop = host.disks.pop("/dev/loop3")
    sums[3] = disk("loop3.img", 3, 24 << 20)
    check("plug-again", add(q, "drive-again", loop, "1", driver="host_device"), {"return": {}})
    check("content-again", within(30, "cat /sys/block/vdb/size", "49152", shell), "49152")
    check("md5-again", shell.run("md5sum </dev/vdb | cut -c1-32"), sums[3])
    check("unplug-again", ask(q, "device_del", id="drive-again"), {"return": {}})
    case("loop-let-go", None if subprocess.run(["losetup", "-d", loop], check=False).returncode == 0 else "losetup -d fails")
    by_descriptor(q, shell)
    check("slot-0", add(q, "drive-0", "disk2", "0", True), {"return": {}})
    check("slot-0-seen", within(30, "cat /sys/block/vda/size", "4096", shell), "4096")
    ask(q, "device_del", id="drive-0")


def by_descriptor(q, shell):
    """A disk that the monitor could not open: its file has no name any more."""
    wanted = disk("nameless", 7, 1 << 20)
    with open("nameless", "r+b") as file:
        os.unlink("nameless")
        socket.send_fds(q.sock, [b" "], [file.fileno()])
        answer = ask(q, "add-fd", opaque="a disk without a name")
    check("add-fd", answer.get("return", {}).get("fdset-id"), 0)
    keys = {"node-name": "drive-fd"}
    check("blockdev-add-fd", ask(q, "blockdev-add", driver="raw", file={"driver": "file", "filename": "/dev/fdset/0"}, **keys), {"return": {}})
    check("remove-fd", ask(q, "remove-fd", **{"fdset-id": 0}), {"return": {}})
    check("plug-fd", ask(q, "device_add", addr="1", drive="drive-fd", id="drive-fd", **SLOT_KEYS), {"return": {}})
    check("seen-fd", within(30, "cat /sys/block/vdb/size", "2048", shell), "2048")
    check("content-fd", shell.run("md5sum </dev/vdb | cut -c1-32"), wanted)
    check("unplug-fd", ask(q, "device_del", id="drive-fd"), {"return": {}})
    case("no-fd", None if "no descriptor came" in refusal(ask(q, "getfd", fdname="x")) else "no refusal")


def refused(q):
    """Each with a sentence that names the object; the machine goes on."""
    def named(name, answer, *words):
        said = refusal(answer)
        case(name, None if all(word in said for word in words) else f"{answer} lacks {words}")

    disk("spare", 9)
    named("image-missing", add(q, "drive-x", "nowhere", "0"), "nowhere", "No such file")
    os.mkdir("directory")
    named("image-a-directory", add(q, "drive-x", "directory", "0"), "is a directory")
    named("slot-full", add(q, "drive-y", "spare", "2"), "slot 2 is full", "drive-2")
    named("slot-unknown", ask(q, "device_add", addr="999", drive="drive-y", id="y", **SLOT_KEYS), "no disk slot 999")
    named("slot-no-number", ask(q, "device_add", addr="b", drive="drive-y", id="y", **SLOT_KEYS), "addr")
    named("drive-unknown", ask(q, "device_add", addr="0", drive="none", id="y", **SLOT_KEYS), "no block device none")
    named("drive-in-use", ask(q, "blockdev-del", **{"node-name": "drive-1"}), "drive-1", "in use")
    named("id-taken", ask(q, "device_add", addr="0", drive="drive-y", id="drive-1", **SLOT_KEYS), "drive-1 already")
    named("driver-unknown", ask(q, "device_add", driver="virtio-net-pci", drive="drive-y", id="y"), "virtio-net-pci")
    named("argument-unknown", ask(q, "device_add", colour="red", drive="drive-y", id="y", **SLOT_KEYS), "colour")
    named("format-unknown", ask(q, "blockdev-add", driver="qcow2", file={"driver": "file", "filename": "spare"}, **{"node-name": "z"}), "qcow2")
    named("in-use-by-another", add(q, "drive-z", "disk1", "0"), "disk1", "in use")
    named("device-unknown", ask(q, "device_del", id="nothing"), "no device nothing")
    check("blockdev-del", ask(q, "blockdev-del", **{"node-name": "drive-y"}), {"return": {}})
    ask(q, "blockdev-del", **{"node-name": "drive-z"})


def hostile(m, q):
    """None of this keeps a client that behaves from its answers."""
    def raw():
        s = socket.socket(socket.AF_UNIX)
        s.connect(m.socket)  # waits while the queue of those who wait is full
        s.settimeout(10 * PATIENCE)
        return s

    s = raw()
    s.recv(4096)
    s.sendall(b'{"execute":"query-status"}\n')
    case("before-capabilities", None if b"CommandNotFound" in s.recv(4096) else "no error")
    for name, text in (("broken-json", b"}{\n"), ("no-object", b"[1]\n"), ("deep", b"[" * 1000), ("binary", bytes(range(128, 256)) + b"\n"),
                       ("long", b'{"execute":"' + b"x" * 100000)):
        s = raw()
        s.recv(4096)
        try:
            s.sendall(text)
            answer = s.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            answer = b'"error"'  # it hung up, which is an answer to what never ends
        case(name, None if b'"error"' in answer else f"{answer!r}")
        s.close()
    halves = [raw() for _ in range(5)]
    for s in halves:
        s.sendall(b'{"execute":"qmp_ca')
    slow = raw()
    slow.sendall(b'{"execute":"qmp_capabilities"}\n' + b'{"execute":"query-commands"}\n' * 3000)
    began = time.monotonic()
    check("slow-clients", ask(q, "query-status")["return"]["status"], "running")
    case("answers-meanwhile", None if time.monotonic() - began < 1 * PATIENCE else "more than 1 s")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, 2000))
    crowd = []
    for _ in range(1000):
        try:
            crowd.append(raw())
        except OSError:
            break
    case("thousand-connections", None if len(crowd) == 1000 else f"only {len(crowd)}")
    check("thousand-harm-nobody", ask(q, "query-status")["return"]["status"], "running")
    for s in crowd + halves + [slow]:
        s.close()
    m.dial().close()
    case("room-after-them")


def end(m, q, shell):
    """Power-off: QMP goes on answering, the process stays ten seconds."""
    shell.socket.sendall(b"poweroff -f\n")
    off = None
    deadline = time.monotonic() + 60 * PATIENCE
    while off is None and time.monotonic() < deadline:
        if ask(q, "query-status")["return"]["status"] == "shutdown":
            off = time.monotonic()
        time.sleep(0.1)
    case("power-off", None if off else "the status never was shutdown")
    told = [event for event in q.events if event["event"] == "SHUTDOWN"]
    check("SHUTDOWN-told", [event["data"] for event in told], [{"guest": True, "reason": "guest-shutdown"}])
    time.sleep(5)
    m.dial().close()
    case("dialled-after-the-end")
    check("refuses-disks-now", "is stopped" in refusal(add(q, "late", "disk1", "1")), True)
    status = m.wait(20)
    stayed = time.monotonic() - off
    check("end-status", status, 0)
    case("stays-ten-seconds", None if 9 <= stayed <= 10 + 3 * PATIENCE else f"{stayed:.1f} s")
    left = [path for path in (m.socket, m.word(r"path=([^,]+console\.socket)")) if os.path.exists(path)]
    case("sockets-gone", f"{left}" if left else None)


def log(m):
    lines = m.lines()
    odd = [line for line in lines if ":INFO: " not in line and ":WARN: " not in line]
    case("log-lines", f"neither INFO nor WARN: {odd[:3]}" if odd else None if lines else "no log")
    check("seccomp-logged", any("-disable-seccomp" in line for line in lines), True)


def main():
    m = Monitor(recorded("S1dbg")[1:])
    try:
        q, shell = handshake(m)
        shell.read_until(rb"guest: up after.*?[#$] ", 90)
        shell.run("dmesg -n 1")
        case("console-talks")
        queries(m, q)
        pause(q)
        disks(q, shell, m.host)
        hostile(m, q)
        end(m, q, shell)
        log(m)
    except (OSError, ValueError, KeyError, EOFError, subprocess.CalledProcessError) as why:
        case("life", f"{type(why).__name__}: {why}")
    finally:
        print(m.text())
        left = m.close()
    case("life-nothing-left", f"{left}" if left else None)


print(f"--- {MONITOR}")
main()
