# memory.sh: the host's memory, for stories that see whether something is lost of it. Sourced by a story.

# KiB that can be had: free pages, also those in the CPUs' own lists (tens of MiB here, and as many as they like), and the page cache, but
# for files that are nowhere else.
memory() {
	awk '
		FILENAME ~ /zoneinfo/ && /^ +count:/ { sum += $2 * 4 }
		/^(MemFree|Buffers|Cached):/ { sum += $2 }
		/^Shmem:/ { sum -= $2 }
		END { print sum }' /proc/zoneinfo /proc/meminfo
}

# Before it is looked at: nothing is cached that need not be.
settle() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
}
