"""The monitor as Kata's driver has it: a child with the recorded words and descriptors, standard output a pipe, QMP dialled as
govmm does. And a shell in the guest, on the console's socket, which a debugging runtime dials once."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["TOP"], "kata"))
import host  # noqa: E402
import qmp  # noqa: E402

MONITOR = os.path.join(os.environ["TOP"], "bin/sampan-stratovirt")
PATIENCE = int(os.environ.get("PATIENCE") or 1)
QMP_SECONDS = 10  # VmStartTimeout: not for us to multiply


def reserve():
    """Descriptors 3 and 4 are nobody else's: the monitor's two are put there."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (3, 4):
        os.dup2(null, number)
    if null > 4:
        os.close(null)


reserve()


def recorded(name):
    """The words of that recording."""
    with open(os.path.join(os.environ["TOP"], "kata", name + ".jsonl"), encoding="utf-8") as file:
        return json.loads(file.readline())["argv"]


def without(argv, *patterns):
    """The words without the options whose value matches."""
    kept = []
    for option, value in pairs(argv):
        if not any(value is not None and re.search(pattern, value) for pattern in patterns):
            kept += [option] if value is None else [option, value]
    return kept


def pairs(argv):
    i = 0
    while i < len(argv):
        alone = i + 1 == len(argv) or argv[i + 1].startswith("-")
        yield argv[i], None if alone else argv[i + 1]
        i += 1 if alone else 2


class Monitor:
    """Start to end of one; argv as recorded, less the program's name."""

    def __init__(self, argv, virtiofsd=True):
        self.argv = argv
        self.host = host.Host(self.word(r"^sandbox-(.*)"), os.getcwd())
        if virtiofsd and self.word(r"path=(\S+virtiofs_kata\.socket)"):
            self.host.start_virtiofsd(self.word(r"path=(\S+virtiofs_kata\.socket)").split(",")[0])
        if self.word(r"guest-cid=(\d+)"):
            self.host.open_vsock(int(self.word(r"guest-cid=(\d+)")), 3)
        if self.word(r"fds=(\d+)"):
            self.host.open_tap("tap0_kata", 4)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([MONITOR] + argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.DEVNULL,
                                        pass_fds=(3, 4), env={"PATH": os.environ["PATH"], "STRATOVIRT_LOG_LEVEL": "info",
                                             "SAMPAN_DISK_DIRS": os.getcwd()})
        reserve()
        self.socket = self.word(r"^unix:([^,]+)")

    def lines(self):
        return [line for line in self.text().splitlines() if not line.startswith("(status ")]

    def word(self, pattern):
        return next((match.group(1) for match in (re.search(pattern, arg) for arg in self.argv) if match), None)

    def dial(self):
        """A negotiated connection."""
        connection = qmp.Qmp(self.socket, QMP_SECONDS, lambda: self.process.poll() is None)
        answer = connection.command('{"execute":"qmp_capabilities"}\n')
        if answer != {"return": {}}:
            raise ValueError(f"qmp_capabilities: {answer}")
        return connection

    def text(self):
        """What it said so far, and how it ended if it did."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace") + ("" if self.process.poll() is None else f"(status {self.process.returncode})\n")

    def wait(self, seconds):
        """The exit status, or None."""
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        left = self.host.leftovers(MONITOR)
        self.host.close()
        return left


def ask(connection, execute, **arguments):
    """A command, as Kata writes it; the answer."""
    message = {"execute": execute}
    if arguments:
        message["arguments"] = {key.replace("_in_", "-"): value for key, value in arguments.items()}
    return connection.command(json.dumps(message, sort_keys=True) + "\n")


def refusal(answer):
    """The sentence of an error."""
    return answer.get("error", {}).get("desc", "")


class Shell:
    """The guest's shell on the console."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.data = b""
        self.count = 0

    def read_until(self, pattern, seconds):
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            match = re.search(pattern, self.data, re.S)
            if match:
                self.data = self.data[match.end():]
                return match
            self.socket.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                more = b""
            if not more:
                raise TimeoutError(f"no {pattern!r} on the console; its end: {self.data[-600:]!r}")
            self.data += more

    def run(self, command, seconds=60):
        """What the command prints. The marks are put together by the shell, so its echo has none."""
        self.count += 1
        mark = f"{self.count}"
        self.socket.sendall(f"echo 'be''gin {mark}'; {command}; echo 'en''d {mark}'\n".encode())
        match = self.read_until(f"begin {mark}\r?\n(.*?)end {mark}\r?\n".encode(), seconds)
        return match.group(1).decode("utf-8", "replace").replace("\r", "").strip()
