"""cases.py NAME SET ADDRESS DEVICE CYCLES: asks the agent at ADDRESS for a pod's life; a line "case NAME-..." each."""
import hashlib
import os
import struct
import subprocess
import sys
import time
import traceback

from guest import PROBE, ROOT, SECONDS, Failed, Guest, b64

name, which, address, device, cycles = sys.argv[1:6]
SHARED = "/run/kata-containers/shared/containers"
SWAP = "/dev/vdb"
HOOKS = "/run/hooks" # in one of the guests there are some
failed = False


def check(truth, what):
    if not truth:
        raise Failed(what)


def same(have, want):
    check(have == want, f"{have!r}, not {want!r}")


def sandbox(g):
    same(g.call("Check"), {"status": "SERVING"})
    check(g.call("Version").get("agent_version"), "no version")
    g.call("CreateSandbox", hostname="pod", sandbox_id="sandbox", dns=["nameserver 10.0.0.1", ""], guest_hook_path=HOOKS, storages=[
        {"driver": "ephemeral", "source": "shm", "fstype": "tmpfs", "mount_point": "/run/kata-containers/sandbox/shm",
         "options": ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"]}])
    same(g.answer("CreateSandbox", hostname="pod", sandbox_id="other")["code"], 6)
    details = g.call("GetGuestDetails", mem_block_size=True)
    check(int(details["mem_block_size_bytes"]) > 0, "no memory block size")


def container(g):
    g.start("probe", ["sleep", "100000"], sandbox_pidns=True, mounts=PROBE)
    same(g.shell("probe", "hostname; id -u; echo $((6 * 7))"), "pod\n0\n42")
    same(g.shell("probe", "mkdir -p /made && echo here >/made/file && cat /made/file"), "here")
    controllers, delegated = g.shell("probe", "cd /guest/cgroup && cat cgroup.controllers kata/cgroup.subtree_control").split("\n")
    same(sorted(delegated.split()), sorted(controllers.split()))
    check({"cpu", "cpuset", "io", "memory", "pids"} <= set(controllers.split()), controllers)
    figures = g.figures("probe")
    print("the agent with one container:", figures)
    check(0 < figures["memory"] <= 2048, f"{figures['memory']} KiB resident")


def shared(g):
    links = "for n in pid ipc uts net mnt; do readlink /proc/self/ns/$n; done"
    g.start("second", ["sleep", "100000"], sandbox_pidns=True)
    first, second = (g.shell(c, links).split() for c in ("probe", "second"))
    same(second[:4], first[:4])
    check(first[4] != second[4], "one mount namespace for both")
    g.shell("second", "echo through >/dev/shm/memory")
    same(g.shell("probe", "cat /dev/shm/memory"), "through")
    g.end("second")
    g.start("third", ["sleep", "100000"])
    third = g.shell("third", links).split()
    check(third[0] != first[0], "the pid namespace is shared")
    same(third[1:4], first[1:4])
    same(g.shell("third", "ps | grep -c '[s]leep 100000'"), "1")
    g.end("third")


def exec_streams(g):
    process = g.exec_start("probe", ["sh", "-c", "echo out; echo err >&2; exit 3"])
    data, end = g.read("probe", process)
    same((data, end["code"]), (b"out\n", 0))
    same(g.read("probe", process, "Stderr")[0], b"err\n")
    same(g.wait("probe", process), 3)
    answer = g.answer("WaitProcess", container_id="probe", exec_id=process)
    same(answer["code"], 13)
    check("NOT_FOUND" in answer["message"], answer)
    process = g.exec_start("probe", ["cat"])
    same(g.write("probe", process, b"a line\n"), 7)
    g.close_stdin("probe", process)
    same(g.read("probe", process)[0], b"a line\n")
    same(g.wait("probe", process), 0)


def terminal(g):
    process = g.exec_start("probe", ["sh"], terminal=True)
    reader = g.reader("probe", process)
    g.call("TtyWinResize", container_id="probe", exec_id=process, row=30, column=100)
    g.write("probe", process, b"stty size; tty; exit 5\n")
    check(reader.ended.wait(SECONDS), "the terminal does not end")
    check(b"30 100\r\n/dev/pts/" in reader.data, reader.data)
    same(reader.end["code"], 13)
    same(reader.end["message"], "Input/output error (os error 5)")
    same(g.wait("probe", process), 5)
    g.start("tty", ["sh"], terminal=True)
    reader = g.reader("tty", "tty")
    g.write("tty", "tty", b"tty; exit 4\n")
    check(reader.ended.wait(SECONDS), "the container's terminal does not end")
    check(b"/dev/pts/0" in reader.data, reader.data)
    same(g.wait("tty", "tty"), 4)
    g.call("RemoveContainer", container_id="tty")
    answer = g.answer("TtyWinResize", container_id="probe", exec_id="probe", row=1, column=1)
    same((answer["code"], answer["message"]), (14, "no tty"))


def copy(g, way, process, **streams):
    """sampan agent's own way to copy a stream; seconds."""
    began = time.monotonic()
    subprocess.run([os.environ["SAMPAN"], "agent", g.address, way, "probe", process], check=True, timeout=SECONDS, **streams)
    return time.monotonic() - began


def megabytes(g):
    size = 10_000_000
    data = os.urandom(size)
    with open("sent", "wb") as file:
        file.write(data)
    process = g.exec_start("probe", ["md5sum"])
    with open("sent", "rb") as file:
        there = copy(g, "stdin", process, stdin=file)
    same(g.read("probe", process)[0].split()[0].decode(), hashlib.md5(data).hexdigest())
    same(g.wait("probe", process), 0)
    process = g.exec_start("probe", ["sh", "-c", f"yes 0123456789 | head -c {size}"])
    with open("received", "wb") as file:
        back = copy(g, "stdout", process, stdout=file)
    with open("received", "rb") as file:
        same(hashlib.md5(file.read()).hexdigest(), hashlib.md5((b"0123456789\n" * (size // 11 + 1))[:size]).hexdigest())
    same(g.wait("probe", process), 0)
    with open(os.environ["OUT"] + "/figures", "a", encoding="ascii") as file:
        file.write(f"agent_stdin {name} {size / 1e6 / there:.3f} MB/s\nagent_stdout {name} {size / 1e6 / back:.3f} MB/s\n")


def drain(g):
    """A grandchild that keeps the pipe does not keep the end from us."""
    process = g.exec_start("probe", ["sh", "-c", "sleep 300 & echo said"])
    began = time.monotonic()
    same(g.read("probe", process)[0], b"said\n")
    check(time.monotonic() - began < 30, "it waited for the grandchild")
    same(g.wait("probe", process), 0)


def signals(g):
    process = g.exec_start("probe", ["sh", "-c", "kill -USR1 $$; sleep 9"])
    same(g.wait("probe", process), 138)
    process = g.exec_start("probe", ["sleep", "1000"])
    g.call("SignalProcess", container_id="probe", exec_id=process) # 0: is it there?
    waiting = [g.agent.send("WaitProcess", {"container_id": "probe", "exec_id": process}) for _ in range(3)]
    g.call("SignalProcess", container_id="probe", exec_id=process, signal=9)
    same([w.wait(SECONDS).get("response") for w in waiting], [{"status": 137}] * 3)
    g.start("plain", ["sleep", "1000"])
    g.call("SignalProcess", container_id="plain", signal=15) # it has no handler and is pid 1
    same(g.wait("plain", "plain"), 137)
    g.call("RemoveContainer", container_id="plain")
    g.start("polite", ["sh", "-c", "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.1; done"])
    reader = g.reader("polite", "polite")
    reader.wait_bytes(6, SECONDS)
    g.call("SignalProcess", container_id="polite", exec_id="polite", signal=15)
    check(reader.ended.wait(SECONDS), "no end")
    same(reader.data, b"ready\nbye\n")
    g.call("SignalProcess", container_id="polite", exec_id="polite", signal=1) # it has ended: swallowed
    same(g.wait("polite", "polite"), 9)
    answer = g.answer("SignalProcess", container_id="polite", signal=9)
    same(answer["code"], 13)
    check("NOT_FOUND" in answer["message"] and "InitProcessNotFound" in answer["message"], answer)
    g.call("RemoveContainer", container_id="polite")


def memory_limit(g):
    event = g.agent.send("GetOOMEvent", {})
    g.start("hungry", ["sh", "-c", "sleep 1; dd if=/dev/zero of=/dev/null bs=200M count=1"],
            resources={"Memory": {"Limit": str(24 << 20), "Swap": str(24 << 20)}})
    same(event.wait(SECONDS).get("response"), {"container_id": "hungry"})
    check(not g.agent.send("GetOOMEvent", {}).arrived.wait(1), "a second event of one kill")
    g.wait("hungry", "hungry")
    g.call("RemoveContainer", container_id="hungry")


def cgroup_file(g, container_id, file):
    return g.shell("probe", f"cat /guest/cgroup/kata/{container_id}/{file}")


def limits(g):
    g.start("limited", ["sh", "-c", "while :; do :; done"], resources={
        "Memory": {"Limit": str(64 << 20), "Swap": str(64 << 20)}, "CPU": {"Shares": "512", "Quota": "20000", "Period": "100000"}})
    same(cgroup_file(g, "limited", "cpu.max"), "20000 100000")
    same(cgroup_file(g, "limited", "memory.max"), str(64 << 20))
    g.call("UpdateContainer", container_id="limited", resources={
        "Devices": [{"Access": "rwm"}], "Memory": {"Limit": str(96 << 20), "Swap": str(96 << 20)},
        "CPU": {"Shares": "1024", "Quota": "50000", "Period": "100000"}})
    same(cgroup_file(g, "limited", "cpu.max"), "50000 100000")
    same(cgroup_file(g, "limited", "memory.max"), str(96 << 20))
    g.shell("limited", "echo >/dev/null && head -c 1 /dev/zero >/dev/full || :") # the devices are still there
    g.shell("limited", "echo x >/dev/null")


def written(figures):
    """Bytes, to all disks."""
    return sum(int(entry["value"]) for entry in figures["blkio_stats"]["io_service_bytes_recursive"] if entry["op"].lower() == "write")


def stats(g):
    figures = g.call("StatsContainer", container_id="limited")["cgroup_stats"]
    usage = int(figures["memory_stats"]["usage"]["usage"])
    current = int(cgroup_file(g, "limited", "memory.current"))
    check(abs(usage - current) < (4 << 20), f"memory {usage}, in the file {current}")
    same(int(figures["memory_stats"]["usage"]["limit"]), 96 << 20)
    check(1 <= int(figures["pids_stats"]["current"]) <= 3, figures["pids_stats"])
    before = int(figures["cpu_stats"]["cpu_usage"]["total_usage"])
    file = dict(line.split() for line in cgroup_file(g, "limited", "cpu.stat").splitlines())
    after = int(g.call("StatsContainer", container_id="limited")["cgroup_stats"]["cpu_stats"]["cpu_usage"]["total_usage"])
    check(before <= int(file["usage_usec"]) * 1000 <= after, f"{before} <= {file['usage_usec']} us <= {after}")
    check(int(figures["cpu_stats"]["throttling_data"]["throttled_periods"]) > 0, "never throttled")
    answer = g.answer("StatsContainer", container_id="nobody")
    same((answer["code"], answer["message"]), (3, '"invalid container id"'))


def stats_of_disks(g):
    g.shell("probe", "dd if=/dev/zero of=/made/io bs=100000 count=10 conv=fsync 2>/dev/null; rm /made/io")
    bounds = [written(g.call("StatsContainer", container_id="probe")["cgroup_stats"])]
    file = sum(int(word[7:]) for word in cgroup_file(g, "probe", "io.stat").split() if word.startswith("wbytes="))
    bounds.append(written(g.call("StatsContainer", container_id="probe")["cgroup_stats"]))
    check(1000000 <= bounds[0] <= file <= bounds[1], f"{bounds[0]} <= {file} <= {bounds[1]} bytes written")
    figures = g.call("StatsContainer", container_id="probe")["cgroup_stats"]
    keys = {line.split()[0] for line in cgroup_file(g, "probe", "memory.stat").splitlines()}
    same(keys - set(figures["memory_stats"]["stats"]), set())


def devices(g):
    """The standard ones and no others: making a node is allowed, and leads nowhere."""
    g.shell("probe", "echo x >/dev/null && [ $(head -c 4 /dev/zero | wc -c) = 4 ] && head -c 1 /dev/urandom >/dev/null")
    major, minor = g.shell("probe", f"cat /sys/class/block/{os.path.basename(device)}/dev").split(":")
    said = g.shell("probe", f"mknod /made/disk b {major} {minor} && head -c 1 /made/disk 2>&1 || rm /made/disk", capabilities=["CAP_MKNOD"])
    check("Operation not permitted" in said, said)


def seccomp(g):
    profile = {"DefaultAction": "SCMP_ACT_ALLOW", "Architectures": ["SCMP_ARCH_RISCV64"],
               "Syscalls": [{"Names": ["mkdir", "mkdirat"], "Action": "SCMP_ACT_ERRNO", "errnoret": 28},
                            {"Names": ["sethostname"], "Action": "SCMP_ACT_KILL_PROCESS"}]}
    g.start("strict", ["sleep", "1000"], seccomp=profile)
    said = g.shell("strict", "grep ^Seccomp: /proc/1/status; mkdir /made/no 2>&1 || ls -d /made")
    same(said.split("\n"), ["Seccomp:\t2", "mkdir: can't create directory '/made/no': No space left on device", "/made"])
    process = g.exec_start("strict", ["hostname", "other"])
    same(g.wait("strict", process), 128 + 31)
    g.end("strict")


def storages(g):
    """What volumes of a pod are made of; a root of layers."""
    memory, local, bound, root = (f"/run/kata-containers/sandbox/{n}" for n in ("memory", "local", "bound", "rootfs"))
    g.call("CopyFile", path=SHARED + "/copied", file_size="10", file_mode=0o100640, dir_mode=0o40750, data=b64(b"from "))
    g.call("CopyFile", path=SHARED + "/copied", file_size="10", file_mode=0o100640, dir_mode=0o40750, offset="5", data=b64(b"afar\n"))
    g.start("stored", ["sleep", "1000"], root=root, storages=[
        {"driver": "ephemeral", "source": "tmpfs", "fstype": "tmpfs", "mount_point": memory, "options": ["size=1048576"]},
        {"driver": "local", "source": "local", "fstype": "local", "mount_point": local, "options": ["mode=0777"]},
        {"driver": "bind", "source": SHARED + "/copied", "fstype": "bind", "mount_point": bound, "options": ["ro"]},
        {"driver": "overlayfs", "source": "overlay", "fstype": "overlay", "mount_point": root,
         "options": ["lowerdir=" + ROOT, "io.katacontainers.fs-opt.overlay-rw"]}], mounts=[
        {"destination": d, "source": s, "type": "bind", "options": ["rbind"]}
        for d, s in (("/memory", memory), ("/local", local), ("/bound", bound), ("/dev/termination-log", SHARED + "/copied"))])
    same(g.shell("stored", "head -c 2000000 /dev/zero >/memory/large 2>/dev/null || stat -c %s /memory/large"), "1048576")
    g.call("UpdateEphemeralMounts", storages=[
        {"driver": "ephemeral", "source": "tmpfs", "fstype": "tmpfs", "mount_point": memory, "options": ["size=4194304"]}])
    same(g.shell("stored", "head -c 2000000 /dev/zero >/memory/large && stat -c %a /local && cat /bound"), "777\nfrom afar")
    same(g.shell("stored", "echo x >/bound || stat -c %a /bound"), "640")
    same(g.shell("stored", "echo over >/made/file; cat /made/file"), "over")
    same(g.shell("probe", "cat /made/file"), "here")
    g.shell("stored", "echo why it ended >/dev/termination-log")
    same(g.call("GetDiagnosticData", log_type="termination-log", container_id="stored"), {"data": "why it ended\n"})
    usage = {u.get("unit", "UNKNOWN"): u for u in g.call("GetVolumeStats", volume_guest_path=memory)["usage"]}
    same(int(usage["BYTES"]["total"]), 4194304)
    check(2000000 <= int(usage["BYTES"]["used"]) < 2100000 and int(usage["INODES"]["used"]) > 0, usage)
    g.end("stored")
    left = g.shell("probe", f"grep -e {memory} -e {bound} -e {root} /guest/proc/1/mounts")
    same([line.split()[1] for line in left.split("\n")], [memory]) # which is the pod's, as other containers of it may come


def swap(g):
    """The guest's other disk, which has nothing on it."""
    g.call("AddSwapPath", path=SWAP)
    said = g.shell("probe", "cat /guest/proc/swaps").split("\n")
    same(said[1].split()[:2], [SWAP, "partition"])


def pause(g):
    g.call("PauseContainer", container_id="limited")
    check("frozen 1" in cgroup_file(g, "limited", "cgroup.events"), "it is not frozen")
    g.call("ResumeContainer", container_id="limited")
    check("frozen 0" in cgroup_file(g, "limited", "cgroup.events"), "it is frozen")
    g.call("PauseContainer", container_id="limited")
    same(g.end("limited"), 137) # frozen or not


def bad_requests(g):
    spec = g.spec(["true"])
    bad_id = {"container_id": "nobody", "exec_id": "nobody"}
    for method in ("StartContainer", "RemoveContainer", "PauseContainer", "ResumeContainer"):
        same(g.answer(method, container_id="nobody")["code"], 3)
    for method in ("WaitProcess", "ReadStdout", "ReadStderr", "WriteStdin", "CloseStdin", "TtyWinResize", "SignalProcess"):
        same(g.answer(method, **bad_id)["code"], 3)
        same(g.answer(method, container_id="probe", exec_id="nobody")["code"], 13)
    for wrong, code in (
        ({"container_id": "probe", "OCI": spec}, 6),
        ({"container_id": "../probe", "OCI": spec}, 3),
        ({"container_id": "", "OCI": spec}, 3),
        ({"container_id": "a" * 2000, "OCI": spec}, 3),
        ({"container_id": "bad"}, 3),
        ({"container_id": "bad", "OCI": {k: v for k, v in spec.items() if k != "Process"}}, 3),
        ({"container_id": "bad", "OCI": {**spec, "Process": {"Cwd": "/"}}}, 3),
        ({"container_id": "bad", "OCI": {**spec, "Root": {"Path": "/no/such/root"}}}, 13),
        ({"container_id": "bad", "OCI": g.spec(["/no/such/program"])}, 13),
        ({"container_id": "bad", "OCI": spec, "storages": [{"driver": "mmioblk", "source": "/dev/vdz", "fstype": "ext4",
                                                            "mount_point": "/run/kata-containers/shared/containers/bad"}]}, 13),
        ({"container_id": "bad", "OCI": spec, "storages": [{"driver": "no-such", "source": "x", "mount_point": "/run/x"}]}, None),
    ):
        answer = g.answer("CreateContainer", exec_id="bad", **{"storages": [g.storage()], **wrong})
        check(answer["code"] and answer["message"] and code in (None, answer["code"]), f"{wrong} {answer}")
        same(g.answer("StartContainer", container_id="bad")["code"], 3) # nothing of it is left
    answer = g.answer("ExecProcess", container_id="probe", exec_id="missing", process={"Args": ["/no/such/binary"], "Cwd": "/"})
    check(answer["code"] == 13 and "not found" in answer["message"], answer)
    same(g.answer("ExecProcess", container_id="probe", exec_id="empty")["code"], 3)
    same(g.answer("ExecProcess", container_id="probe", exec_id="probe", process={"Args": ["true"], "Cwd": "/"})["code"], 6)
    process = g.exec_start("probe", ["sleep", "100"])
    same(g.answer("ExecProcess", container_id="probe", exec_id=process, process={"Args": ["true"], "Cwd": "/"})["code"], 6)
    same(g.answer("SignalProcess", container_id="probe", exec_id=process, signal=4000)["code"], 3)
    g.call("SignalProcess", container_id="probe", exec_id=process, signal=9)
    same(g.wait("probe", process), 137)
    for method in ("SetPolicy", "ResizeVolume", "MemAgentMemcgSet", "MemAgentCompactSet"):
        same(g.answer(method)["code"], 12)


def bad_peers(g):
    def frame(length, stream, kind, payload=b""):
        return struct.pack(">IIBB", length, stream, kind, 0) + payload

    silent = [g.socket() for _ in range(8)] # connect, and say nothing
    half = g.socket()
    half.sendall(frame(1000, 1, 1, b"half of it"))
    large = g.socket()
    large.sendall(frame(5 << 20, 1, 1))
    for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 4096, frame(10, 1, 1, b"\xff" * 10), frame(0, 0, 9), frame(4, 2, 1, b"abcd")):
        bare = g.socket()
        bare.sendall(junk)
        silent.append(bare)
    shut = g.socket()
    shut.shutdown(1)
    g.call("Check")
    g.shell("probe", "true")
    for bare in silent + [half, large, shut]:
        bare.close()
    # A caller that goes while a call is parked leaves the process to the next one.
    process = g.exec_start("probe", ["sh", "-c", "sleep 2; echo late; exit 8"])
    other = Guest(g.address, g.device)
    parked = [other.agent.send(m, {"container_id": "probe", "exec_id": process, "len": 100} if m == "ReadStdout" else
                               {"container_id": "probe", "exec_id": process}) for m in ("WaitProcess", "ReadStdout")]
    check(not parked[0].arrived.wait(0.5), "it did not park")
    other.agent.close()
    same(g.read("probe", process)[0], b"late\n")
    same(g.wait("probe", process), 8)
    g.call("Check")


def mid_write(g):
    g.start("writer", ["sh", "-c", "while :; do head -c 5000000 /dev/zero >/made/large; echo once; done"])
    reader = g.reader("writer", "writer")
    check(reader.wait_bytes(5, SECONDS) is None and reader.data.startswith(b"once"), "it has not written")
    same(g.end("writer"), 137)
    same(g.shell("probe", "rm /made/large; cat /made/file"), "here")


def many(g):
    before = None
    for i in range(int(cycles) + 2):
        if i == 2: # the first ones warm up
            before = g.figures("probe")
        g.start(f"cycle-{i}", ["sleep", "1000"])
        same(g.end(f"cycle-{i}"), 137)
    after = g.figures("probe")
    print(f"{cycles} cycles: before {before}, after {after}")
    for what in ("fds", "mounts", "cgroups"):
        same((what, after[what]), (what, before[what]))
    check(after["memory"] <= before["memory"] + 256, "the agent has grown")
    check(after["threads"] <= before["threads"] + 1, "threads are left")
    # (what ends while it is counted is a zombie for a moment)
    check(any(g.figures("probe")["zombies"] <= before["zombies"] for _ in range(20)), "zombies are left")


def hooks(g):
    """Those of the guest, run by the runtime: with their name and kind, and the container's state on stdin."""
    g.start("hooked", ["sleep", "1000"], mounts=[{"destination": "/hooks", "source": HOOKS, "type": "bind", "options": ["rbind", "ro"]}])
    same(g.shell("hooked", "cat /hooks/said | grep hooked"), "first prestart hooked created\nsecond poststart hooked running")
    g.end("hooked")
    g.start("after", ["sleep", "1000"], mounts=[{"destination": "/hooks", "source": HOOKS, "type": "bind", "options": ["rbind", "ro"]}])
    same(g.shell("after", "cat /hooks/said | grep hooked | tail -n 1"), "third poststop hooked stopped")
    g.end("after")


def told(g):
    """As pid 1 it powers the guest off when it is told to end."""
    shell = g.socket(1026)
    shell.sendall(b"kill -TERM 1\n")
    check(g.agent.send("WaitProcess", {"container_id": "probe", "exec_id": "probe"}).wait(SECONDS)["code"], "the guest still runs")


def orphans(g):
    """What a container's process leaves behind is the container's first process' to wait for, and the guest's where that has ended."""
    before = g.figures("probe")["zombies"]
    g.start("keeper", ["sh", "-c", "while :; do sleep 0.2; done"]) # a shell waits for all
    for _ in range(4):
        g.shell("keeper", "(sleep 0.1 &); exit 0")
    g.start("careless", ["sleep", "1000"])
    for _ in range(4):
        g.shell("careless", "(sleep 0.1 &); exit 0")
    g.end("careless")
    time.sleep(2)
    same(g.figures("probe")["zombies"], before)
    g.end("keeper")


def destroy(g):
    event = g.agent.send("GetOOMEvent", {})
    waiting = g.agent.send("WaitProcess", {"container_id": "probe", "exec_id": "probe"})
    g.call("DestroySandbox")
    same(waiting.wait(SECONDS).get("response"), {"status": 137})
    same(event.wait(SECONDS)["code"], 13)


SETS = {
    "short": (sandbox, container, exec_streams, terminal, destroy),
    "hooks": (sandbox, container, exec_streams, hooks, destroy),
    "told": (sandbox, container, told),
    "all": (sandbox, container, shared, exec_streams, terminal, megabytes, drain, signals, memory_limit, limits, stats, pause,
            bad_requests, bad_peers, mid_write, stats_of_disks, devices, seccomp, storages, swap, orphans, many, destroy),
}
guest = Guest(address, device)
for case in SETS[which]:
    began = time.monotonic()
    try:
        case(guest)
        print(f"case {name}-{case.__name__} ok")
    except Exception as error: # one that fails leaves the others their turn
        traceback.print_exc()
        print(f"case {name}-{case.__name__} FAIL {type(error).__name__}: {str(error)[:300]}".replace("\n", " "))
        failed = True
    print(f"{case.__name__}: {time.monotonic() - began:.1f} s")
guest.agent.close()
sys.exit(failed)
