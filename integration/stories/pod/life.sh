# life.sh: what one pod can do, from runp to rmp. Sourced by the story.

# says TEXT COMMAND...: the command's whole output is TEXT
says() {
	wanted=$1
	shift
	said=$("$@" 2>&1) || { echo "status $? of: $*: $said"; return 1; }
	[ "$said" = "$wanted" ] || { echo "\"$said\", not \"$wanted\": $*"; return 1; }
}
# fails PATTERN COMMAND...: the command fails, and says that
fails() {
	wanted=$1
	shift
	! said=$("$@" 2>&1) || { echo "succeeded: $*: $said"; return 1; }
	echo "$said" | grep -q -e "$wanted" || { echo "says not \"$wanted\" but: $said"; return 1; }
}
ends() { # CONTAINER SECONDS CODE REASON
	becomes "$2" CONTAINER_EXITED container_is "$1" state && says "$3" container_is "$1" exitCode && says "$4" container_is "$1" reason
}
inside() { cri exec -s "$@"; }
out_of() { "$@" 2>/dev/null; }
err_of() { { "$@" >/dev/null; } 2>&1; }
output_has() { # PATTERN COMMAND...
	wanted=$1
	shift
	said=$("$@" 2>&1)
	echo "$said" | grep -q -e "$wanted" || { echo "says not \"$wanted\" but: $said"; return 1; }
}

life_limits='"linux": { "resources": { "cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "memory_limit_in_bytes": 67108864 } }'

pod_life() {
	pod_linux=', "sysctls": { "net.ipv4.ip_local_port_range": "20000 60000" }'
	pod life ', "dns_config": { "servers": [ "10.88.0.1" ], "searches": [ "svc.example" ] }, "labels": { "app": "life" }'
	pod_linux=
	mkdir -p data
	echo "from the host" >data/file
	container first 'trap "echo ending; exit 0" TERM; echo hi; echo err >&2; httpd -f -p 127.0.0.1:8080 -h /data & while :; do sleep 0.2; done' \
		', "envs": [ { "key": "FOO", "value": "bar" } ], "working_dir": "/tmp",
		"mounts": [ { "container_path": "/data", "host_path": "'"$WORK/data"'", "readonly": true } ],
		'"$life_limits"

	life_began=$(now)
	life=$(run_pod life) || { case_fail runp; end_of containerd.log; return; }
	case_ok runp
	figure life runp "$(since "$life_began")" s
	expect ready says SANDBOX_READY pod_is "$life" state
	expect label says "$life" cri pods -q --label app=life

	step=$(now)
	first=$(cri create "$life" first.json life.pod.json)
	expect created says CONTAINER_CREATED container_is "$first" state
	expect start cri start "$first"
	figure life create+start "$(since "$step")" s
	expect running says "$first" cri ps -q
	life_inside
	life_streams
	life_resources life
	life_second
	life_end
	figure life all "$(since "$life_began")" s
}

# what a process finds around it
life_inside() {
	step=$(now)
	expect exec says 'bar /tmp life' inside "$first" sh -c 'echo $FOO $PWD $(hostname)'
	figure life exec "$(since "$step")" s
	expect exec-code fails 'exited with 3' inside "$first" sh -c 'exit 3'
	expect exec-missing fails '/no/such/program.*\(no such file\|No such file\|not found\)' inside "$first" /no/such/program
	expect exec-127 fails 'exited with 127: .*nothing: not found' inside "$first" sh -c 'nothing'
	expect exec-timeout fails 'timed out\|DeadlineExceeded\|deadline exceeded' cri exec -s --timeout 2 "$first" sleep 100
	expect sysctl says '20000	60000' inside "$first" cat /proc/sys/net/ipv4/ip_local_port_range
	expect dns says 'search svc.example
nameserver 10.88.0.1' inside "$first" cat /etc/resolv.conf
	expect hosts inside "$first" grep -q localhost /etc/hosts
	expect volume says 'from the host' inside "$first" cat /data/file
	expect volume-ro fails 'Read-only' inside "$first" touch /data/new
	address=$(address_of "$life")
	expect address sh -c 'echo "$1" | grep -q "^10\.88\."' sh "$address"
	expect address-inside inside "$first" sh -c "ip addr show eth0 | grep -q 'inet $address/16'"
	expect gateway inside "$first" ping -c 1 -W 10 10.88.0.1
	expect gateway6 inside "$first" ping -c 1 -W 10 fd00:88::1
	expect from-host ping -c 1 -W 10 "$address"
}

sent() { # TEXT COMMAND...
	line=$1
	shift
	echo "$line" | "$@"
}
bytes_in() { pattern send "$1" 1 | cri exec -i "$first" pattern receive "$1" 1; }
bytes_out() { cri exec "$first" pattern send "$1" 2 | pattern receive "$1" 2; }

# bytes in and out
life_streams() {
	step=$(now)
	expect stdin says 'one line' sent 'one line' cri exec -i "$first" cat
	figure life exec-stream "$(since "$step")" s
	expect stream-code fails 'exit code 5' cri exec "$first" sh -c 'exit 5'
	expect stream-in bytes_in 300001
	expect stream-out bytes_out 300001
	expect stderr says 'out' out_of cri exec "$first" sh -c 'echo out; echo err >&2'
	expect tty python3 "$STORY/terminal" 'stty size; tty; exit 6' '30 100.*/dev/pts/0.*exit code 6' $client exec -i -t "$first" sh
	expect logs says 'hi' out_of cri logs "$first"
	expect logs-stderr says 'err' err_of cri logs "$first"
	port_forwarded
}

# what listens on the guest's loopback is reached
port_forwarded() {
	$client port-forward "$life" 18080:8080 >forward.log 2>&1 &
	forward=$!
	expect port-forward becomes 10 'from the host' wget -q -T 20 -O - http://127.0.0.1:18080/file
	kill $forward
	wait $forward 2>/dev/null
}

# life_resources POD-NAME: what container $first of that pod has taken, and may take
life_resources() {
	cri stats -o json "$first" >stats.json
	expect stats-cpu sh -c 'sed -n "/usageCoreNanoSeconds/{n;p}" stats.json | grep -q "[1-9]"'
	expect stats-memory sh -c 'sed -n "/workingSetBytes/{n;p}" stats.json | grep -q "[1-9]"'
	expect statsp output_has "^$1 " cri statsp "$life"
	expect limit says 67108864 inside "$first" cat /sys/fs/cgroup/memory.max
	expect update cri update --cpu-quota 80000 --cpu-period 100000 --cpu-share 1024 --memory 100663296 "$first"
	expect updated says '100663296 80000 100000' inside "$first" sh -c 'echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max)'
	expect device inside "$first" sh -c 'head -c 1 /dev/zero >/dev/null'
}

# attached POD-ID POD-NAME: a container with a terminal, and who types there
attached() {
	container shell 'exec sh' ', "tty": true, "stdin": true'
	shell=$(run_in "$1" "$2" shell) || case_fail shell
	expect attach python3 "$STORY/terminal" 'echo attached $((40 + 2)); exit 4' 'attached 42' $client attach -i -t "$shell"
	expect attach-ends ends "$shell" 30 4 Error
}

# a second container in the pod: another user, nothing but rights to read, then one with a terminal
life_second() {
	mkdir -p out
	chmod 777 out
	container second 'id; cat /data/file; echo err >&2; echo w >/out/new; touch /new; wget -q -O - http://127.0.0.1:8080/file; grep -e Cap[EB] -e ^Seccomp: /proc/self/status; exit 7' \
		', "mounts": [ { "container_path": "/data", "host_path": "'"$WORK/data"'", "readonly": true }, { "container_path": "/out", "host_path": "'"$WORK/out"'" } ],
		"linux": { "security_context": { "run_as_user": { "value": 1000 }, "run_as_group": { "value": 1000 }, "supplemental_groups": [ 2000 ],
		"readonly_rootfs": true, "no_new_privs": true, "seccomp": { "profile_type": 0 }, "capabilities": { "drop_capabilities": [ "ALL" ], "add_capabilities": [ "NET_BIND_SERVICE" ] } } }'
	second=$(run_in "$life" life second) || case_fail second
	expect second-ends ends "$second" 30 7 Error
	expect second-says says 'uid=1000 gid=1000 groups=1000,2000
from the host
from the host
CapEff:	0000000000000000
CapBnd:	0000000000000400
Seccomp:	2' out_of cri logs "$second"
	expect second-ro output_has '/new: Read-only file system' cri logs "$second"
	expect second-wrote says w cat out/new
	expect second-rm cri rm "$second"

	attached "$life" life

	container stubborn 'trap "echo no" TERM; echo up; while :; do sleep 0.2; done'
	stubborn=$(run_in "$life" life stubborn)
	expect stubborn-up becomes 20 up out_of cri logs "$stubborn"
	expect stop-by-force cri stop --timeout 2 "$stubborn"
	expect stopped-by-force ends "$stubborn" 10 137 Error
	expect stubborn-said output_has '^no' cri logs "$stubborn"
}

life_end() {
	step=$(now)
	expect stop cri stop --timeout 10 "$first"
	expect stopped ends "$first" 10 0 Completed
	expect last-words output_has '^ending' cri logs "$first"
	expect rm cri rm "$first"
	expect stopp cri stopp "$life"
	expect not-ready says SANDBOX_NOTREADY pod_is "$life" state
	expect rmp cri rmp "$life"
	figure life end "$(since "$step")" s
	expect gone says '' cri pods -q
	expect life-released released idle
}
