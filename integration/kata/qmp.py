"""QMP as Kata's Go runtime speaks it (govmm): a JSON object per line, no ids, one command at a time; a greeting that names a
major version of at least 5; events may come before or after the answer they belong to."""
import json
import socket
import time

DIAL_SECONDS = 10  # VmStartTimeout
DIAL_PAUSE = 0.05


class Qmp:
    def __init__(self, path, seconds, alive):
        """Dials every 50 ms for at most `seconds`; alive() false ends it at once."""
        deadline = time.monotonic() + seconds
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                break
            except OSError as why:
                self.sock.close()
                if time.monotonic() > deadline or not alive():
                    raise TimeoutError(f"QMP socket {path}: {why}") from why
                time.sleep(DIAL_PAUSE)
        self.sock.settimeout(seconds)
        self.file = self.sock.makefile("rb")
        self.events = []
        greeting = json.loads(self.file.readline())
        if greeting["QMP"]["version"]["qemu"]["major"] < 5:
            raise ValueError(f"the greeting's version is too old: {greeting}")

    def command(self, raw):
        """Sends the line as it was recorded and returns the answer, an object with return or error."""
        self.sock.sendall(raw.encode())
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("QMP connection closed")
            answer = json.loads(line)
            if "event" not in answer:
                return answer
            self.events.append(answer)

    def event(self, name, device):
        """Waits for an event about a device."""
        while True:
            for event in self.events:
                if event["event"] == name and event["data"]["device"] == device:
                    self.events.remove(event)
                    return event
            line = self.file.readline()
            if not line:
                raise EOFError(f"no {name} for {device}: QMP connection closed")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer)

    def close(self):
        self.file.close()
        self.sock.close()
