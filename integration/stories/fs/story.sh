# what: directories of the host by virtiofsd: trees, random operations beside tmpfs, pause, reboot; back ends that lie, hang and die
# timeout: 420
# timeout-soak: 3600
. "$TOP/lib/told.sh"

virtiofsd=/usr/libexec/virtiofsd
operations=${SOAK:+100000}
operations=${operations:-1500}
M=1048576

# share NAME OPTIONS...: virtiofsd for the directory NAME, at NAME.fs; its process is in $served.
share() {
	shared=$1
	shift
	"$virtiofsd" --socket-path "$shared.fs" --shared-dir "$WORK/$shared" "$@" >"$shared.fs.log" 2>&1 &
	served=$!
	servers="$servers $served"
	tries=$((50 * PATIENCE))
	until [ -S "$shared.fs" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { end_of "$shared.fs.log"; return 1; }
		sleep 0.2
	done
}
servers=
trap 'ended=$?; kill -9 $servers 2>/dev/null; (exit $ended); story_end' EXIT

tree() { # DIR: some of everything that a tree has
	mkdir -p "$1/a/b/c" "$1/empty"
	for i in 1 2 3 4 5 6 7 8; do
		mkdir "$1/d$i"
		for k in 1 2 3 4 5; do pattern send $((i * i * i * 700 + k)) $((10 * i + k)) >"$1/d$i/f$k"; done
	done
	pattern send 3000001 7 >"$1/a/b/c/large"
	truncate -s 5M "$1/sparse"
	echo end | dd of="$1/sparse" bs=1 seek=3000000 conv=notrunc 2>/dev/null
	: >"$1/nothing"
	ln "$1/a/b/c/large" "$1/hard"
	ln -s a/b/c/large "$1/soft"
	chmod 700 "$1/d1"
	touch -d '2001-02-03 04:05:06' "$1/d2/f1"
}

# The first life of the machine ends in a reboot with the file systems mounted; the second finds what was written.
guest_script script <<'EOS'
no() { ! "$@"; }
sums() { (cd "$1" && md5sum -c /mnt/box/sums >/dev/null); }
# What md5sum does not see.
facts() { (cd "$1" && find . -type f -exec stat -c '%n %f %u %g %s %h %Y' {} + | sort && readlink soft); }
mount_all() { mkdir -p /mnt/box /mnt/ro /mnt/no && mount -t virtiofs box /mnt/box && mount -t virtiofs readonly /mnt/ro; }
each_cpu() {
	for cpu in 0 1; do { taskset -c $cpu pattern write "/mnt/box/cpu$cpu" $((4 * M)) 3$cpu && : >/tmp/done$cpu; } & done
	wait
	for cpu in 0 1; do [ -e /tmp/done$cpu ] && pattern verify "/mnt/box/cpu$cpu" $((4 * M)) 3$cpu || return 1; done
}
# Until the host has seen enough of it.
busy() {
	until [ -e /mnt/box/enough ]; do pattern write /mnt/box/paused $((4 * M)) 5 || return 1; done
	pattern verify /mnt/box/paused $((4 * M)) 5
}
again() { umount /mnt/box && mount -t virtiofs box /mnt/box && sums /mnt/box/copy; }

if mount_all && [ -e /mnt/box/rebooted ]; then
	told reboot sums /mnt/box/copy
	told reboot-write pattern write /mnt/box/second $M 6
	umount /mnt/box
	told reboot-umount test $? = 0
	exit
fi
told mount grep -q '^box /mnt/box virtiofs' /proc/mounts
told mount-unknown no mount -t virtiofs other /mnt/no
told tree sums /mnt/box/tree
cp -a /mnt/box/tree /tmp/tree
told tree-in sums /tmp/tree
from=$(now)
cp -a /tmp/tree /mnt/box/copy
say "copied $from $(now)"
echo 3 >/proc/sys/vm/drop_caches
told tree-out sums /mnt/box/copy
facts /tmp/tree >/tmp/facts
facts /mnt/box/copy | cmp - /tmp/facts
told tree-facts test $? = 0
told direct pattern write /mnt/box/direct $((8 * M)) 4
told direct-read pattern verify /mnt/box/direct $((8 * M)) 4
told each-cpu each_cpu
told ro-read cmp /mnt/ro/tree/a/b/c/large /tmp/tree/hard
told ro-write no touch /mnt/ro/new
mkdir /tmp/ops /mnt/box/ops
from=$(now)
told operations fsops /tmp/ops /mnt/box/ops "$seed" "$operations"
say "operated $from $(now)"
told mount-again again
say pausing
told paused busy
: >/mnt/box/rebooted
pattern send 100000 8 >/mnt/box/last
sync
say rebooting
echo 1 >/proc/sys/kernel/sysrq
echo b >/proc/sysrq-trigger
EOS

boot="--kernel $KERNEL --initrd $GUEST/initrd.gz --disk script,ro,id=script"

pauses() { # COUNT
	for i in $(seq "$1"); do
		"$SAMPAN" ctl main.sock pause && sleep 0.$((i % 3)) && "$SAMPAN" ctl main.sock resume && sleep 0.$((i % 4)) || return 1
	done
}

# what it is for
mkdir box ro
tree box/tree
cp -a box/tree ro/tree
(cd box/tree && find . -type f -exec md5sum {} +) >box/sums
seed=$(date +%s)
figure fs_operations seed "$seed" -
began=$(now)
share box && share ro --readonly
# shellcheck disable=SC2086 # words
vm_start main $boot --cpus 2 --reboot reset --fs socket=box.fs,tag=box --fs socket=ro.fs,tag=readonly \
	--append "console=ttyS0 loglevel=4 guest.M=$M guest.seed=$seed guest.operations=$operations"
if guest_says main $((100 + operations / 20)) pausing; then
	expect pauses pauses 12
	: >box/enough
fi
ended main main 120 0
figure fs_story main "$(since "$began")" s
guest_cases main mount mount-unknown tree tree-in tree-out tree-facts direct direct-read each-cpu ro-read ro-write operations \
	mount-again paused reboot reboot-write reboot-umount
tr -d '\r' <main.console | sed -n 's/^@ copied //p' | {
	read -r from to
	rate fs_copy tree "$(du -sb box/tree | cut -f1)" "$(echo "$from $to" | awk '{ print $2 - $1 }')"
}
tr -d '\r' <main.console | sed -n 's/^@ operated //p' | {
	read -r from to
	figure fs_operations all "$(echo "$operations $from $to" | awk '{ printf "%.0f", $1 / ($3 > $2 ? $3 - $2 : 0.01) }')" 1/s
}
expect host-tree diff -r box/tree box/copy
expect host-direct pattern verify box/direct $((8 * M)) 4
expect host-paused pattern verify box/paused $((4 * M)) 5
expect host-last sh -c 'pattern receive 100000 8 <box/last'
expect host-second pattern verify box/second $M 6
expect ro-unchanged diff -r box/tree ro/tree
expect quiet test ! -s main.err
# shellcheck disable=SC2086 # numbers
expect virtiofsd-ends wait $servers
expect virtiofsd-content sh -c '! grep ERROR ./*.fs.log'

# Other people's programs, on a share of their own. What they need is an image that is only made for this.
strain() {
	guest_script script <<'EOS'
mkdir -p /mnt/load
mount -t erofs -o ro "$(disk load)" /mnt/load && mount -t virtiofs strained /mnt/load/mnt
told strain-mount test $? = 0
for dir in proc sys dev tmp; do mount -o bind /$dir /mnt/load/$dir; done
in_load() { echo "$ $*"; chroot /mnt/load "$@" >/tmp/out 2>&1 || { tail -n 20 /tmp/out; return 1; }; }
verify() {
	in_load fio --name=v --directory=/mnt --size=16M --numjobs=2 --verify=crc32c --verify_fatal=1 --do_verify=1 --group_reporting "$@" &&
		rm -f /mnt/load/mnt/v.*
}
told fio-write verify --rw=write --bs=128k --ioengine=psync
told fio-random verify --rw=randwrite --bsrange=512-64k --bs_unaligned=1 --ioengine=psync
told fio-direct verify --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=16
told fio-mixed verify --rw=randrw --bs=4k --ioengine=psync --fsync=32
told fio-mmap verify --rw=randwrite --bs=4k --ioengine=mmap
# fpunch is left out: it fails on tmpfs, too
for stressor in access chdir chmod chown dentry dir dirdeep dirmany fallocate fcntl filename flock fstat getdent hdd iomix \
	link lockf metamix mknod open readahead rename seek sync-file symlink touch unlink utime xattr; do
	case $stressor in # a gigabyte each, if nothing is said: more than the host has for two
	hdd | fallocate | iomix | metamix | readahead | sync-file) size="--$stressor-bytes 16m" ;;
	seek) size='--seek-size 16m' ;;
	*) size= ;;
	esac
	told "stress-$stressor" in_load stress-ng --temp-path /mnt --$stressor 2 $size --timeout 5s --verify --oomable
done
EOS
	mkdir strained
	share strained --xattr
	# shellcheck disable=SC2086 # words
	vm_start strain $boot --cpus 2 --mem 512M --disk "${GUEST%/*/*}/load/current/root.erofs,ro,id=load" \
		--fs socket=strained.fs,tag=strained --append "console=ttyS0 loglevel=4"
	ended strain strain 1500 0
	# shellcheck disable=SC2046 # names
	guest_cases strain strain-mount $(tr -d '\r' <strain.console | sed -n 's/^@ told \(fio-[a-z]*\|stress-[a-z-]*\) .*/\1/p')
	expect strain-quiet test ! -s strain.err
}
[ -z "$SOAK" ] || strain

# back ends that end: one is killed, one stops to answer
guest_script script <<'EOS'
mkdir -p /mnt/box /mnt/ro
told mount-dying mount -t virtiofs box /mnt/box
told mount-stopping mount -t virtiofs readonly /mnt/ro
say writing
while pattern write /mnt/box/unfinished $M 9; do :; done &
{ sleep 3; cat /mnt/ro/tree/*/*; } >/dev/null 2>&1 &
tick=0
while [ $tick -lt 44 ]; do
	tick=$((tick + 1))
	say "tick $tick"
	sleep 0.5
done
poweroff -f -n # a sync would wait for what is gone
EOS
rm -f ./*.fs box/rebooted
share box --sandbox none && dying=$served
share ro --sandbox none && stopping=$served
# shellcheck disable=SC2086 # words
vm_start ends $boot --cpus 2 --fs socket=box.fs,tag=box --fs socket=ro.fs,tag=readonly \
	--append "console=ttyS0 loglevel=1 guest.M=$M"
lives() { # NAME: the guest goes on and the monitor answers
	ticks=$(grep -c '^@ tick' ends.console)
	expect "$1" guest_says ends 20 "tick $((ticks + 3))"
	expect "$1-status" sh -c '"$SAMPAN" ctl ends.sock status | grep -q running'
}
if guest_says ends 60 writing; then
	sleep 1
	kill -9 "$dying"
	expect killed wait_for ends.err '^sampan: .*fs fs0: its back end has gone; the device needs a reset' 10
	lives killed-lives
	kill -STOP "$stopping"
	expect stopped-pause "$SAMPAN" ctl ends.sock pause
	expect stopped wait_for ends.err '^sampan: .*fs fs1: its back end does not answer; the device needs a reset' 1
	expect stopped-resume "$SAMPAN" ctl ends.sock resume
	lives stopped-lives
fi
ended ends ends 60 0
guest_cases ends mount-dying mount-stopping
expect one-line-each test "$(wc -l <ends.err)" = 2
kill -9 "$stopping"

# back ends that are none
: >file
python3 "$STORY/hostile" &
servers="$servers $!"
wait_for hostile.log ready 30
refused absent "^sampan: fs0: connect to nowhere: No such file or directory$" --fs socket=nowhere,tag=x
refused no-socket "^sampan: fs0: connect to file: Connection refused$" --fs socket=file,tag=x
refused deaf "^sampan: fs0: the back end at deaf.fs does not answer$" --fs socket=deaf.fs,tag=x
refused closes "^sampan: fs0: the back end at closes.fs has gone$" --fs socket=closes.fs,tag=x
refused old "^sampan: fs0: the back end at old.fs lacks the virtio 1 interface$" --fs socket=old.fs,tag=x
for kind in garbage descriptors; do
	refused $kind "^sampan: fs0: the back end at $kind.fs broke the vhost-user protocol$" --fs socket=$kind.fs,tag=x
done
# This one is good until the driver comes. Then the guest has no file system, but a life.
guest_script script <<'EOS'
told mute-alive sleep 6
EOS
# shellcheck disable=SC2086 # words
vm_start mute $boot --fs socket=mute.fs,tag=x --append "console=ttyS0 loglevel=1"
ended mute mute 60 0
guest_cases mute mute-alive
expect mute-said grep -q 'fs fs0: its back end does not answer' mute.err

rm -f ./*.fs
figure fs_story all "$(since "$began")" s
expect nothing-left leftovers
