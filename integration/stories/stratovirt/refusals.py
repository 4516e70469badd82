"""refusals: what can't be started ends with one line on standard output that names the object, and with nothing left."""
import os
import socket
import subprocess

from caller import MONITOR, PATIENCE, recorded, without
from cases import case

BASE = without(recorded("S1")[1:], "vhost-user", "virtio_fs", "vsock", "tap", "virtio-net", "^unix:") + ["-qmp", "unix:case.sock,server,nowait"]


def tried(argv, **how):
    return subprocess.run([MONITOR] + argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * PATIENCE, **how)


def refuse(name, status, sentence, *argv, base=BASE, **how):
    """argv behind the usual words; a None in front of an option takes that one away first."""
    done = tried(list(base) + list(argv), **how)
    lines = [line for line in done.stdout.splitlines() if ":INFO: " not in line and ":WARN: " not in line]
    why = None
    if done.returncode != status:
        why = f"status {done.returncode}, not {status}"
    elif len(lines) != 1 or not lines[0].startswith("sampan-stratovirt: ") or sentence not in lines[0]:
        why = f"{done.stdout!r} has no line with {sentence!r}"
    elif done.stderr:
        why = f"on standard error: {done.stderr!r}"
    elif os.path.exists("case.sock"):
        why = "the QMP socket is left"
    case(name, why)


def less(*patterns):
    return without(BASE, *patterns)


def words():
    refuse("unknown-option", 2, "-fly", "-fly")
    refuse("unknown-device", 2, '"virtio-fly-device"', "-device", "virtio-fly-device,id=x")
    refuse("unknown-property", 2, 'virtio-blk-device: unknown key "colour"', "-device", "virtio-blk-device,colour=red")
    refuse("unknown-machine", 2, '"pc"', base=less("microvm"), *["-machine", "type=pc"])
    refuse("no-chardev", 2, 'there is no chardev "c"', "-device", "virtconsole,chardev=c,id=x")
    refuse("no-drive", 2, 'there is no drive "d"', "-device", "virtio-blk-device,drive=d,id=x")
    refuse("unused-drive", 2, "-drive d: no device uses it", "-drive", "id=d,file=f")
    refuse("id-twice", 2, 'the id "x" is given twice', "-drive", "id=d,file=f", "-drive", "id=e,file=f", "-device",
           "virtio-blk-device,drive=d,id=x", "-device", "virtio-blk-device,drive=e,id=x")
    refuse("bad-number", 2, '"many"', base=less("^1$"), *["-smp", "many"])
    refuse("qmp-over-tcp", 2, "unix:PATH", base=less("^unix:"), *["-qmp", "tcp:localhost:4444,server,nowait"])
    refuse("too-many-slots", 2, "disk-slots=64", base=less("microvm"), *["-machine", "type=microvm,disk-slots=64"])


def files():
    refuse("kernel-missing", 1, "/nowhere/kernel: No such file", base=less("vmlinux"), *["-kernel", "/nowhere/kernel"])
    refuse("initrd-missing", 1, "/nowhere/initrd: No such file", base=less("initrd"), *["-initrd", "/nowhere/initrd"])
    refuse("image-missing", 1, "/nowhere/image: No such file", "-drive", "id=rootfs,file=/nowhere/image,readonly=on", "-device",
           "virtio-blk-device,drive=rootfs,id=b")
    refuse("virtiofsd-missing", 1, "/nowhere/fs.sock", "-chardev", "socket,id=fs,path=/nowhere/fs.sock,server,nowait", "-device",
           "vhost-user-fs-device,chardev=fs,tag=kataShared,id=fs0")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind("deaf.sock")
        deaf.listen()
        refuse("virtiofsd-hangs", 1, "deaf.sock does not answer", "-chardev", "socket,id=fs,path=deaf.sock,server,nowait", "-device",
               "vhost-user-fs-device,chardev=fs,tag=kataShared,id=fs0")
    os.unlink("deaf.sock")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind("taken.sock")
        taken.listen()
        refuse("qmp-in-use", 1, "taken.sock: another process is listening", base=less("^unix:"), *["-qmp", "unix:taken.sock,server,nowait"])
        refuse("console-in-use", 1, "taken.sock: another process is listening", "-chardev", "socket,id=c,path=taken.sock,server,nowait",
               "-device", "virtconsole,chardev=c,id=x")
    os.unlink("taken.sock")
    with open("plain", "w", encoding="utf-8") as file:
        file.write("precious")
    refuse("qmp-on-a-file", 1, "plain: the path exists", base=less("^unix:"), *["-qmp", "unix:plain,server,nowait"])


def descriptors():
    vsock = ["-device", "vhost-vsock-device,id=v,guest-cid=77,vhostfd=3"]
    tap = ["-netdev", "tap,id=n,fds=4", "-device", "virtio-net-device,netdev=n,id=n"]
    refuse("vsock-fd-closed", 2, "descriptor 3 is not open", *vsock)
    refuse("tap-fd-closed", 2, "descriptor 4 is not open", *tap)
    refuse("vsock-fd-of-the-wrong-kind", 1, "descriptor 3 is not a vhost device", *vsock, pass_fds=(3,))
    refuse("tap-fd-of-the-wrong-kind", 1, "4", *tap, pass_fds=(4,))
    refuse("fd-twice", 2, "descriptor 4 is given twice", "-netdev", "tap,id=n,fds=4:4", "-device", "virtio-net-device,netdev=n,id=n", pass_fds=(4,))
    refuse("tap-unknown", 1, "nosuch0", "-netdev", "tap,id=n,ifname=nosuch0", "-device", "virtio-net-device,netdev=n,id=n")


def answers():
    version, usage = tried(["--version"]), tried(["--help"])
    case("version", None if version.returncode == 0 and version.stdout.startswith("sampan-stratovirt ") else version.stdout)
    case("help", None if usage.returncode == 0 and "-kernel" in usage.stdout else usage.stdout)


words()
files()
descriptors()
answers()
