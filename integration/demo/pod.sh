#!/bin/sh
# Runs on the RISC-V host, in a directory that holds bin/, lib/, image/ and crictl's JSON files: containerd, and a pod of two containers
# that share a network: first as processes of the host (crun), then in a microVM (sampan).
set -u
here=$(pwd) cache=${CACHE:-/cache}
export TOP="$here" OUT="$here" WORK=/tmp/demo PATIENCE="${PATIENCE:-1}" IMAGE="$here/image" KERNELS="$cache/kernel/current" KERNEL="$cache/kernel/current/Image"
export PATH="$here/bin:$PATH"
rm -rf "$WORK"
mkdir -p "$WORK/logs"
cd "$WORK" || exit 1
cp "$here"/*.json .
. "$TOP/lib/story.sh"
. "$TOP/lib/told.sh"
. "$TOP/lib/pods.sh"
trap 'ended=$?; pods_abandon; (exit $ended); story_end' EXIT

# timed NAME COMMAND...: what it prints is in said, the time in a row of the table
timed() {
	step=$1 from=$(now)
	shift
	said=$("$@") || { echo "$said"; end_of containerd.log; exit 1; }
	echo "$RUNTIME $step $from $(now)" | awk '{ printf "%s %s %.1f\n", $1, $2, $4 - $3 }' >>table
}
both() {
	for name in web visitor; do
		started=$(cri create "$pod" "$name.json" pod.json) && cri start "$started" >/dev/null || return
	done
	echo "$started"
}
talked() { cri logs "$started" | grep "hello from the other container"; }

one() {
	rm -f logs/*
	timed runp cri runp -r "$RUNTIME" pod.json
	pod=$said
	timed create+start both
	started=$said
	becomes 30 "hello from the other container" talked
	timed exec cri exec -s "$started" uname -r
	echo "a container's kernel under $RUNTIME: $said"
	[ "$RUNTIME" != sampan ] || { echo; cri pods; echo; cri ps; echo; cri logs "$started"; }
	timed remove cri rmp -f "$pod"
}

echo
echo "== containerd and a pod of two containers"
sampan_config
pods_up 1 || exit 1
echo "containerd is up after $containerd_took s"
for RUNTIME in crun sampan; do one; done
pods_down
echo
awk '{ if (!($2 in at)) { at[$2] = ++n; name[n] = $2 } t[$1, at[$2]] = $3 }
	END { printf "%-14s %8s %8s  s\n", "the pod", "crun", "sampan"; for (i = 1; i <= n; i++) printf "%-14s %8s %8s\n", name[i], t["crun", i], t["sampan", i] }' table
