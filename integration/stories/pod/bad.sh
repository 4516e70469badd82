# bad.sh: what can't run is refused with a sentence that says why, and leaves nothing. Sourced by the story.

# refused_pod NAME PATTERN: no pod comes of NAME.pod.json
refused_pod() {
	fails "$2" run_pod "$1"
	refused_status=$?
	cri rmp -a -f >/dev/null
	released idle && return $refused_status
}

# not_started POD PATTERN NAME: the container NAME of that pod does not start, or is not even created
not_started() {
	fails "$2" run_in "$(cat "$1.pod")" "$1" "$3"
}

pod_bad() {
	pod bad
	container bad 'exec sleep 1000'
	expect bad-launch launch bad
	expect name-in-use fails 'name .* is reserved' run_pod bad

	sed 's|"/bin/sh", "-c", .*"|"/no/such/program"|' bad.json >missing.json
	sed -i 's/"name": "bad"/"name": "missing"/' missing.json
	expect no-program not_started bad '/no/such/program.*\(no such file\|No such file\|not found\)' missing
	container_image=localhost/misnamed:1
	container misnamed ''
	sed -i 's|"command".*\]|"command": [ "/pause" ]|' misnamed.json
	expect wrong-program wrong_program
	container_image=localhost/absent:1
	container absent ''
	container_image=localhost/busybox:1
	expect no-image not_started bad 'absent:1.*not found' absent
	expect foreign-image foreign_image
	sed 's|"log_path"|"working_dir": "/etc/passwd", "log_path"|; s/"name": "bad"/"name": "nowhere"/' bad.json >nowhere.json
	expect no-directory not_started bad 'etc/passwd.*\([Nn]ot a directory\)' nowhere
	full_disk
	expect still-alive says alive inside "$(cat bad.container)" echo alive
	expect bad-remove remove bad
	expect bad-released released idle
	case $RUNTIME in sampan*) bad_machine ;; esac
}

foreign_image() {
	ctr images import --platform linux/amd64 --no-unpack "$pods_cache/oci/current/foreign.tar" >/dev/null || return
	container_image=localhost/foreign:1
	container foreign ''
	container_image=localhost/busybox:1
	not_started bad 'no match for platform\|not found\|mismatched' foreign
}

# Start has succeeded by the time that the program can't be executed: the container's output says it.
wrong_program() {
	wrong=$(run_in "$(cat bad.pod)" bad misnamed) && becomes 20 CONTAINER_EXITED container_is "$wrong" state &&
		output_has '[Ee]xec format error' cri logs "$wrong"
}

# The disk of the snapshotter has no room: the container's writes fail, and so does a new container; both work once there is room.
full_disk() {
	fill=$pods_disk/fill
	fallocate -l "$(df -k "$pods_disk" | awk 'NR == 2 { print ($4 - 64) * 1024 }')" "$fill" 2>/dev/null
	dd if=/dev/zero of="$fill.more" bs=1M 2>/dev/null
	dd if=/dev/zero of="$fill.last" bs=4k 2>/dev/null
	expect disk-full fails 'No space left' inside "$(cat bad.container)" dd if=/dev/zero of=/new bs=1M count=1
	container late 'exec sleep 1000'
	expect disk-full-create not_started bad 'no space left\|No space left' late
	rm -f "$fill" "$fill.more" "$fill.last"
	expect disk-freed inside "$(cat bad.container)" dd if=/dev/zero of=/new bs=1M count=1
}

# what the shim itself needs
bad_machine() {
	: >empty
	sampan_config kernel '"/no/such/kernel"'
	expect no-kernel refused_pod bad '/no/such/kernel.*No such file'
	sampan_config kernel "\"$WORK/empty\""
	expect empty-kernel refused_pod bad 'empty'
	sampan_config initrd '"/no/such/initrd"'
	expect no-initrd refused_pod bad '/no/such/initrd.*No such file'
	sampan_config memory 1000000
	expect no-memory refused_pod bad 'memory\|Cannot allocate'
	sampan_config no_such_key 1
	expect unknown-key refused_pod bad 'no_such_key'
	echo '{ "kernel": ' >sampan.json
	expect no-json refused_pod bad 'sampan\.json'
	rm sampan.json
	expect no-config refused_pod bad 'sampan\.json.*No such file'
	# a guest that panics: the console's last lines are in the error
	sampan_config kernel_params '"rdinit=/no/such/init root=/dev/none"'
	expect panic refused_pod bad 'Kernel panic\|panic'
	sampan_config
	mv /dev/kvm /dev/kvm.away
	expect no-kvm refused_pod bad '/dev/kvm'
	mv /dev/kvm.away /dev/kvm
	expect bad-well launch bad
	expect bad-well-remove remove bad
}
