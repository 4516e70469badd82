# smoke.sh: what "make check" shows of pods, with each containerd: a pod of two containers, its monitor or shim killed, the same pod again
# and to its end, and what can't run; with the second one, what changes while a pod runs. Sourced by the story.

pod_smoke() {
	mkdir -p data
	echo "from the host" >data/file
	config_map "$volumes/kubernetes.io~configmap/map" first
	pod smoke
	container smoke 'echo hi; httpd -p 127.0.0.1:8080 -h /data; trap "echo ending; exit 0" TERM; while :; do sleep 0.2; done' \
		', "envs": [ { "key": "FOO", "value": "bar" } ],
		"mounts": [ { "container_path": "/data", "host_path": "'"$WORK/data"'", "readonly": true },
			{ "container_path": "/etc/map", "host_path": "'$volumes'/kubernetes.io~configmap/map", "readonly": true } ],
		'"$life_limits"
	container beside 'wget -q -O - http://127.0.0.1:8080/file; exit 7'
	taken=0
	[ "$generation" = 1 ] || ! from_pool || taken=128
	step=$(now) had_pages=$(free_pages)
	expect launch launch smoke
	figure smoke launch "$(since "$step")" s
	[ $taken = 0 ] || expect hugepages test "$(free_pages)" -le $((had_pages - taken))
	smoke_inside
	if [ "$generation" = 1 ]; then
		smoke_killed "$(case $RUNTIME in sampan*) echo monitor ;; *) echo shim ;; esac)"
		expect again launch smoke
		smoke_ends
		expect rmp remove smoke
		case $RUNTIME in sampan*) smoke_refused ;; esac
	else
		smoke_changes
		smoke_ends
		smoke_killed shim
	fi
	rm -rf "${volumes%/*}"
	expect released released idle
}

smoke_inside() {
	first=$(cat smoke.container) life=$(cat smoke.pod)
	case $RUNTIME in sampan*) expect confined confined "$(named sampan-monitor)" ;; esac
	expect exec says 'bar smoke' inside "$first" sh -c 'echo $FOO $(hostname)'
	expect exec-code fails 'exited with 3' inside "$first" sh -c 'exit 3'
	expect exec-missing fails '/no/such/program.*not found' inside "$first" /no/such/program
	expect stdin says 'one line' sent 'one line' cri exec -i "$first" cat
	expect logs says hi out_of cri logs "$first"
	expect gateway inside "$first" ping -c 1 -W 10 10.88.0.1
	expect volume-ro fails 'Read-only' inside "$first" touch /data/new
	beside=$(run_in "$life" smoke beside) || case_fail beside
	expect beside-ends ends "$beside" 20 7 Error
	expect beside-says says 'from the host' out_of cri logs "$beside"
	port_forwarded
}

smoke_changes() {
	life_resources smoke
	expect config-map says first inside "$first" cat /etc/map/key
	config_map "$volumes/kubernetes.io~configmap/map" second
	expect config-map-changed becomes 20 second inside "$first" cat /etc/map/key
	attached "$life" smoke
	outgrown smoke
}

# confined PID: another user than root, no capabilities, and its threads' system calls are filtered (what it has of the kernel's own makes none)
confined() {
	awk '/^Name:/ { kernels = /vhost/ }
		/^Uid:/ && !kernels && !($2 && $3 && $4 && $5) || /^Cap(Prm|Eff|Bnd):/ && !kernels && $2 !~ /^0+$/ || /^Seccomp:/ && !kernels && $2 != 2 {
			print FILENAME ": " $0
			bad = 1
		}
		/^Seccomp:/ && !kernels { threads++ }
		END { exit bad || threads < 2 }' "/proc/$1"/task/*/status
}

smoke_killed() { # VICTIM
	kill_now "$1"
	expect killed becomes 20 CONTAINER_EXITED container_is "$first" state
	expect killed-pod becomes 20 SANDBOX_NOTREADY pod_is "$life" state
	expect killed-rmp cri rmp -f "$life"
	expect killed-released released idle
}

smoke_ends() {
	first=$(cat smoke.container)
	container missing ''
	sed -i 's|"command".*\]|"command": [ "/no/such/program" ]|' missing.json
	expect no-program not_started smoke '/no/such/program.*\(no such file\|No such file\|not found\)' missing
	expect stop cri stop --timeout 10 "$first"
	expect stopped ends "$first" 10 0 Completed
	expect last-words output_has '^ending' cri logs "$first"
}

smoke_refused() {
	sampan_config kernel '"/no/such/kernel"'
	expect no-kernel refused_pod smoke '/no/such/kernel.*No such file'
	sampan_config hugepages true
	pool=$(cat /proc/sys/vm/nr_hugepages)
	echo 0 >/proc/sys/vm/nr_hugepages
	expect no-hugepages refused_pod smoke '2 MiB pages: the host.s pool'
	echo "$pool" >/proc/sys/vm/nr_hugepages
	sampan_config
}
