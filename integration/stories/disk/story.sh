# what: disks keep what was flushed, free what is discarded, refuse what they must, go on after a full host; 4 KiB sectors; no io_uring
# timeout: 330
. "$TOP/lib/told.sh"

M=1048576
boot="--kernel $KERNEL --initrd $GUEST/initrd.gz --append console=ttyS0\ loglevel=1"

# What the first machine writes and is killed over; what the second finds.
guest_script write <<'EOF'
M=1048576
for kind in uring threads; do
	raw=$(disk "raw-$kind") fs=$(disk "fs-$kind") mnt=/mnt/$kind
	told "serial-$kind" test -b "$raw" -a -b "$fs"
	told "queues-$kind" test "$(ls "/sys/block/${raw#/dev/}/mq" | wc -l)" = 4
	mkdir -p "$mnt"
	mount -t ext4 "$fs" "$mnt"
	began=$(now)
	told "write-$kind" pattern write "$raw" $((4 * M)) 1
	say "wrote $kind $began $(now)"
	for cpu in 0 1 2 3; do taskset -c "$cpu" pattern write "$mnt/file$cpu" $M "1$cpu" & done
	wait
	pattern send 1048581 20 >"$mnt/buffered"
	sync
done
say flushed
for kind in uring threads; do
	while :; do pattern write "/mnt/$kind/unfinished" $M 9; done &
	while :; do dd if=/dev/zero of="$(disk "raw-$kind")" bs=65536 seek=64 count=64 conv=notrunc; done 2>/dev/null &
done
sleep 1000
EOF

guest_script verify <<'EOF'
M=1048576
files() { # all that was flushed
	for cpu in 0 1 2 3; do pattern verify "$1/file$cpu" $M "1$cpu" || return 1; done
	pattern receive 1048581 20 <"$1/buffered"
}
no() { ! "$@"; }
ro=$(disk readonly)
told ro-write no dd if=/dev/zero of="$ro" bs=4096 count=4 conv=fsync
blockdev --setrw "$ro"
told ro-discard no blkdiscard "$ro"
told ro-zero no pattern zero "$ro" 65536 0
echo 3 >/proc/sys/vm/drop_caches
told ro-content test "$(md5sum <"$ro" | cut -c1-32)" = "$hash"
say read-only

for kind in uring threads; do
	raw=$(disk "raw-$kind") fs=$(disk "fs-$kind") mnt=/mnt/$kind
	told "second-raw-$kind" pattern verify "$raw" $((4 * M)) 1
	mkdir -p "$mnt"
	mount -t ext4 "$fs" "$mnt"
	told "second-fs-$kind" files "$mnt"
	say "filled fs-$kind"
	rm "$mnt"/file* "$mnt"/unfinished
	sync
	told "fstrim-$kind" fstrim "$mnt"
	umount "$mnt"

	# freed, freed, zeroes that stay, and a quarter that nobody touches
	pattern write "$raw" $((8 * M)) 2
	told "discard-$kind" blkdiscard -o 0 -l $((2 * M)) "$raw"
	told "punch-$kind" pattern punch "$raw" $((2 * M)) $((2 * M))
	told "zero-$kind" pattern zero "$raw" $((2 * M)) $((4 * M))
	told "zeroes-$kind" pattern zeroes "$raw" $((6 * M)) 0
done
for kind in uring threads; do
	full=$(disk "full-$kind")
	told "full-$kind" no pattern write "$full" $((6 * M)) 5
	say "full $kind"
	told "again-$kind" within 60 pattern write "$full" $((6 * M)) 5
done
EOF

guest_script sectors <<'EOF'
queue() { cat "/sys/block/${1#/dev/}/queue/$2"; }
sizes() { [ "$(queue "$1" logical_block_size) $(queue "$1" physical_block_size) $(queue "$1" minimum_io_size)" = "$2" ]; }
large=$(disk large) file=$(disk file)
told sectors-large sizes "$large" "4096 4096 4096"
told sectors-file sizes "$file" "512 4096 4096"
told sectors-capacity test "$(cat "/sys/block/${large#/dev/}/size")" = 16384
told sectors-write pattern write "$large" 4194304 6
told threads-write pattern write "$file" 4194304 7
told threads-verify pattern verify "$file" 4194304 7
say written
sleep 1000
EOF

# on_host NAME COMMAND...: a case; its output is shown only if it fails.
on_host() {
	name=$1
	shift
	if "$@" >"$name.out" 2>&1; then case_ok "$name"; else case_fail "$name" "status $?: $(tail -n 3 "$name.out" | tr '\n' ' ')"; fi
}
blocks() { stat -c %b "$1"; } # of 512 bytes
# near A B: within 256 KiB of it
near() { [ $(($1 - $2)) -lt 512 ] && [ $(($2 - $1)) -lt 512 ] || { echo "$1 blocks, $2 expected"; return 1; }; }
less() { [ "$1" -lt "$2" ] || { echo "$1 blocks, fewer than $2 expected"; return 1; }; }

# As after a power cut: the journal is replayed, then nothing may be wrong, and every file is there. On a copy.
survived() { # IMAGE
	cp "$1" copy
	e2fsck -p copy || [ $? = 1 ] || return 1
	e2fsck -fn copy || return 1
	mkdir -p mnt
	mount -o loop,ro copy mnt || return 1
	damage=
	for cpu in 0 1 2 3; do pattern verify mnt/file$cpu $M 1$cpu || damage="$damage file$cpu"; done
	pattern receive 1048581 20 <mnt/buffered || damage="$damage buffered"
	umount mnt
	rm copy
	[ -z "$damage" ] || { echo "damaged:$damage"; return 1; }
}
untouched_quarter() { # FILE
	pattern send $((8 * M)) 2 | tail -c $((2 * M)) >want
	tail -c $((2 * M)) "$1" | cmp - want
}

set --
for kind in uring threads; do
	truncate -s 8M "raw-$kind"
	truncate -s 32M "fs-$kind"
	mkfs.ext4 -q "fs-$kind"
	set -- "$@" --disk "raw-$kind,id=raw-$kind,io=$kind,queues=4" --disk "fs-$kind,id=fs-$kind,io=$kind"
done
began=$(now)
eval "vm_start first $boot" --cpus 4 --disk write,ro,id=script '"$@"'
if guest_says first 90 flushed; then
	refused in-use "disk raw-uring is in use by another process$" --disk raw-uring
	refused in-use-ro "disk raw-uring is in use by another process, which may write it$" --disk raw-uring,ro
fi
kill -9 "$(cat first.pid)"
ended killed first 10 137
figure disk_story machine-1 "$(since "$began")" s
for kind in uring threads; do
	guest_cases first "serial-$kind" "queues-$kind" "write-$kind"
	on_host "raw-$kind" pattern verify "raw-$kind" $((4 * M)) 1
	blocks "fs-$kind" >"blocks-$kind"
	on_host "fsck-$kind" survived "fs-$kind"
	sed -n "s/^@ wrote $kind //p" first.console | tr -d '\r' | {
		read -r from to
		rate disk_write "$kind" $((4 * M)) "$(echo "$from $to" | awk '{ print $2 - $1 }')"
	}
done

began=$(now)
pattern write readonly $((4 * M)) 3
hash=$(md5sum <./readonly | cut -c1-32)
stamp=$(stat -c %y readonly)
for kind in uring threads; do
	mkdir "small-$kind"
	mount -t tmpfs -o size=8M small "small-$kind"
	truncate -s 16M "small-$kind/disk"
	dd if=/dev/zero of="small-$kind/filler" bs=$M count=4 2>/dev/null
	set -- "$@" --disk "small-$kind/disk,id=full-$kind,io=$kind"
done
eval "vm_start second $boot\ guest.hash=$hash" --cpus 2 --disk verify,ro,id=script --disk readonly,ro,id=readonly '"$@"'
if guest_says second 60 read-only; then
	refused ro-in-use "disk readonly is in use by another process$" --disk readonly
	vm_start reader --kernel "$KERNEL" --initrd "$GUEST/initrd-min.gz" --append console=ttyS0 --disk readonly,ro
	ended ro-shared reader 60 0
fi
for kind in uring threads; do
	if guest_says second 60 "full $kind"; then rm "small-$kind/filler"; fi
done
ended second second 90 0
figure disk_story machine-2 "$(since "$began")" s
guest_cases second ro-write ro-discard ro-zero ro-content
on_host ro-hash [ "$hash $stamp" = "$(md5sum <./readonly | cut -c1-32) $(stat -c %y readonly)" ]
for kind in uring threads; do
	guest_cases second "second-raw-$kind" "second-fs-$kind" "fstrim-$kind" "discard-$kind" "punch-$kind" "zero-$kind" \
		"zeroes-$kind" "full-$kind" "again-$kind"
	on_host "freed-raw-$kind" near "$(blocks "raw-$kind")" $((4 * M / 512))
	on_host "freed-fs-$kind" less "$(blocks "fs-$kind")" $(($(cat "blocks-$kind") - 4 * M / 512 + 512)) # the journal takes some
	on_host "quarter-$kind" untouched_quarter "raw-$kind"
	on_host "clean-$kind" e2fsck -fn "fs-$kind"
	on_host "full-content-$kind" pattern verify "small-$kind/disk" $((6 * M)) 5
	umount "small-$kind"
done

# A host that refuses io_uring; a disk with sectors of 4 KiB, and one whose sectors of 512 bytes are best written 4 KiB at a time.
began=$(now)
truncate -s 8M large
truncate -s 4M file
modprobe loop
loop=$(losetup -f)
losetup "$loop" large
python3 -c 'import fcntl, os, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), 0x4C09, 4096)' "$loop" # LOOP_SET_BLOCK_SIZE
echo 2 >/proc/sys/kernel/io_uring_disabled
refused uring-forbidden "use io_uring for disk file: Operation not permitted$" --disk file,io=uring
eval "vm_start third $boot" --disk sectors,ro,id=script --disk '"$loop,id=large"' --disk file,id=file
if guest_says third 60 written; then
	expect threads-instead eval 'grep -q "^blk-worker" "/proc/$(cat third.pid)/task/"*/comm && ! ls -l "/proc/$(cat third.pid)/fd" | grep io_uring'
fi
kill -9 "$(cat third.pid)"
ended killed-third third 10 137
echo 0 >/proc/sys/kernel/io_uring_disabled
losetup -d "$loop"
guest_cases third sectors-large sectors-file sectors-capacity sectors-write threads-write threads-verify
on_host large pattern verify large $((4 * M)) 6
on_host file pattern verify file $((4 * M)) 7
figure disk_story machine-3 "$(since "$began")" s
rm -f first.sock third.sock
expect nothing-left leftovers
