# sequence.sh: one pod after another: what containerd and the host hold does not grow. Sourced by the story.
. "$TOP/lib/memory.sh"

descriptors() { find "/proc/$containerd_pid/fd" | wc -l; }
# what containerd holds is its own affair
own() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$containerd_pid/status"; }

one_of_many() {
	launch many && says alive inside "$(cat many.container)" echo alive && remove many >/dev/null && released idle
}

pod_sequence() {
	count=$(few 3 50)
	# KVM never frees a page table of a guest's memory, 4 KiB for 2 MiB of it; of memory in 2 MiB pages there are few
	from_pool || echo "no pool of 2 MiB pages"
	pod many
	container many 'exec sleep 1000'
	for round in 1 2; do expect "warm-$round" one_of_many; done
	settle
	descriptors=$(descriptors) had=$(($(memory) + $(own)))
	cat /proc/meminfo >meminfo
	step=$(now)
	for round in $(seq "$count"); do
		one_of_many || { case_fail "sequence-$round" "see the log"; return; }
	done
	case_ok "sequence-of-$count"
	figure sequence "pod-of-$count" "$(since "$step" | awk -v n="$count" '{ printf "%.2f", $1 / n }')" s
	# noise of the kernel's own caches is some MiB; a pod that leaks shows by its number
	expect memory flat $((8192 + 64 * count))
	figure sequence memory-grown "$grown" KiB
	figure sequence descriptors-grown $(($(descriptors) - descriptors)) -
	expect descriptors test "$(descriptors)" -le $((descriptors + 4))
}
# flat KIB: no more is held than that, once the kernel has cleared up; else what it is that has changed. Leaves $grown.
flat() {
	for try in $(seq $((10 * PATIENCE))); do
		settle
		grown=$((had - $(memory) - $(own)))
		[ "$grown" -gt "$1" ] || return 0
	done
	echo "$try times $grown KiB"
	paste meminfo /proc/meminfo | awk '$2 != $5 { print $1, $2, "->", $5 }'
	return 1
}
