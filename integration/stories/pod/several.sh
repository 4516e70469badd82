# several.sh: three pods at once, what passes between two, volumes that change, a container that outgrows its memory, namespaces that
# containers share. Sourced by the story.

# launch NAME: a pod with one container, ids in NAME.pod and NAME.container
launch() { run_pod "$1" >"$1.pod" && run_in "$(cat "$1.pod")" "$1" "$1" >"$1.container"; }
remove() { for name; do cri rmp -f "$(cat "$name.pod")"; done; } # NAME...

volumes=/var/lib/kubelet/pods/uid-b/volumes
# config_map FILE-OF VALUE: what kubelet makes of a ConfigMap, a Secret: files behind a link that is swapped
config_map() {
	mkdir -p "$1/..$2"
	echo "$2" >"$1/..$2/key"
	ln -sfn "..$2" "$1/..new"
	mv -T "$1/..new" "$1/..data"
	[ -e "$1/key" ] || ln -s ..data/key "$1/key"
}

pod_several() {
	megabytes=$(few 4 100)
	bytes=$((megabytes * 1048576))
	for name in a b c; do pod $name; done
	container a "nc -ll -p 9000 -e pattern send $bytes 5"
	config_map "$volumes/kubernetes.io~configmap/map" first
	config_map "$volumes/kubernetes.io~secret/secret" first
	mkdir -p "$volumes/kubernetes.io~empty-dir/disk" "$volumes/kubernetes.io~empty-dir/memory"
	mount -t tmpfs -o size=8m empty "$volumes/kubernetes.io~empty-dir/memory"
	container b 'ipcs >/dev/null; echo of b >/dev/shm/shared; httpd -f -p 127.0.0.1:8000 -h /etc/map & exec sleep 10000' ', "mounts": [
		{ "container_path": "/etc/map", "host_path": "'$volumes'/kubernetes.io~configmap/map", "readonly": true },
		{ "container_path": "/etc/secret", "host_path": "'$volumes'/kubernetes.io~secret/secret", "readonly": true },
		{ "container_path": "/disk", "host_path": "'$volumes'/kubernetes.io~empty-dir/disk" },
		{ "container_path": "/memory", "host_path": "'$volumes'/kubernetes.io~empty-dir/memory" } ]'
	container c 'exec sleep 10000'

	step=$(now)
	for name in a b c; do launch $name & eval "launched_$name=\$!"; done
	for name in a b c; do eval "expect launch-$name wait \$launched_$name"; done
	figure several launch-3 "$(since "$step")" s
	expect three test "$(cri ps -q | wc -l)" = 3
	several_network
	several_volumes
	several_oom
	several_shared
	expect remove remove a b c
	umount "$volumes/kubernetes.io~empty-dir/memory"
	rm -rf "${volumes%/*}"
	expect several-released released idle
}

several_network() {
	a=$(address_of "$(cat a.pod)")
	b=$(cat b.container)
	step=$(now)
	expect transfer inside "$b" sh -c "nc $a 9000 </dev/null | pattern receive $bytes 5"
	rate transfer pod-to-pod $bytes "$(since "$step")"
	a6=$(cri exec -s "$(cat a.container)" ip -6 addr show eth0 | sed -n 's|.*inet6 \(fd00[^/]*\)/.*|\1|p')
	expect transfer6 inside "$b" sh -c "nc $a6 9000 </dev/null | head -c 100000 | wc -c | grep -x 100000"
	expect names says 'b' inside "$b" hostname
}

several_volumes() {
	for volume in map secret; do expect $volume says first inside "$b" cat /etc/$volume/key; done
	config_map "$volumes/kubernetes.io~configmap/map" second
	config_map "$volumes/kubernetes.io~secret/secret" second
	for volume in map secret; do expect $volume-changed becomes 20 second inside "$b" cat /etc/$volume/key; done
	expect disk inside "$b" sh -c 'pattern write /disk/file 1048576 3'
	expect disk-on-host pattern verify "$volumes/kubernetes.io~empty-dir/disk/file" 1048576 3
	expect memory inside "$b" sh -c 'grep -q " /memory tmpfs" /proc/mounts && echo kept >/memory/file'
}

# outgrown POD: a container of it that wants more memory than it may have
outgrown() {
	container oom 'sleep 1; exec tail /dev/zero' ', "linux": { "resources": { "memory_limit_in_bytes": 16777216 } }'
	oom=$(run_in "$(cat "$1.pod")" "$1" oom) || case_fail oom-start
	expect oom ends "$oom" 60 137 OOMKilled
}

several_oom() {
	outgrown c
	expect oom-beside says alive inside "$(cat c.container)" echo alive
}

# another container of pod b: network, ipc and memory volume are the pod's, processes its own; pod d shares those, too
several_shared() {
	container beside 'cat /dev/shm/shared; wget -q -O - http://127.0.0.1:8000/key; cat /memory/file; ps | grep -c "[s]leep 10000"' ', "mounts": [
		{ "container_path": "/memory", "host_path": "'$volumes'/kubernetes.io~empty-dir/memory" } ],
		"linux": { "security_context": { "namespace_options": { "pid": 1 } } }'
	beside=$(run_in "$(cat b.pod)" b beside) || case_fail beside
	expect beside-ends ends "$beside" 30 1 Error
	expect beside-says says 'of b
second
kept
0' out_of cri logs "$beside"

	pod_linux=', "security_context": { "namespace_options": { "pid": 0 } }'
	pod d
	pod_linux=
	container d 'exec sleep 10000' ', "linux": { "security_context": { "namespace_options": { "pid": 0 } } }'
	container peer 'ps | grep -c "[s]leep 10000"; kill $(pidof sleep); sleep 1' ', "linux": { "security_context": { "namespace_options": { "pid": 0 } } }'
	expect launch-d launch d
	peer=$(run_in "$(cat d.pod)" d peer) || case_fail peer
	expect peer-ends ends "$peer" 30 0 Completed
	expect peer-says says 1 out_of cri logs "$peer"
	expect peer-killed ends "$(cat d.container)" 20 143 Error
	expect remove-d remove d
}
