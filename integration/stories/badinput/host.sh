# What the host lacks: devices, permissions, room, descriptors, memory.
pages=$(cat /proc/sys/vm/nr_hugepages)
echo 0 >/proc/sys/vm/nr_hugepages
refuse hugepages-none 1 'allocate 64 MiB of *guest memory*pool*has too few free' --mem 64M,hugepages
refuse hugepages-shared-none 1 'allocate 64 MiB of *guest memory' --mem 64M,hugepages,shared
echo "$pages" >/proc/sys/vm/nr_hugepages
refuse mem-more-than-address-bits 1 'MiB of memory are more than * guest address bits' --mem 4000000T
refuse mem-more-than-a-slot 1 'KVM_SET_USER_MEMORY_REGION of * MiB' --mem 64T

cp "$SAMPAN" sampan
cp "$KERNEL" kernel
with="sh $STORY/without -kvm"
refuse no-kvm 1 'open /dev/kvm *: No such file'
check_fails() { # NAME PATTERN: "sampan check" ends with 1 and the reason
	status=0
	timeout -s KILL 10 $with "$SAMPAN" check </dev/null >out 2>err || status=$?
	if [ "$status" = 1 ] && grep -q "^NO .*$2" out && grep -q '^no microVM can be started here' out && [ ! -s err ]; then
		case_ok "$1"
	else
		cat out err
		case_fail "$1" "status $status"
	fi
}
check_fails check-no-kvm 'open /dev/kvm .*: No such file'
with="sh $STORY/without kvm=null"
refuse kvm-is-not 1 'ask /dev/kvm for its version (KVM_GET_API_VERSION): Inappropriate ioctl'
with="sh $STORY/without -net"
refuse no-tun 1 'open /dev/net/tun for tap *: No such file' --net tap=lo
with="sh $STORY/without -vhost-vsock"
refuse no-vhost-vsock 1 '/dev/vhost-vsock*: No such file' --vsock cid=79

# Without root's rights: $WORK belongs to that user for the while.
chown 65534 .
echo x >secret
chmod 0 secret
nobody="/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups"
real=$SAMPAN SAMPAN=./sampan
with="sh $STORY/without $nobody"
refuse kernel-forbidden 1 'open kernel secret: Permission denied' --kernel secret
refuse disk-forbidden 1 'disk secret: Permission denied' --kernel kernel --disk secret,ro
refuse disk-0444 1 'disk disk0444 for writing: Permission denied' --kernel kernel --disk disk0444
refuse api-forbidden 1 'dir/s: Permission denied' --kernel kernel --api dir/s
with="sh $STORY/without kvm=kmsg $nobody"
refuse kvm-forbidden 1 'open /dev/kvm: Permission denied' --kernel kernel
SAMPAN=$real
chown 0 .

mkdir full
mount -t tmpfs -o size=64k,nr_inodes=3 full full
head -c 200000 /dev/zero >full/one 2>/dev/null
: >full/two
with=
refuse log-file-full 1 'open log file full/log: No space left' --log-file full/log
refuse console-file-full 1 'open full/console for writing: No space left' --console file:full/console
refuse api-full 1 'full/s: No space left' --api full/s
rm full/two
refuse pid-file-full 1 'write pid file full/pid: No space left' --pid-file full/pid
expect pid-file-full-gone eval '[ ! -e full/pid ]'

cp disk read-only
with="unshare -m sh $STORY/read-only"
refuse disk-read-only-mount 1 'disk read-only for writing: Read-only file system' --disk read-only
with=
loop=
modprobe loop && loop=$(losetup -f) && losetup -r "$loop" disk || case_fail loop "no loop device"
refuse disk-read-only-device 1 "disk $loop for writing: " --disk "$loop"
[ -z "$loop" ] || losetup -d "$loop"

with="sh $STORY/limits -n 8"
refuse descriptors-8 1 'Too many open files' --disk disk --virtio-console none
for n in 4 5 6 7 9 10 12 14; do
	with="sh $STORY/limits -n $n"
	refuse descriptors-$n 1 'Too many open files' --disk disk --virtio-console socket:c.sock --vsock uds=v.sock
done
for kilobytes in 6000 12000 40000 64000; do
	with="sh $STORY/limits -v $kilobytes"
	refuse address-space-$kilobytes 1 ': [CR]' --disk disk --initrd "$GUEST/initrd.gz" --append panic=-1
done
with=

# Standard streams that are closed: what is opened next must not become one of them.
closed() { # STATUS ARGS...
	want=$1
	shift
	status=0
	timeout -s KILL $((30 * PATIENCE)) sh "$STORY/closed" "$SAMPAN" run --mem 64M --disk disk --api case.sock "$@" || status=$?
	[ "$status" = "$want" ] && [ ! -e case.sock ] && cmp -n 1048576 disk /dev/zero
}
expect closed-streams-missing closed 1 --kernel nowhere
expect closed-streams-random closed 1 --kernel random
expect closed-streams-boot closed 0 --kernel "$KERNEL" --initrd "$GUEST/initrd-min.gz" --append console=ttyS0

# The terminal is as it was, also when the refusal comes after it was made raw.
for kernel in nowhere random; do
	printf 'stty -g >before\n%s run --kernel %s --mem 64M\necho $? >status\nstty -g >after\n' "$SAMPAN" $kernel >on-terminal
	expect terminal-$kernel eval 'timeout 20 socat -t 15 STDIO EXEC:"sh on-terminal",pty,stderr,setsid,ctty >terminal.out && [ -s before ] && cmp before after && [ "$(cat status)" = 1 ]'
done

# A machine whose log, console and terminal are of no use runs all the same.
head -c 200000 /dev/zero >>full/one 2>/dev/null
: >full/console
full_console() {
	vm_start full --kernel "$KERNEL" --initrd "$GUEST/initrd-min.gz" --mem 64M --console file:full/console --log-file full/console \
		--log-level debug --append quiet
	vm_wait full 30
}
expect full-console full_console
umount full
