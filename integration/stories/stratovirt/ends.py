"""ends: the ways in which it all ends before the guest does: the caller's SIGKILL, quit, system_powerdown, SIGTERM, the caller's
own death. And a machine of two vCPUs, and one with a root disk."""
import concurrent.futures
import os
import signal
import subprocess
import sys
import time

from caller import PATIENCE, Monitor, Shell, ask, qmp, recorded, without
from cases import case, check


def ended(name, m, status, seconds=3):
    began = time.monotonic()
    have = m.wait(seconds + 5)
    took = time.monotonic() - began
    case(name, None if have == status and took < seconds * PATIENCE else f"status {have} after {took:.1f} s, not {status}")


def finish(name, m):
    print(m.text())
    left = m.close()
    case(f"{name}-nothing-left", f"{left}" if left else None)


def killed():
    """As the runtime ends every pod: QMP answers, then SIGKILL. The runtime's thread that started it has ended long before."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        m = pool.submit(Monitor, recorded("S2")[1:]).result()
    q = m.dial()
    cpus = ask(q, "query-cpus")["return"]
    tasks = [open(f"/proc/{m.process.pid}/task/{c['thread_id']}/comm", encoding="utf-8").read().strip() for c in cpus]
    check("two-vcpus", tasks, ["vcpu0", "vcpu1"])
    time.sleep(2)
    m.dial().close()
    m.process.send_signal(signal.SIGKILL)
    ended("sigkill", m, -signal.SIGKILL)
    finish("sigkill", m)


def told(name, status, act, then=None):
    m = Monitor(without(recorded("S1")[1:], "vhost-user", "virtio_fs"))
    q = m.dial()
    act(m, q)
    if then:
        then(m, q)
    ended(name, m, status)
    case(f"{name}-socket-gone", "it is there" if os.path.exists(m.socket) else None)
    finish(name, m)


def powered_down(m, q):
    check("system_powerdown", ask(q, "system_powerdown"), {"return": {}})
    deadline = time.monotonic() + 5 * PATIENCE
    while ask(q, "query-status")["return"]["status"] != "shutdown" and time.monotonic() < deadline:
        time.sleep(0.1)
    check("powered-down", ask(q, "query-status")["return"], {"status": "shutdown", "running": False})
    check("quit-after-the-end", ask(q, "quit"), {"return": {}})


def orphaned():
    """A caller that is killed leaves guest and QMP for thirty seconds to who cleans up; nobody comes, and all of it goes."""
    child = subprocess.Popen([sys.executable, __file__, "caller"], stdout=subprocess.PIPE, text=True)
    line = child.stdout.readline().split()
    if len(line) != 2:
        case("caller-killed", f"the caller said {line}")
        child.kill()
        return
    pid, path = int(line[0]), line[1]
    child.send_signal(signal.SIGKILL)
    child.wait()
    began = time.monotonic()
    q = qmp.Qmp(path, 1, lambda: running(pid))
    check("caller-killed-qmp-answers", ask(q, "qmp_capabilities"), {"return": {}})
    check("caller-killed-guest-runs", ask(q, "query-status")["return"]["status"], "running")
    while running(pid) and time.monotonic() - began < 30 + 3 * PATIENCE:
        time.sleep(0.1)
    alive, took = running(pid), time.monotonic() - began
    case("caller-killed", "the monitor lives on" if alive else None if took > 29 else f"it was gone after {took:.1f} s")
    case("caller-killed-socket-gone", "it is there" if os.path.exists(path) else None)
    case("caller-killed-tap-gone", "tap0_kata is there" if os.path.exists("/sys/class/net/tap0_kata") else None)
    if alive:
        os.kill(pid, signal.SIGKILL)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def be_the_caller():
    m = Monitor(without(recorded("S1")[1:], "vhost-user", "virtio_fs"))
    m.dial()
    print(m.process.pid, m.socket, flush=True)
    time.sleep(600)


def root_disk():
    """An image instead of an initrd: the drive is vda, the slots come behind it."""
    argv = without(recorded("S1dbg")[1:], "vhost-user", "virtio_fs", "initrd")
    at = argv.index("-append") + 1
    argv[at] = "root=/dev/vda rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 init=/init " + argv[at]
    image = os.path.join(os.environ["GUEST"], "root.ext4")
    argv += ["-drive", f"id=rootfs,file={image},readonly=on,direct=off", "-device", "virtio-blk-device,drive=rootfs,id=virtio-blk0"] * 2
    m = Monitor(argv)
    try:
        q = m.dial()
        shell = Shell(m.word(r"path=([^,]+console\.socket)"))
        shell.read_until(rb"guest: up after.*?[#$] ", 90)
        shell.run("dmesg -n 1")
        check("root-is-vda", shell.run("cat /sys/block/vda/ro /sys/block/vdb/size | tr '\\n' ' '"), "1 0")
        check("root-stays", "can't be removed" in ask(q, "device_del", id="virtio-blk0")["error"]["desc"], True)
        case("repeated-words", None if "repeat others" in m.text() else "no word of it")
    except (OSError, ValueError, KeyError) as why:
        case("root-disk", f"{type(why).__name__}: {why}")
    finally:
        finish("root-disk", m)


if sys.argv[1:] == ["caller"]:
    be_the_caller()
else:
    killed()
    told("quit", 0, lambda m, q: check("quit-answered", ask(q, "quit"), {"return": {}}))
    told("powerdown", 0, powered_down)
    told("sigterm", 128 + signal.SIGTERM, lambda m, q: m.process.send_signal(signal.SIGTERM))
    orphaned()
    root_disk()
