"""The agent's side of a call: `sampan agent ADDRESS batch`, one connection with as many calls outstanding as there are."""
import base64
import json
import subprocess
import threading


class Call:
    def __init__(self):
        self.answer = None
        self.arrived = threading.Event()

    def wait(self, seconds):
        if not self.arrived.wait(seconds):
            raise TimeoutError(f"no answer within {seconds} s")
        return self.answer


class Agent:
    def __init__(self, program, address, seconds):
        self.process = subprocess.Popen([program, "agent", "--timeout", str(seconds), address, "batch"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.calls = {}
        self.next_id = 1
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.lock:
                call = self.calls.pop(answer["id"], None)
            if call:
                call.answer = answer
                call.arrived.set()
        with self.lock:
            lost, self.calls = self.calls, {}
        for call in lost.values():
            call.answer = {"code": 14, "message": "connection closed"}
            call.arrived.set()

    def send(self, method, request):
        call = Call()
        with self.lock:
            call_id = self.next_id
            self.next_id += 1
            self.calls[call_id] = call
            self.process.stdin.write(json.dumps({"id": call_id, "method": method, "request": request}) + "\n")
            self.process.stdin.flush()
        return call

    def close(self):
        self.process.kill()
        self.process.wait()


class Reader:
    """Reads an output stream to its end, as the runtime does, a call at a time."""

    def __init__(self, agent, method, request):
        self.data = b""
        self.end = None  # an answer, when the stream has ended
        self.ended = threading.Event()
        self.grown = threading.Condition()
        threading.Thread(target=self._run, args=(agent, method, request), daemon=True).start()

    def _run(self, agent, method, request):
        while True:
            answer = agent.send(method, request).wait(None)
            data = base64.b64decode((answer.get("response") or {}).get("data", ""))
            with self.grown:
                self.data += data
                self.grown.notify_all()
            if answer["code"] or not data:
                self.end = answer
                self.ended.set()
                return

    def wait_bytes(self, count, seconds):
        with self.grown:
            self.grown.wait_for(lambda: len(self.data) >= count or self.end, seconds)

    def wait_parts(self, parts, seconds):
        """Until all parts are in what was read, or the stream has ended."""
        with self.grown:
            self.grown.wait_for(lambda: self.end or all(part in self.data.decode("utf-8", "replace") for part in parts), seconds)
