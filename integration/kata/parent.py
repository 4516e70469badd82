"""The monitor as the child of a process of its own, as it is the child of Kata's shim: so that the shim can be killed and what does its
work afterwards lives on."""
import os
import signal
import subprocess
import time


class Parent:
    """Starts argv in a child of a child; pid is the monitor's."""

    def __init__(self, argv, **how):
        mine, theirs = os.pipe()
        self.shim = os.fork()
        if not self.shim:
            os.close(mine)
            child = subprocess.Popen(argv, **how)
            for number in how.get("pass_fds", ()):
                os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), number)  # they are the monitor's alone now
            os.write(theirs, f"{child.pid}\n".encode())
            os.close(theirs)
            child.wait()
            os._exit(0)
        os.close(theirs)
        with os.fdopen(mine) as pipe:
            self.pid = int(pipe.readline() or 0)
        if not self.pid:
            os.waitpid(self.shim, 0)
            raise RuntimeError(f"{argv[0]} did not start")

    def kill_shim(self):
        if self.shim:
            os.kill(self.shim, signal.SIGKILL)
            os.waitpid(self.shim, 0)
            self.shim = 0

    def alive(self):
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def wait(self, seconds):
        """Whether the monitor has ended by then."""
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.alive()

    def kill(self):
        """The monitor, and what is left of its parent."""
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
        gone = self.wait(10)
        if self.shim:
            os.waitpid(self.shim, 0)
            self.shim = 0
        return gone
