"""A pod's network in a guest. Usage: cases.py CID NETNS"""
import hashlib
import json
import os
import socket
import subprocess
import sys
import time

CID, NETNS = int(sys.argv[1]), sys.argv[2]
PATIENCE = int(os.environ.get("PATIENCE", "1"))
SECONDS = 60 * PATIENCE
MUCH = (100 if os.environ.get("SOAK") else 4) << 20
failed = False


def call(method, **request):
    done = subprocess.run([os.environ["SAMPAN"], "agent", "--timeout", str(SECONDS), f"vsock://{CID}:1024", method, json.dumps(request)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise AssertionError(done.stderr.strip() or f"{method}: status {done.returncode}")
    return json.loads(done.stdout or "{}")


def same(have, want):
    if have != want:
        raise AssertionError(f"{have!r}, not {want!r}")


class Shell:
    """A debug console's; say() is what a line prints."""

    def __init__(self):
        self.s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        self.s.settimeout(SECONDS)
        self.s.connect((CID, 1026))
        self.n = 0

    def send(self, line):
        self.n += 1
        self.s.sendall(f"{line}; echo do''ne-{self.n}\n".encode())

    def answer(self):
        got = b""
        while f"done-{self.n}\r\n".encode() not in got:
            more = self.s.recv(4096)
            if not more:
                raise AssertionError(f"the end after {got!r}")
            got += more
        return got.decode("utf-8", "replace")

    def say(self, line):
        self.send(line)
        return self.answer()


def until_it_listens(shell, port):
    shell.say(f"until grep -q ':{port:04X} .* 0A ' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done")


def dial(to, port, pod=False):
    """A connection from the host, or from inside the pod's namespace."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{NETNS}", os.O_RDONLY)
    if pod:
        os.setns(there, os.CLONE_NEWNET)
    try:
        s = socket.create_connection((to, port), SECONDS)
    finally:
        os.setns(own, os.CLONE_NEWNET)
        os.close(own)
        os.close(there)
    return s


def everything(s):
    got = hashlib.sha256()
    n = 0
    while more := s.recv(1 << 18):
        got.update(more)
        n += len(more)
    return n, got.hexdigest()


def forwarded(port, to="127.0.0.1"):
    return dial(to, port, pod=True)


def told():
    """The agent gets what was read of the namespace."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            call("Check")
            break
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    interface = json.load(open("interface.json"))
    same(interface["interface"]["mtu"], "1400")
    same([a["address"] for a in interface["interface"]["IPAddresses"]][0], "10.99.0.2")
    call("UpdateInterface", **interface)
    listed = call("UpdateRoutes", **json.load(open("routes.json")))["Routes"]
    same(listed[0], {"dest": "0.0.0.0", "gateway": "10.99.0.1", "device": "eth0"})


def packets():
    subprocess.run(["ping", "-q", "-c", "3", "-W", str(5 * PATIENCE), "10.99.0.2"], check=True, stdout=subprocess.DEVNULL)


def to_the_guest():
    shell = Shell()
    shell.send("nc -l -p 7000 </dev/null | sha256sum")
    until_it_listens(Shell(), 7000)
    data = os.urandom(MUCH)
    began = time.monotonic()
    s = dial("10.99.0.2", 7000)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    said = shell.answer()
    print(f"# {MUCH >> 20} MB to the guest in {time.monotonic() - began:.2f} s")
    if hashlib.sha256(data).hexdigest() not in said:
        raise AssertionError(f"another checksum: {said}")


def from_the_guest():
    shell = Shell()
    said = shell.say(f"head -c {MUCH} /dev/urandom >/tmp/much; sha256sum /tmp/much")
    shell.send("nc -l -p 7001 </tmp/much")
    until_it_listens(Shell(), 7001)
    began = time.monotonic()
    s = dial("10.99.0.2", 7001)
    n, digest = everything(s)
    print(f"# {n >> 20} MB from the guest in {time.monotonic() - began:.2f} s")
    if digest not in said:
        raise AssertionError(f"another checksum of {n} bytes: {said}")


def port_forward():
    Shell().say("mkdir /tmp/www; head -c 1000000 /dev/urandom >/tmp/www/file; httpd -p 127.0.0.1:8080 -h /tmp/www")
    want = Shell().say("sha256sum /tmp/www/file")
    for to in ("127.0.0.1", "::1"):
        began = time.monotonic()
        s = forwarded(8080, to)
        s.sendall(b"GET /file HTTP/1.0\r\n\r\n")
        answer = b""
        while more := s.recv(1 << 18):
            answer += more
        print(f"# 1 MB through {to} in {time.monotonic() - began:.2f} s")
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head or hashlib.sha256(body).hexdigest() not in want:
            raise AssertionError(f"{head!r} and {len(body)} bytes")


def half_close():
    shell = Shell()
    shell.send("nc -l -p 8081 -e sha256sum")
    until_it_listens(Shell(), 8081)
    data = os.urandom(300000)
    s = forwarded(8081)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    same(s.recv(64).decode(), hashlib.sha256(data).hexdigest())


def nobody_listens():
    for to in ("127.0.0.1", "::1"):
        began = time.monotonic()
        s = forwarded(9, to)
        try:
            same(s.recv(1), "a reset")
        except ConnectionResetError:
            pass
        if time.monotonic() - began > 3 * PATIENCE:
            raise AssertionError("it took long")


def many():
    """Connections at once, a request on each."""
    some = [forwarded(8080) for _ in range(200 if os.environ.get("SOAK") else 20)]
    for s in some:
        s.sendall(b"GET /none HTTP/1.0\r\n\r\n")
    for s in some:
        if b" 404 " not in s.recv(100):
            raise AssertionError("no answer")
        s.close()


def destroy():
    same(call("DestroySandbox"), {})


for case in (told, packets, to_the_guest, from_the_guest, port_forward, half_close, nobody_listens, many, destroy):
    try:
        case()
        print(f"case {case.__name__} ok", flush=True)
    except Exception as e:  # what it was is the case's reason
        failed = True
        print(f"case {case.__name__} FAIL {type(e).__name__}: {e}", flush=True)
        if case is told:
            break
sys.exit(failed)
