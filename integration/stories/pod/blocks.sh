# blocks.sh: ctr run, where there is no pod around the container; and root file systems that are disks. Sourced by the story.

task_runtime=io.containerd.runc.v2
case $RUNTIME in sampan*) task_runtime=io.containerd.sampan.v2 ;; esac

run_task() { ctr run --rm --runtime "$task_runtime" "$@"; }

pod_run() {
	mkdir -p /etc/sampan
	cp sampan.json /etc/sampan/containerd.json
	ctr images import "$pods_cache/oci/current/busybox.tar" >/dev/null # unpacks it
	step=$(now)
	expect ctr-run says "hello from $(uname -m)" run_task localhost/busybox:1 task sh -c 'echo hello from $(uname -m)'
	figure ctr run "$(since "$step")" s
	run_task localhost/busybox:1 task sh -c 'exit 7'
	task_status=$?
	expect ctr-status test $task_status = 7
	expect ctr-env says 'of the task' run_task --env 'WHOSE=of the task' localhost/busybox:1 task sh -c 'echo $WHOSE'
	expect ctr-tty python3 "$STORY/terminal" 'exit 3' '' "$containerd_ctr" -n k8s.io run --rm -t --runtime "$task_runtime" localhost/busybox:1 task sh
	ctr run -d --runtime "$task_runtime" localhost/busybox:1 task sleep 1000
	expect ctr-exec says inside ctr tasks exec --exec-id one task echo inside
	expect ctr-pause ctr tasks pause task
	expect ctr-paused output_has 'task.*PAUSED' ctr tasks ls
	expect ctr-resume ctr tasks resume task
	expect ctr-metrics ctr tasks metrics task
	expect ctr-ps ctr tasks ps task
	expect ctr-checkpoint fails 'not implemented\|nimplemented\|criu\|checkpoint' ctr tasks checkpoint task
	expect ctr-kill ctr tasks kill -s KILL task
	expect ctr-delete becomes 10 '' ctr_deleted
	ctr containers delete task
	run_logged
	rm -rf /etc/sampan
	expect ctr-released released idle
}

# Output that a program gets; and how a container ended, which is known when its shim is gone.
# shellcheck disable=SC2046 # numbers
run_logged() {
	printf '#!/bin/sh\n{ echo "$CONTAINER_ID $1"; cat <&3; } >"$2"\n' >logger.sh
	chmod +x logger.sh
	ctr events >events 2>&1 &
	listening=$!
	ctr run -d --log-uri "binary://$WORK/logger.sh?to=$WORK/logged" --runtime "$task_runtime" localhost/busybox:1 task sh -c 'echo out; exit 7'
	expect ctr-stopped becomes 20 STOPPED task_status
	expect ctr-logger says 'task to
out' cat logged
	kill -9 $(named containerd-shim)
	expect ctr-cleaned becomes 20 '' ctr tasks ls -q
	expect ctr-exit-kept output_has '/tasks/delete .*"container_id":"task".*"exit_status":7' cat events
	kill $listening
	wait $listening 2>/dev/null
	ctr containers delete task
}
task_status() { ctr tasks ls | awk '$1 == "task" { print $3 }'; }
ctr_deleted() { ctr tasks delete task >/dev/null 2>&1 || true; ctr tasks ls -q; }

first_line() { cri logs "$1" | head -n 1; }

# the same, with a root file system that is a disk, or several; no process shares files then
pod_blocks() {
	case $RUNTIME in sampan) ;; *) return ;; esac
	for snapshotter in blockfile $([ "$generation" = 1 ] || echo erofs); do
		RUNTIME=sampan-$snapshotter
		pod block
		container block 'echo kept >/kept; cat /kept; grep " / " /proc/mounts; exec sleep 1000'
		step=$(now)
		expect $snapshotter launch block
		figure $snapshotter launch "$(since "$step")" s
		expect $snapshotter-writes becomes 10 kept first_line "$(cat block.container)"
		expect $snapshotter-root output_has ' / \(ext4\|overlay\)' cri logs "$(cat block.container)"
		expect $snapshotter-exec says kept inside "$(cat block.container)" cat /kept
		expect $snapshotter-bytes inside "$(cat block.container)" sh -c 'pattern write /file 4194304 2 && pattern verify /file 4194304 2'
		expect $snapshotter-remove remove block
		expect $snapshotter-released released idle
	done
	RUNTIME=sampan
}
