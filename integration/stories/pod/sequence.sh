# sequence.sh: one pod after another: what containerd and the host hold does not grow. Sourced by the story.

descriptors() { find "/proc/$containerd_pid/fd" | wc -l; }
# what is available once nothing is cached, in KiB
available() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo
}
# what containerd holds is its own affair
own() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$containerd_pid/status"; }

one_of_many() {
	launch many && says alive inside "$(cat many.container)" echo alive && remove many >/dev/null && released idle
}

pod_sequence() {
	count=$(few 3 50)
	pod many
	container many 'exec sleep 1000'
	for round in 1 2; do expect "warm-$round" one_of_many; done
	descriptors=$(descriptors) free=$(($(available) + $(own)))
	cat /proc/meminfo >meminfo
	step=$(now)
	for round in $(seq "$count"); do
		one_of_many || { case_fail "sequence-$round" "see the log"; return; }
	done
	case_ok "sequence-of-$count"
	figure sequence "pod-of-$count" "$(since "$step" | awk -v n="$count" '{ printf "%.2f", $1 / n }')" s
	grown=$((free - $(available) - $(own)))
	figure sequence memory-grown "$grown" KiB
	figure sequence descriptors-grown $(($(descriptors) - descriptors)) -
	expect descriptors test "$(descriptors)" -le $((descriptors + 4))
	# noise of the kernel's own caches is some MiB; a pod that leaks shows by its number
	expect memory flat $((8192 + 64 * count))
}
# flat KIB: no more is held than that; else what it is that has changed
flat() { [ "$grown" -le "$1" ] || { paste meminfo /proc/meminfo | awk '$2 != $5 { print $1, $2, "->", $5 }'; return 1; }; }
