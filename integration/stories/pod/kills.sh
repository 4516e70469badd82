# kills.sh: SIGKILL to each process of a pod, and to containerd, at several points of a pod's life. Nothing is left, and a pod of the same
# name starts again. Sourced by the story.

victims="shim containerd"
case $RUNTIME in sampan*) victims="shim monitor virtiofsd guest containerd" ;; esac

# kill_now NAME
# shellcheck disable=SC2046 # numbers
kill_now() {
	case $1 in
	containerd) containerd_stop KILL ;;
	guest) # its kernel's panic is what its pid 1's death comes to
		cri exec -s --timeout 5 "$(cat kill.container)" sh -c 'echo c >/proc/sysrq-trigger' 2>/dev/null
		;;
	shim) kill -9 $(named containerd-shim) ;;
	monitor) kill -9 $(named sampan-monitor) ;;
	virtiofsd) kill -9 $(named virtiofsd) ;;
	esac 2>/dev/null
	return 0
}

# killed VICTIM POINT: a pod's life in which that happens
killed() {
	rm -f kill.pod kill.container
	case $2 in
	run-*) launch kill >launch.out 2>&1 & launching=$!
		sleep "${2#run-}"
		kill_now "$1"
		wait $launching
		;;
	idle)
		launch kill || return
		kill_now "$1"
		;;
	exec)
		launch kill || return
		cri exec "$(cat kill.container)" sh -c 'while :; do echo busy; done' >/dev/null 2>&1 & executing=$!
		sleep 1
		kill_now "$1"
		[ "$1" = containerd ] || wait $executing
		kill $executing 2>/dev/null
		;;
	stop)
		launch kill || return
		cri stop --timeout 5 "$(cat kill.container)" >/dev/null 2>&1 & stopping=$!
		sleep 0.5
		kill_now "$1"
		wait $stopping
		;;
	esac
	[ -n "$containerd_pid" ] || { containerd_start && goes_on "$2"; }
}

# at VICTIM POINT: that, and then what is left of the pod can be taken away by its name
at() {
	echo "kill $1 at $2"
	killed "$1" "$2"
	at_status=$?
	for pod in $(cri pods -q --name kill); do
		cri rmp -f "$pod" >rmp.out 2>&1 || { sleep 2; cri rmp -f "$pod" || return; }
	done
	released idle && return $at_status
}

# a pod that ran when containerd died runs on
goes_on() {
	[ "$1" = idle ] || return 0
	says CONTAINER_RUNNING container_is "$(cat kill.container)" state && says on inside "$(cat kill.container)" echo on
}

pod_kills() {
	pod_linux=', "security_context": { "privileged": true }'
	pod kill
	pod_linux=
	container kill 'trap "" TERM; while :; do sleep 0.2; done' ', "linux": { "security_context": { "privileged": true } }'
	for name in $victims; do
		for point in $(few "$(one_point $name)" 'run-0.2 run-0.6 run-1 run-1.5 run-2.5 run-4 idle idle exec stop'); do
			expect "kill-$name-$point" at $name "$point"
		done
	done
	expect after-kills launch kill
	expect after-kills-exec says alive inside "$(cat kill.container)" echo alive
	expect after-kills-remove remove kill
	expect kills-released released idle
}

one_point() { case $1 in shim) echo exec ;; monitor | guest) echo idle ;; virtiofsd) echo stop ;; containerd) echo idle ;; esac; }

# containerd stopped and started while pods run
pod_restarts() {
	for name in a c; do pod $name; done
	container a 'while :; do date +%s; sleep 1; done'
	container c 'sleep 1000'
	expect restart-launch launch a
	expect restart-launch-c launch c
	for round in $(seq "$(few 1 10)"); do
		containerd_stop TERM
		sleep "$((round % 3))"
		expect "restart-$round" containerd_start
		expect "restart-$round-found" test "$(cri ps -q | wc -l)" = 2
		expect "restart-$round-exec" says alive inside "$(cat a.container)" echo alive
		lines=$(cri logs "$(cat a.container)" | wc -l)
		expect "restart-$round-logs" more_lines "$lines"
	done
	expect restart-stop cri stop --timeout 1 "$(cat a.container)"
	expect restart-remove remove a c
	expect restarts-released released idle
}
more_lines() { # THAN
	becoming=$((20 * PATIENCE))
	until [ "$(cri logs "$(cat a.container)" | wc -l)" -gt "$1" ]; do
		becoming=$((becoming - 1))
		[ $becoming -gt 0 ] || { echo "no more than $1 lines"; return 1; }
		sleep 0.5
	done
}
