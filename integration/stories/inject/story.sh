# what: each system call of a machine's start fails once: it goes on without, or ends within 10 s with a sentence; killed at any of them it leaves nothing
# timeout: 300
# timeout-soak: 5400
. "$TOP/lib/told.sh"

# A machine with a bit of everything.
guest_script script <<'EOF'
sleep 1000
EOF
truncate -s 1M data
/sbin/ip tuntap add inject0 mode tap
taps_before="$taps_before inject0 " # ours
set -- --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --disk script,ro,id=script --disk data --net tap=inject0 --vsock uds=hybrid \
	--virtio-console socket:port --pid-file pf --console file:console --api sock --append "console=ttyS0 quiet panic=-1"

# The start, by its first thread: from what the caller left open being closed (before that it is the C library's) to the guest being run.
list_calls() {
	timeout $((60 * PATIENCE)) strace -o trace "$SAMPAN" run "$@" </dev/null >base.out 2>&1 &
	until "$SAMPAN" ctl sock status 2>&1 | grep -q running; do
		kill -0 $! 2>/dev/null || { cat base.out; return 1; }
		sleep 0.2
	done
	"$SAMPAN" ctl sock stop
	wait
	# "NUMBER-OF-ITS-NAME NAME" of each
	awk -F'(' '
		/^[a-z]/ { n[$1]++ }
		/^close_range/ { on = 1 }
		/^epoll_p?wait/ { exit }
		on && /^[a-z]/ && $1 !~ /^(exit|exit_group|rt_sigreturn|restart_syscall|futex)$/ { print n[$1], $1 }' trace >calls
	awk '{ print $2 }' calls | sort | uniq -c
	[ "$(wc -l <calls)" -gt 50 ]
}

error_of() { # NAME: what it may well answer
	case $1 in
	mmap | munmap | brk | mremap | madvise | clone* | epoll_ctl) echo ENOMEM ;;
	openat* | socket | socketpair | accept4 | dup* | eventfd2 | epoll_create1 | timerfd_create | signalfd4 | memfd_create | pidfd_open) echo EMFILE ;;
	read* | pread* | write* | pwrite* | fsync | fdatasync | fstat* | newfstatat | statx | lseek) echo EIO ;;
	*) echo EPERM ;;
	esac
}

# Without $SOAK the first of each name, one name in ten; another one is where it is killed (200 of all).
chosen() {
	if [ -n "$SOAK" ]; then
		cp calls chosen.calls
		awk -v all="$(wc -l <calls)" 'int(NR * 200 / all) > int((NR - 1) * 200 / all)' calls >killed.calls
	else
		awk '!seen[$2]++ && ++n % 10 == 1' calls >chosen.calls
		awk '!seen[$2]++ && ++n % 10 == 6' calls >killed.calls
	fi
}

# (A pid file that could not be looked at again is not known to be ours.)
nothing_left() {
	tries=$((5 * 5 * PATIENCE))
	[ "$call" != newfstatat ] || rm -f pf
	until leftovers >left && [ ! -e pf ] && [ ! -e hybrid ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat left; ls; return 1; }
		sleep 0.2
	done
}

# run_with CALL NTH WHAT ARGS...: the machine, with WHAT happening at a system call; told to end if it comes to run. Leaves $status and $took.
run_with() {
	tampered=$1:$3:when=$2
	trace=$1
	shift 3
	began=$(cut -d. -f1 /proc/uptime)
	rm -f ended
	{ timeout -k 5 $((60 * PATIENCE)) strace -e "trace=$trace" -e "inject=$tampered" -o /dev/null "$SAMPAN" run "$@" </dev/null >out 2>err; echo $? >ended; } &
	until [ -s ended ]; do
		"$SAMPAN" ctl sock status 2>&1 | grep -q running && "$SAMPAN" ctl sock stop >/dev/null
		sleep 0.2
	done
	wait
	took=$(($(cut -d. -f1 /proc/uptime) - began)) status=$(cat ended)
}

# It goes on without, or ends with a sentence.
fails() { # CALL NTH ARGS...
	call=$1 nth=$2
	shift 2
	run_with "$call" "$nth" "error=$(error_of "$call")" "$@"
	nothing_left || return 1
	case $status in
	0) true ;;
	1) [ "$(wc -l <err)" = 1 ] && grep -q '^sampan: ' err && [ "$took" -le $((usual + 10 * PATIENCE)) ] ;;
	*) false ;;
	esac
}

# The end of another kind: what is left within 5 s, but for a socket that was not the opener's yet. The next one starts over it.
killed() { # CALL NTH ARGS...
	call=$1 nth=$2
	shift 2
	run_with "$call" "$nth" signal=KILL "$@"
	[ "$status" = 137 ] || return 1
	tries=25
	until [ -z "$(processes)" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
}

began=$(cut -d. -f1 /proc/uptime)
expect listed list_calls "$@"
usual=$(($(cut -d. -f1 /proc/uptime) - began)) # seconds, with strace
chosen
tried=0 went_on=0 bad=0
while read -r nth call; do
	tried=$((tried + 1))
	if ! fails "$call" "$nth" "$@"; then
		bad=$((bad + 1))
		case_fail "$call-$nth" "status $status after $took s: $(tr '\n' ' ' <err)"
		for pid in $(processes); do kill -9 "$pid"; done
		rm -f pf sock hybrid port
	elif [ "$status" = 0 ]; then
		went_on=$((went_on + 1))
		echo "$call $nth: went on"
	else
		echo "$call $nth: $(cat err)"
	fi
done <chosen.calls
echo "$tried tried, $went_on went on, $bad bad"
figure injected_failures sampan "$tried" calls
expect all-fail test "$tried" -gt 4 -a "$bad" = 0

tried=0 bad=0
while read -r nth call; do
	tried=$((tried + 1))
	killed "$call" "$nth" "$@" || {
		bad=$((bad + 1))
		case_fail "kill-$call-$nth" "status $status: $(processes | tr '\n' ' ')"
	}
done <killed.calls
figure kills_at_calls sampan "$tried" calls
expect all-killed test "$tried" -gt 4 -a "$bad" = 0
again() { # over what the killed ones have left
	run_with getpid 1 signal=CONT "$@"
	[ "$status" = 0 ] && nothing_left
}
expect again again "$@"
