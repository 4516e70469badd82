"""play FIXTURE MONITOR CLIENT DISK: a recorded pod's life once more, with the monitor MONITOR in the place of StratoVirt and `CLIENT agent`
as the agent's client. It does on the host what Kata's runtime does (host.py), starts the monitor with the recorded arguments, and
sends what the runtime sent, call by call in its order: a call that was sent after an answer had come waits for that answer.
DISK is what plugged disks have: none, empty (an empty ext4) or rootfs (an ext4 with a container's root file system).
Prints a line "case NAME ok" or "case NAME FAIL why" for each call, and (with $SOAK) one for their order: no call may be answered before another one
that the recorded answer came after, if that one is what it had to wait for. The working directory takes files; the network namespace must
be the caller's own."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import agent
import host
import judge
import parent
import qmp

PAUSE = 1.5  # of the recorded pauses between calls, at most this many seconds are kept
DIAL_AGENT = 90  # [agent.kata] dial_timeout
PATIENCE = int(os.environ.get("PATIENCE") or 1)
FIRST_SECOND = 1 * PATIENCE
DEADLINES = {"Check": 30, "CreateContainer": 60, "WaitProcess": None, "GetOOMEvent": None}
DEADLINE = 60  # of the other calls


class Player:
    def __init__(self, fixture, monitor, client, disk):
        self.name = os.path.basename(fixture).split(".")[0]
        with open(fixture, encoding="utf-8") as file:
            self.lines = [json.loads(line) for line in file]
        self.argv = self.lines.pop(0)["argv"]
        self.monitor, self.client, self.disk = monitor, client, disk
        self.failed = False
        self.count = 0
        self.killed = None  # when the shim was
        self.early = []
        self.qmps, self.agents, self.outstanding, self.readers = {}, {}, [], {}
        self.console, self.console_said = None, b""
        self.host = host.Host(self.argv[self.argv.index("-name") + 1].removeprefix("sandbox-"), os.getcwd(), *self.names())

    def case(self, name, why=None):
        """A name with "unproved" has no recording behind it: the runtime's source says so, or the protocol."""
        self.failed |= bool(why)
        print(f"case {self.name}/{name} " + (f"FAIL {why}" if why else "ok"), flush=True)

    def names(self):
        """The hostname and the lines of resolv.conf."""
        request = next(line["request"] for line in self.lines if line.get("agent") == "CreateSandbox")
        return request["hostname"], request.get("dns", [])

    def word(self, pattern):
        return next(match.group(1) for match in (re.search(pattern, arg) for arg in self.argv) if match)

    def start(self):
        """The monitor as the shim's child: descriptors from 3 on, stdin and stderr nowhere."""
        self.host.start_virtiofsd(self.word(r"path=(\S+virtiofs_kata\.socket)"))
        self.host.open_vsock(int(self.word(r"guest-cid=(\d+)")), 3)
        self.host.open_tap("tap0_kata", 4)
        self.log = open("monitor.log", "w+b")
        self.process = parent.Parent([self.monitor] + self.argv[1:], stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=subprocess.DEVNULL, pass_fds=(3, 4), env={"PATH": os.environ["PATH"]})
        os.dup2(os.open(os.devnull, os.O_RDWR), 4)  # the tap is the monitor's alone from now on

    def play(self):
        began = None
        for line in self.lines:
            now = line["t"]
            self.settle(now)
            if began is not None:
                time.sleep(max(0, min(now - began, PAUSE * 1000)) / 1000)
            began = now
            if "agent" in line:
                self.call(line)
            elif "qmp" in line:
                self.command(line)
            elif "qmp-connect" in line:
                self.connect(line["qmp-connect"])
            elif "qmp-disconnect" in line:
                self.qmps.pop(line["qmp-disconnect"]).close()
            elif line.get("host") == "configmap":
                self.change(line)
            elif line.get("host") == "kill-shim":
                self.process.kill_shim()
                self.killed = time.monotonic()
        self.settle(float("inf"))
        self.case("order", ", ".join(self.early) or None)

    # QMP

    def connect(self, number):
        path = self.word(r"^unix:([^,]+)")
        began = time.monotonic()
        try:
            self.qmps[number] = qmp.Qmp(path, qmp.DIAL_SECONDS, self.process.alive)
            self.watch_console()
            self.case(f"{self.serial()}-qmp-dial", None if time.monotonic() - began <= qmp.DIAL_SECONDS else "too late")
        except (TimeoutError, OSError, ValueError) as why:
            self.case(f"{self.serial()}-qmp-dial", str(why))
            raise SystemExit(1) from why

    def watch_console(self):
        """With debugging on, the runtime reads the guest's console as soon as QMP answers; it must be there then."""
        path = next((m.group(1) for m in (re.search(r"path=([^,]+console\.socket)", arg) for arg in self.argv) if m), None)
        if path and not self.console:
            self.console = socket.socket(socket.AF_UNIX)
            self.console.connect(path)
            threading.Thread(target=self.read_console, daemon=True).start()

    def read_console(self):
        try:
            while data := self.console.recv(4096):
                self.console_said += data
        except OSError:  # the monitor was killed
            pass

    def command(self, line):
        name = line["qmp"]["execute"]
        if name == "blockdev-add":
            self.host.make_disk(line["qmp"]["arguments"]["file"]["filename"], self.disk)
        connection = self.qmps[line["conn"]]
        answer = connection.command(line["raw"])
        why = None
        if "return" in line and "return" not in answer:
            why = f"answer {answer}"
        elif name == "query-cpus":
            why = self.threads(answer["return"])
        elif answer.get("return") != line.get("return"):
            why = f"answer {answer}, recorded {line.get('return')}"
        self.case(f"{self.serial()}-{name}", why)
        for event, data in line.get("events", []):
            try:
                connection.event(event, data["device"])
                self.case(f"{self.serial()}-{event}")
            except (EOFError, TimeoutError) as error:
                self.case(f"{self.serial()}-{event}", str(error))

    def threads(self, cpus):
        """The runtime puts these threads into its cgroup: they must be the monitor's own."""
        tasks = os.listdir(f"/proc/{self.process.pid}/task")
        strange = [cpu for cpu in cpus if str(cpu.get("thread_id")) not in tasks]
        if strange or not cpus:
            return f"not the monitor's threads: {strange or cpus}"
        return None

    # The agent

    def call(self, line):
        number = re.search(r"conn (\d+)", line["from"]).group(1)
        method, request = line["agent"], line["request"]
        if number not in self.agents:
            for old in self.agents.values():
                old.close()
            self.agents[number] = self.dial()
        if method == "CreateContainer":
            self.host.share_container(request)
        self.early += [f"{other} before {method} of {self.count + 1:03}" for other in self.answered_before(line)]
        name = f"{self.serial()}-{method}" + ("-unproved" if "unproved" in line["from"] else "")
        if "read" in line:
            key = (method, request["container_id"], request["exec_id"])
            self.readers[key] = agent.Reader(self.agents[number], method, request)
            self.outstanding.append((line, name, self.readers[key], time.monotonic()))
        else:
            self.outstanding.append((line, name, self.agents[number].send(method, request), time.monotonic()))

    def answered_before(self, cause):
        """The calls that should still wait for this one, which is about to be sent, and don't."""
        for line, name, call, _ in self.outstanding:
            waits = line.get("end") != "open" and line.get("done", 0) > cause["t"]
            arrived = call.ended if isinstance(call, agent.Reader) else call.arrived
            if waits and arrived.is_set() and concerns(cause, line):
                yield name

    def dial(self):
        """The runtime dials until the agent answers; who cleans up for a killed shim finds it at once, or never."""
        began = time.monotonic()
        deadline = began + (FIRST_SECOND if self.killed else DIAL_AGENT)
        while time.monotonic() < deadline and self.process.alive():
            connection = agent.Agent(self.client, f"vsock://{self.word(r'guest-cid=([0-9]+)')}:1024", 86400)
            try:
                answer = connection.send("grpc.Health/Check", {}).wait(DIAL_AGENT)
            except TimeoutError:
                break
            if answer["code"] == 0:
                self.case(f"{self.serial()}-agent-dial")
                return connection
            connection.close()
            time.sleep(0.1)
        self.case(f"{self.serial()}-agent-dial", f"no agent within {time.monotonic() - began:.1f} s")
        raise SystemExit(1)

    def settle(self, now):
        """What had been answered, or read, by this time of the recording must be."""
        left = []
        for entry in self.outstanding:
            line, name, call, began = entry
            ended = line.get("done") is not None and line["done"] <= now and line.get("end") != "open"
            if isinstance(call, agent.Reader):
                if not self.settle_stream(line, name, call, now, ended):
                    left.append(entry)
            elif ended:
                self.settle_call(line, name, call, began)
            elif now == float("inf") and line["agent"] not in ("GetOOMEvent", "WaitProcess"):
                print(f"unproved: {name}: the recording has no answer", flush=True)
            else:
                left.append(entry)
        self.outstanding = left

    def settle_call(self, line, name, call, began):
        deadline = DEADLINES.get(line["agent"], DEADLINE)
        try:
            answer = call.wait(deadline and max(0, began + deadline - time.monotonic()) or 120)
        except TimeoutError as why:
            self.case(name, str(why))
            return
        if line["agent"] == "GetOOMEvent" and line["code"]:
            self.case(name, None if answer["code"] else f"answer {answer}, recorded an error")
        else:
            self.case(name, judge.call(line, answer))

    def settle_stream(self, line, name, reader, now, ended):
        if ended or now == float("inf"):
            if line["end"] != "open":
                reader.ended.wait(60)
            elif "parts" in line:
                reader.wait_parts(line["parts"], 30)
            else:
                reader.wait_bytes(len(line["read"]), 30)
            self.case(name, judge.stream(line, reader))
            return True
        expected = [size for when, size in line.get("progress", []) if when <= now]
        if expected and "parts" not in line:
            reader.wait_bytes(expected[-1], 30)
        elif expected and len(expected) == len(line["progress"]):
            reader.wait_parts(line["parts"], 30)  # all had come by then
        return False

    def change(self, line):
        for path in self.host.configmaps:
            self.host.write_configmap(path, line["value"])
        time.sleep(line["settle"])

    def serial(self):
        self.count += 1
        return f"{self.count:03}"

    # The end: the runtime wants QMP to answer once more after DestroySandbox, then it kills.

    def stop(self):
        for connection in self.agents.values():
            connection.close()
        if any(line.get("agent") == "DestroySandbox" for line in self.lines):
            self.dial_once_more()
        for connection in self.qmps.values():
            connection.close()
        self.case("end-killed", None if self.process.kill() else "the monitor is still there")
        if self.console:
            self.case("console-talks", None if b"sampan-agent: " in self.console_said else f"it said {self.console_said[-200:]}")
        found = self.host.leftovers(self.monitor)
        self.case("end-nothing-left", "left: " + ", ".join(found) if found else None)

    def dial_once_more(self):
        """The driver's source says so; the recordings have it where a killed shim was cleaned up for, which does not wait."""
        if not self.killed:
            time.sleep(3)  # the guest is off by then
        try:
            last = qmp.Qmp(self.word(r"^unix:([^,]+)"), qmp.DIAL_SECONDS, self.process.alive)
            last.command('{"execute":"qmp_capabilities"}\n')
            status = last.command('{"execute":"query-status"}\n').get("return", {}).get("status")
            self.case("end-qmp-answers-unproved", None if self.killed or status == "shutdown" else f"status {status}")
            last.close()
        except (OSError, EOFError, TimeoutError) as why:
            self.case("end-qmp-answers-unproved", str(why))

    def close(self):
        self.process.kill()
        self.host.close()


def concerns(cause, line):
    """Whether a call says something to the process that another one waits for, or ends the sandbox."""
    if cause["agent"] == "DestroySandbox":
        return line["agent"] in ("GetOOMEvent", "WaitProcess")
    if cause["agent"] not in ("SignalProcess", "WriteStdin", "CloseStdin", "TtyWinResize", "RemoveContainer"):
        return False
    said, waits = cause["request"], line["request"]
    return said.get("container_id") == waits.get("container_id") and said.get("exec_id", "") in ("", waits.get("exec_id"))


def main():
    for number in (3, 4):  # kept for the monitor's descriptors
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    fixture, monitor, client, disk = sys.argv[1:]
    player = Player(fixture, monitor, client, disk)
    try:
        player.start()
        player.play()
        player.stop()
    finally:
        player.close()
    return player.failed


if __name__ == "__main__":
    sys.exit(main())
