# story.sh: what stories are written with. The driver sources it and then the story, as root, in an empty directory
# ($WORK) of a RISC-V host with KVM, emulated or not. A story is stories/NAME/story.sh with two header lines,
#   # what: one line for --list          # timeout: seconds
# It may carry several cases, each told by case_ok or case_fail; it fails if one does, or by its exit status.
# Paths: $SAMPAN (the monitor), $KERNEL and $KERNELS (Image; the directory with Image.gz, vmlinux...), $DEBIAN (directory of
# Debian's Image), $GUEST (initrd.gz, initrd-debian.gz, initrd-min.gz, root.ext4, root.erofs; its bin/ is in PATH),
# $IMAGE (directory of the guest image with our agent: sampan-guest.initrd, sampan-guest-ext4.img, sampan-guest-erofs.img),
# $STORY (the story's own folder), $OUT (what is put there ends in build/stories/NAME).

failed=0

case_ok() { echo "case $1 ok"; }
case_fail() { # NAME REASON
	failed=1
	echo "case $1 FAIL ${2:-}"
}

# expect NAME COMMAND...: a case that passes if the command does.
expect() {
	expected=$1
	shift
	if "$@"; then case_ok "$expected"; else case_fail "$expected" "status $? of: $*"; fi
}

# end_of FILE: its last lines, whole ones.
end_of() {
	echo "--- the end of $1:"
	[ ! -e "$1" ] || tail -n 20 "$1"
	echo
}

# wait_for FILE PATTERN SECONDS: until a line of FILE matches; shows its end if none does in time.
wait_for() {
	tries=$(($3 * 5 * PATIENCE))
	until grep -q -e "$2" "$1" 2>/dev/null; do
		tries=$((tries - 1))
		if [ "$tries" -le 0 ]; then
			echo "no \"$2\" in $1 within $3 s"
			end_of "$1"
			return 1
		fi
		sleep 0.2
	done
}

# script_disk FILE <<EOF: makes a disk of a shell script, for "--disk FILE,ro,id=script"; the guest's init runs it.
script_disk() {
	cat >"$1"
	truncate -s $((($(wc -c <"$1") + 511) / 512 * 512)) "$1"
}

# root_disk FILE: a writable copy of the ext4 root file system.
root_disk() { cp "$GUEST/root.ext4" "$1"; }

# how many pages of 2 MiB the host has that nobody has or is promised
free_pages() {
	pool=/sys/kernel/mm/hugepages/hugepages-2048kB
	echo $(($(cat $pool/free_hugepages) - $(cat $pool/resv_hugepages)))
}

# pages_for SIZE[,WORDS]: what --mem gets: 2 MiB pages if the host has them to spare, since a guest boots twice as fast where none of
# its pages costs an exit. A story that is about memory sets memory_as_given.
memory_as_given=
pages_for() {
	pages=0
	case $memory_as_given$1 in
	*[!0-9M]*) ;;
	*M) pages=$((${1%M} / 2)) ;;
	esac
	if [ "$pages" -gt 0 ] && [ "$(free_pages)" -ge $((2 * pages)) ]; then
		echo "$1,hugepages"
	else
		echo "$1"
	fi
}

# vm_start NAME ARGS...: "sampan run ARGS" in the background, with NAME.console, NAME.sock, NAME.err; its process
# is in NAME.pid, and, once it has ended, its status in NAME.status. An ARGS with --console or --api replaces ours.
vm_start() {
	vm=$1
	shift
	case " $* " in *' --console '*) ;; *) set -- "$@" --console "file:$vm.console" ;; esac
	case " $* " in *' --api '*) ;; *) set -- "$@" --api "$vm.sock" ;; esac
	case " $* " in *' --mem '*) ;; *) set -- "$@" --mem 256M ;; esac
	words=$# before=
	while [ $words -gt 0 ]; do
		word=$1
		shift
		[ "$before" != --mem ] || word=$(pages_for "$word")
		before=$word words=$((words - 1))
		set -- "$@" "$word"
	done
	rm -f "$vm.status" "$vm.console"
	(
		"$SAMPAN" run "$@" </dev/null >"$vm.out" 2>"$vm.err" &
		echo $! >"$vm.pid"
		wait $!
		echo $? >"$vm.status"
	) &
	until [ -s "$vm.pid" ]; do sleep 0.1; done
}

# vm_wait NAME SECONDS: until the monitor has ended; its status, or 124 (and a kill) if it has not.
vm_wait() {
	tries=$(($2 * 5 * PATIENCE))
	until [ -s "$1.status" ]; do
		tries=$((tries - 1))
		if [ "$tries" -le 0 ]; then
			echo "vm $1 still runs after $2 s"
			kill -9 "$(cat "$1.pid")"
			return 124
		fi
		sleep 0.2
	done
	return "$(cat "$1.status")"
}

# vm_run NAME SECONDS ARGS...: start, wait, and fail unless the monitor ended with 0 and the guest's script did.
vm_run() {
	vm_name=$1 vm_time=$2
	shift 2
	vm_start "$vm_name" "$@"
	vm_status=0
	vm_wait "$vm_name" "$vm_time" || vm_status=$?
	[ "$vm_status" != 0 ] || ! grep -q '^SAMPAN-GUEST-EXIT 0' "$vm_name.console" || return 0
	echo "vm $vm_name: status $vm_status"
	end_of "$vm_name.err"
	end_of "$vm_name.console"
	return 1
}

# processes: those that the story has started, its own shells apart: of its session (in the sandbox a directory tells nothing), or
# that work in $WORK.
processes() {
	cat /proc/[0-9]*/stat 2>/dev/null |
		sed -n 's/^\([0-9]*\) (\(sampan.*\|qemu.*\|vsock\|socat\)) . [0-9]* [0-9]* \([0-9]*\) .*/\1 \3/p' |
		while read -r pid of; do
			if [ "$of" = "$session" ] || [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$WORK" ]; then echo "$pid"; fi
		done
}

# leftovers: fails, naming them, if a process, a tap or a socket remains. Taps that were there before do not count.
leftovers() {
	found=
	for pid in $(processes); do found="$found process $(tr '\0' ' ' <"/proc/$pid/cmdline");"; done
	for link in /sys/class/net/*/tun_flags; do
		[ -e "$link" ] || continue
		name=$(basename "$(dirname "$link")")
		case " $taps_before " in *" $name "*) ;; *) found="$found tap $name;" ;; esac
	done
	sockets=$(find "$WORK" -type s | tr '\n' ' ')
	[ -z "$sockets" ] || found="$found socket $sockets;"
	[ -z "$found" ] || { echo "left behind:$found"; return 1; }
}

taps() { for link in /sys/class/net/*/tun_flags; do [ ! -e "$link" ] || basename "$(dirname "$link")"; done | tr '\n' ' '; }

# Whatever happens, nothing of a story survives it; small files it leaves are kept as evidence.
story_end() {
	status=$?
	for pid in $(processes); do kill -9 "$pid"; done
	for tap in $(taps); do
		case " $taps_before " in *" $tap "*) ;; *) /sbin/ip link del "$tap" ;; esac
	done
	find "$WORK" -maxdepth 1 -type f -size -2048k -exec cp {} "$OUT" \; 2>/dev/null
	[ "$status" != 0 ] || status=$failed
	exit "$status"
}

session=$(sed 's/.*) . [0-9]* [0-9]* \([0-9]*\) .*/\1/' /proc/$$/stat)
taps_before=$(taps)
trap story_end EXIT
trap 'exit 143' HUP INT TERM
