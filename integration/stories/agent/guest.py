"""What cases.py asks of an agent: containers on the disk, programs in them, and what the guest says of itself."""
import base64
import os
import socket

from agent import Agent, Reader

ROOT = "/run/kata-containers/shared/containers/disk"
ENV = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
SECONDS = 60 * int(os.environ.get("PATIENCE", "1"))

# Mounts of a container that sees the guest.
PROBE = [
    {"destination": "/guest/proc", "source": "/proc", "type": "bind", "options": ["rbind", "ro"]},
    {"destination": "/guest/cgroup", "source": "/sys/fs/cgroup", "type": "bind", "options": ["rbind", "ro"]},
]


def b64(data):
    return base64.b64encode(data).decode()


class Failed(Exception):
    pass


class Guest:
    def __init__(self, address, device):
        self.agent = Agent(os.environ["SAMPAN"], address, SECONDS)
        self.address = address
        self.device = device
        self.count = 0

    def answer(self, method, **request):
        return self.agent.send(method, request).wait(SECONDS)

    def call(self, method, **request):
        answer = self.answer(method, **request)
        if answer["code"]:
            raise Failed(f"{method}: {answer}")
        return answer.get("response") or {}

    def spec(self, args, terminal=False, resources=None, root=ROOT, mounts=(), seccomp=None):
        return {
            "Version": "1.2.0",
            "Process": {"Terminal": terminal, "User": {}, "Args": args, "Env": ENV + ["TERM=dumb"] * terminal, "Cwd": "/"},
            "Root": {"Path": root},
            "Mounts": [
                {"destination": "/proc", "source": "proc", "type": "proc", "options": ["nosuid", "noexec", "nodev"]},
                {"destination": "/dev", "source": "tmpfs", "type": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
                {"destination": "/dev/pts", "source": "devpts", "type": "devpts",
                 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
                {"destination": "/dev/shm", "source": "/run/kata-containers/sandbox/shm", "type": "bind", "options": ["rbind"]},
                {"destination": "/sys", "source": "sysfs", "type": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
                *mounts,
            ],
            "Linux": {"Namespaces": [{"Type": "ipc"}, {"Type": "uts"}, {"Type": "mount"}], "Resources": resources or {},
                      **({"Seccomp": seccomp} if seccomp else {})},
        }

    def storage(self):
        return {"driver": "mmioblk", "source": self.device, "fstype": "ext4", "mount_point": ROOT}

    def create(self, name, args, sandbox_pidns=False, storages=(), **of_spec):
        self.call("CreateContainer", container_id=name, exec_id=name, OCI=self.spec(args, **of_spec),
                  storages=[self.storage(), *storages], sandbox_pidns=sandbox_pidns)

    def start(self, name, args, **more):
        self.create(name, args, **more)
        self.call("StartContainer", container_id=name)

    def end(self, name):
        """Killed, waited for and removed: the exit status."""
        self.call("SignalProcess", container_id=name, signal=9)
        status = self.wait(name, name)
        self.call("RemoveContainer", container_id=name)
        return status

    def wait(self, name, process):
        return self.call("WaitProcess", container_id=name, exec_id=process).get("status", 0)

    def exec_start(self, name, args, terminal=False, capabilities=()):
        self.count += 1
        process = f"exec-{self.count}"
        self.call("ExecProcess", container_id=name, exec_id=process,
                  process={"Terminal": terminal, "User": {}, "Args": args, "Env": ENV + ["TERM=dumb"] * terminal, "Cwd": "/",
                           **({"Capabilities": {kind: capabilities for kind in ("Bounding", "Effective", "Permitted")}} if capabilities else {})})
        return process

    def reader(self, name, process, stream="Stdout"):
        return Reader(self.agent, "Read" + stream, {"container_id": name, "exec_id": process, "len": 32768})

    def read(self, name, process, stream="Stdout"):
        reader = self.reader(name, process, stream)
        if not reader.ended.wait(SECONDS):
            raise Failed(f"the output of {process} does not end")
        return reader.data, reader.end

    def shell(self, name, script, **more):
        """What a script says in a container, which must end well."""
        process = self.exec_start(name, ["sh", "-c", script], **more)
        data, _ = self.read(name, process)
        status = self.wait(name, process)
        if status:
            raise Failed(f"{script}: status {status}: {data}")
        return data.decode().strip()

    def write(self, name, process, data):
        return self.call("WriteStdin", container_id=name, exec_id=process, data=b64(data)).get("len", 0)

    def close_stdin(self, name, process):
        self.call("CloseStdin", container_id=name, exec_id=process)

    def socket(self, port=None):
        """A bare connection to the agent, or to another port of the guest."""
        kind, _, place = self.address.partition("://")
        path, _, agents = place.rpartition(":")
        port = port or agents
        if kind == "vsock":
            bare = socket.socket(socket.AF_VSOCK)
            bare.settimeout(SECONDS)
            bare.connect((int(path), int(port)))
            return bare
        bare = socket.socket(socket.AF_UNIX)
        bare.settimeout(SECONDS)
        bare.connect(path)
        bare.sendall(f"CONNECT {port}\n".encode())
        said = b""
        while not said.endswith(b"\n"):
            said += bare.recv(1)
        return bare

    def figures(self, probe):
        """The agent's memory (KiB), descriptors, threads and mounts, the cgroups and zombies, through a container that sees the guest."""
        said = self.shell(probe, """
            agent=$(grep -lx sampan-agent /guest/proc/[0-9]*/comm | head -n 1) # pid 1 has the name init
            agent=${agent:-/guest/proc/1/comm} agent=${agent%/comm}
            set -- $(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p; s/^Threads:[^0-9]*//p' $agent/status)
            echo $1 $(ls $agent/fd | wc -l) $2 $(wc -l <$agent/mounts) $(find /guest/cgroup -type d | wc -l) \\
                $(cat /guest/proc/[0-9]*/status 2>/dev/null | grep -c '^State:.Z')""")
        return dict(zip(("memory", "fds", "threads", "mounts", "cgroups", "zombies"), map(int, said.split())))
