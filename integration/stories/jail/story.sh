# what: the sandbox: what is left to a monitor (golden listings), with root and without, the opener, kill -9
# timeout: 300
memory_as_given=1
. "$TOP/lib/told.sh"

# a machine with a bit of everything: what is left to its monitor
alike() { diff "$STORY/$1" "$2" >"$2.diff" || { cat "$2.diff"; cp "$2" "$OUT/$1"; false; }; }
/sbin/ip tuntap add jail0 mode tap
guest_script quiet <<'EOT'
say up
within 600 false
EOT
truncate -s 1M data other
export JAIL_TEST_SECRET=secret
exec 7<. 8</etc/passwd # what a caller may have left open
vm_start all --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 128M --cpus 2 --disk quiet,ro,id=script --disk data,id=data,io=threads \
	--net tap=jail0 --vsock uds=all.vsock --virtio-console socket:all.port --pid-file all.pf --append "console=ttyS0 quiet"
exec 7<&- 8<&-
guest_says all 90 up
"$STORY/listing" "$(cat all.pid)" >listing-run
expect listing-run alike golden-run listing-run
opener=$(pgrep -P "$(cat all.pid)") || ps
"$STORY/listing" "${opener:?there is none}" >listing-opener
expect listing-opener alike golden-opener listing-opener

# kill -9: nothing is left, and the same names can be had again at once
kill -9 "$(cat all.pid)"
nothing_left() {
	tries=$((5 * 5))
	until leftovers >left && [ ! -e all.pf ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat left; ls; return 1; }
		sleep 0.2
	done
}
vm_wait all 5
/sbin/ip link del jail0
expect kill-9-leaves-nothing nothing_left

# a monitor in the pod's network stays there; another user by option; not asked for, none
kernel=$KERNEL initrd=$GUEST/initrd.gz
again() { # NAME ARGS...: a machine that runs, and its status
	name=$1
	shift
	"$@" run --kernel "$kernel" --initrd "$initrd" --mem 64M --disk quiet,ro,id=script --console "file:$name.console" --append "console=ttyS0 quiet" \
		$more </dev/null >"$name.out" 2>"$name.err" &
	echo $! >"$name.pid"
	guest_says "$name" 90 up || { cat "$name.err"; return 1; }
}
more=--jail-user=1234:5678
again pod unshare -n "$SAMPAN"
pid=$(cat pod.pid)
expect pod-network test "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)"
expect other-user eval 'grep -q "^Uid:.1234.1234.1234.1234" /proc/$pid/status && grep -q "^Gid:.5678.5678.5678.5678" /proc/$pid/status'
expect no-helper-without-need eval '[ -z "$(pgrep -P "$pid")" ]'
kill "$pid"
more=--no-jail
again off "$SAMPAN"
expect off-is-said grep -q "no sandbox" off.err
expect off-is-off grep -q '^Seccomp:.0' "/proc/$(cat off.pid)/status"
kill "$(cat off.pid)"
wait

# without root: what can be done (with files that are not root's)
chmod 666 /dev/kvm
chmod 777 .
cp "$SAMPAN" "$KERNEL" "$GUEST/initrd.gz" .
kernel=Image initrd=initrd.gz
more=
again user /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups ./sampan
"$STORY/listing" "$(cat user.pid)" >listing-user
expect listing-user alike golden-user listing-user
kill "$(cat user.pid)"
wait
echo 0 >/proc/sys/user/max_user_namespaces
again alone /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups ./sampan
expect alone-says-what-is-missing eval 'grep -q "sandbox: started without root, so it goes without" alone.err && [ "$(wc -l <alone.err)" = 1 ]'
expect alone-is-filtered grep -q '^Seccomp:.2' "/proc/$(cat alone.pid)/status"
kill "$(cat alone.pid)"
wait
echo 10000 >/proc/sys/user/max_user_namespaces

# Kata's front, and disks by path: files where the caller's are, block devices that the host does not use
qmp() { printf '{"execute":"qmp_capabilities"}\n%s\n' "$1" | socat -t 3 - UNIX-CONNECT:sv.sock | tail -n 1; }
add() { qmp "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"node-name\":\"$1\",\"read-only\":${3:-false},\"file\":{\"driver\":\"file\",\"filename\":\"$2\"}}}"; }
SAMPAN_UID=4321 sampan-stratovirt -machine microvm -smp 1 -m 64 -kernel "$KERNEL" -initrd "$GUEST/initrd.gz" -append "console=ttyS0 quiet" \
	-qmp "unix:$WORK/sv.sock,server,nowait" -drive "id=q,file=quiet,readonly=on" -device virtio-blk-device,drive=q,id=vq,serial=script -serial file:sv.console \
	-disable-seccomp </dev/null >sv.out 2>sv.err &
echo $! >sv.pid
guest_says sv 90 up
"$STORY/listing" "$(cat sv.pid)" >listing-stratovirt
expect listing-stratovirt alike golden-stratovirt listing-stratovirt
expect kata-s-switch-is-ignored grep -q 'disable-seccomp is accepted and ignored' sv.out
truncate -s 1M spare
mkdir -p sub
ln -s /etc/passwd sub/link
for n in 6 7; do [ -b /dev/loop$n ] || mknod /dev/loop$n b 7 $n; done
mkfifo sub/fifo
losetup /dev/loop6 spare
mkfs.ext2 -q other && losetup /dev/loop7 other && mkdir -p mounted && mount /dev/loop7 mounted
plugs() { add "$1" "$2" "$3" | grep -q '"return"'; }
refuses() { # NAME PATH PATTERN
	add "$1" "$2" >answer
	grep -q "\"error\".*$3" answer || { cat answer; false; }
}
expect file-of-the-caller plugs one "$WORK/data"
expect device-of-nobody plugs two /dev/loop6
expect device-of-the-host refuses three /dev/loop7 'the host itself is using it'
expect file-of-others refuses four /etc/passwd 'no directory that disks come from'
expect way-out refuses five "$WORK/../../etc/passwd" 'open disk'
expect link-out refuses six "$WORK/sub/link" 'open disk'
expect fifo refuses seven "$WORK/sub/fifo" 'is a FIFO'
expect character-device refuses eight /dev/null 'is a character device'
expect process refuses nine "/proc/$(cat sv.pid)/root" 'no directory'
expect quit eval 'qmp "{\"execute\":\"quit\"}" >/dev/null; wait "$(cat sv.pid)"'
umount mounted
losetup -d /dev/loop6
losetup -d /dev/loop7
expect nothing-left leftovers
