"""What Kata's runtime makes on the host before it starts a monitor, and takes away afterwards: the directory of the sandbox, the
shared directory with a container's root file systems and files, virtiofsd, the tap, the vhost-vsock descriptor, loop devices.
Paths are the real ones; the network namespace is the caller's own."""
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

GUEST_SHARE = "/run/kata-containers/shared/containers/"
TUNSETIFF, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
VHOST_VSOCK_SET_GUEST_CID = 0x4008AF60


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


class Host:
    def __init__(self, sandbox, work, hostname="pod", dns=()):
        self.texts = {"-hostname": hostname + "\n", "-hosts": "127.0.0.1 localhost\n", "-resolv.conf": "\n".join(dns), "-one.txt": "file\n"}
        self.sandbox, self.work = sandbox, work
        self.vm_dir = f"/run/vc/vm/{sandbox}"
        self.share = f"/run/kata-containers/shared/sandboxes/{sandbox}/shared"
        self.binds, self.disks, self.processes, self.configmaps = [], {}, [], []
        os.makedirs(self.vm_dir)
        os.makedirs(self.share)
        self.rootfs = os.path.join(work, "rootfs")
        if not os.path.exists(self.rootfs):
            make_rootfs(self.rootfs)

    # Descriptors of the monitor's, at the numbers that its command line says.

    def open_vsock(self, cid, number):
        fd = os.open("/dev/vhost-vsock", os.O_RDWR)
        fcntl.ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, struct.pack("Q", cid))
        move(fd, number)

    def open_tap(self, name, number):
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        move(fd, number)
        run("ip", "link", "set", name, "up")

    # The share.

    def start_virtiofsd(self, path):
        """The runtime listens, the daemon gets the listener as its descriptor 3."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        saved = os.dup(3)
        os.dup2(listener.fileno(), 3)
        program = shutil.which("virtiofsd") or "/usr/libexec/virtiofsd"
        with open(os.path.join(self.work, "virtiofsd.log"), "wb") as log:
            daemon = subprocess.Popen(
                [program, "--syslog", "--cache=auto", f"--shared-dir={self.share}", "--fd=3", "--thread-pool-size=1",
                 "--announce-submounts"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(3,))
        os.dup2(saved, 3)
        os.close(saved)
        listener.close()
        self.processes.append(daemon)
        return daemon

    def share_container(self, request):
        """Everything that a CreateContainer request expects to find in the share."""
        spec = request["OCI"]
        root = spec["Root"]["Path"]
        stored = {s["mount_point"] for s in request.get("storages") or [] if "blk" in s["driver"]}
        if root.startswith(GUEST_SHARE) and not any(root.startswith(s) for s in stored):
            target = os.path.join(self.share, root[len(GUEST_SHARE):])
            os.makedirs(target)
            run("mount", "--bind", self.rootfs, target)
            self.binds.append(target)
        sources = [m["source"] for m in spec["Mounts"]] + [s.get("source", "") for s in request.get("storages") or []]
        for source in sources:
            inside = source[len(GUEST_SHARE):]
            if source.startswith(GUEST_SHARE) and "/" not in inside and source not in stored:
                self.share_file(os.path.join(self.share, inside))

    def share_file(self, path):
        if os.path.lexists(path):
            return
        for suffix, text in self.texts.items():
            if path.endswith(suffix):
                write(path, text)
                return
        os.mkdir(path)
        if path.endswith("-rw"):
            os.chmod(path, 0o777)
        elif path.endswith("-data"):
            write(os.path.join(path, "f.txt"), "from host\n")
        else:
            self.configmaps.append(path)
            self.write_configmap(path, "value1")

    @staticmethod
    def write_configmap(path, value):
        """As the kubelet does: a directory with a date, and a link to it that is replaced."""
        version = f"..{time.monotonic_ns()}"
        os.mkdir(os.path.join(path, version))
        write(os.path.join(path, version, "key"), value + "\n")
        os.symlink(version, os.path.join(path, "..data_tmp"))
        os.rename(os.path.join(path, "..data_tmp"), os.path.join(path, "..data"))
        if not os.path.lexists(os.path.join(path, "key")):
            os.symlink("..data/key", os.path.join(path, "key"))

    # Disks that will be plugged.

    def make_disk(self, device, content):
        """device is the recorded path: /dev/loopN, or another name that is made here for a loop device."""
        if device in self.disks:
            return
        image = os.path.join(self.work, os.path.basename(device) + ".img")
        with open(image, "wb") as file:
            file.truncate(24 << 20)
        if content == "empty":
            run("mke2fs", "-q", "-F", "-t", "ext4", image)
        elif content == "rootfs":
            run("mke2fs", "-q", "-F", "-t", "ext4", "-d", self.rootfs, image)
        loop = device
        if not loop.startswith("/dev/loop"):
            loop = subprocess.run(["losetup", "-f"], check=True, capture_output=True, text=True).stdout.strip()
        if not os.path.exists(loop):
            os.mknod(loop, 0o60600, os.makedev(7, int(loop[len("/dev/loop"):])))
        run("losetup", loop, image)
        self.disks[device] = loop
        if loop != device:
            os.mknod(device, 0o60600, os.stat(loop).st_rdev)

    # The end.

    def leftovers(self, monitor):
        """Seconds after the end of the monitor: what is still there that should not be."""
        found = []
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                found.append(f"process {process.args[0]}")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                command = os.readlink(f"/proc/{pid}/exe")
            except OSError:
                continue
            if os.path.basename(command) == os.path.basename(monitor) and fields[0] != "Z":
                found.append(f"process {command}")
        if os.path.exists("/sys/class/net/tap0_kata") and not self.tap_is_ours():
            found.append("tap tap0_kata")
        return found

    @staticmethod
    def tap_is_ours():
        """Descriptor 4 here still holds it until the caller gives it up."""
        try:
            return os.readlink("/proc/self/fd/4") == "/dev/net/tun"
        except OSError:
            return False

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        for bind in reversed(self.binds):
            run("umount", "-l", bind)
        for device, loop in self.disks.items():
            subprocess.run(["losetup", "-d", loop], check=False)
            if device != loop:
                os.unlink(device)
        shutil.rmtree(self.vm_dir, ignore_errors=True)
        shutil.rmtree(os.path.dirname(self.share), ignore_errors=True)


def move(fd, number):
    if fd != number:
        os.dup2(fd, number)
        os.close(fd)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_rootfs(path):
    """A container's: busybox with a link for each applet, and /pause."""
    for directory in ("bin", "dev", "proc", "sys", "etc", "tmp", "root", "data", "rw", "mem", "cache"):
        os.makedirs(os.path.join(path, directory))
    busybox = os.path.realpath(shutil.which("busybox"))
    shutil.copy(busybox, os.path.join(path, "bin/busybox"))
    for applet in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", os.path.join(path, "bin", applet))
    write(os.path.join(path, "pause"), "#!/bin/sh\nwhile :; do sleep 1000; done\n")
    os.chmod(os.path.join(path, "pause"), 0o755)
