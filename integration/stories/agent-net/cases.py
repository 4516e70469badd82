"""What the agent does for the guest as a whole. Usage: cases.py CID MAC"""
import base64
import json
import os
import socket
import subprocess
import sys
import time

CID, MAC = int(sys.argv[1]), sys.argv[2]
SECONDS = 60 * int(os.environ.get("PATIENCE", "1"))
failed = False


def call(method, **request):
    """The answer, or the error's text."""
    done = subprocess.run([os.environ["SAMPAN"], "agent", "--timeout", str(SECONDS), f"vsock://{CID}:1024", method, json.dumps(request)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return json.loads(done.stdout or "{}") if done.returncode == 0 else done.stderr.strip()


def same(have, want):
    if have != want:
        raise AssertionError(f"{have!r}, not {want!r}")


def has(have, want):
    if want not in have:
        raise AssertionError(f"no {want!r} in {have!r}")


def dial(port):
    s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    s.settimeout(SECONDS)
    s.connect((CID, port))
    return s


def until(s, text):
    got = b""
    while text.encode() not in got:
        more = s.recv(4096)
        if not more:
            raise AssertionError(f"the end after {got!r}")
        got += more
    return got.decode("utf-8", "replace")


def shell(line):
    """What a line says in the debug console."""
    s = dial(1026)
    s.sendall(f"{line}; echo do''ne\n".encode())
    said = until(s, "done\r\n")
    s.close()
    return said


def interface():
    wanted = {"device": "eth0", "name": "net7", "mtu": "1400", "hwAddr": MAC,
              "IPAddresses": [{"address": "10.88.0.15", "mask": "16"}, {"family": "v6", "address": "fe80::5054:ff:fe00:7", "mask": "64"}]}
    same(call("UpdateInterface", interface=wanted), wanted)
    listed = {i["name"]: i for i in call("ListInterfaces")["Interfaces"]}
    same((listed["net7"]["mtu"], listed["net7"]["hwAddr"], listed["net7"]["IPAddresses"]), ("1400", MAC, wanted["IPAddresses"]))
    has(call("UpdateInterface", interface={**wanted, "hwAddr": "02:00:00:00:00:99"}), "Link not found")


def routes():
    listed = call("UpdateRoutes", routes={"Routes": [{"dest": "0.0.0.0/0", "gateway": "10.88.0.1", "device": "net7"}]})["Routes"]
    same(listed[:2], [{"dest": "0.0.0.0", "gateway": "10.88.0.1", "device": "net7"}, {"dest": "10.88.0.0/16", "device": "net7", "scope": 253}])
    has([r["dest"] for r in listed], "fe80::/64")
    same(call("ListRoutes")["Routes"], listed)


def packets():
    subprocess.run(["ping", "-q", "-c", "3", "-W", "5", "10.88.0.15"], check=True, stdout=subprocess.DEVNULL)


def neighbour():
    same(call("AddARPNeighbors", neighbors={"ARPNeighbors": [
        {"toIPAddress": {"address": "10.88.0.77"}, "device": "net7", "lladdr": "02:00:00:00:00:77", "state": 128}]}), {})
    has(shell("cat /proc/net/arp"), "02:00:00:00:00:77")


def packet_filter():
    for v6, address in ((False, "10.99.0.0/16"), (True, "fd00:99::/32")):
        rules = f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s {address} -p tcp -m tcp --dport 99 -j DROP\nCOMMIT\n"
        same(call("SetIPTables", is_ipv6=v6, data=base64.b64encode(rules.encode()).decode()), {})
        have = base64.b64decode(call("GetIPTables", is_ipv6=v6)["data"]).decode()
        has(have, f"-A INPUT -s {address} -p tcp -m tcp --dport 99 -j DROP")
    has(call("SetIPTables", data=base64.b64encode(b"*filter\nnonsense\nCOMMIT\n").decode()), "nonsense")


def guest():
    details = call("GetGuestDetails", mem_block_size=True, mem_hotplug_probe=True)
    same(details["mem_block_size_bytes"], "134217728")
    same(details["agent_details"]["init_daemon"], True)
    same(call("OnlineCPUMem", nb_cpus=2), {})
    same(call("OnlineCPUMem"), {})
    began = time.monotonic()
    has(call("OnlineCPUMem", nb_cpus=3, cpu_only=True), "2 CPUs are online")
    if time.monotonic() - began < 5:
        raise AssertionError("it did not wait")


def clock():
    same(call("SetGuestDateTime", Sec="2000000000"), {})
    has(shell("date +%s"), "\n20000000")
    same(call("ReseedRandomDev", data=base64.b64encode(os.urandom(512)).decode()), {})


def console():
    has(shell("tty; id -u"), "/dev/pts/")
    s = dial(1026)
    s.sendall(b"exit\n")
    while s.recv(4096):
        pass
    same(len([dial(1026) for _ in range(4)]), 4)


def log():
    s = dial(1025)
    time.sleep(1)
    sessions = [dial(1026) for _ in range(10)]  # more than there may be: the agent says so
    has(until(s, "sessions already\n"), "sampan-agent: warn: ")
    for one in sessions:
        one.close()


def destroy():
    same(call("DestroySandbox"), {})


for case in (interface, routes, packets, neighbour, packet_filter, guest, clock, console, log, destroy):
    try:
        case()
        print(f"case {case.__name__} ok", flush=True)
    except Exception as e:  # what it was is the case's reason
        failed = True
        print(f"case {case.__name__} FAIL {type(e).__name__}: {e}", flush=True)
sys.exit(failed)
