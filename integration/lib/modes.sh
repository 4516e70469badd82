# modes.sh: a machine in one interrupt mode, with every kind of interrupt that there is: disk, net and vsock by vhost and by the loop,
# virtio and serial console; then it reboots, with a new machine and interrupt controller around the same devices. Sourced by a story,
# after told.sh.

# modes_guest FILE: the guest's script. Words of the kernel's command line say cpus and chip (as /proc/interrupts calls it).
modes_guest() {
	guest_script "$1" <<'EOF'
irq_of() { sed -n "s/^ *\([0-9]*\):.* $1\$/\1/p" /proc/interrupts; }
count_on() { awk -v irq="$1:" -v cpu="$2" '$1 == irq { print $(cpu + 2) }' /proc/interrupts; } # IRQ CPU
total() { awk -v irq="$1:" -v cpus="$cpus" '$1 == irq { for (i = 2; i < cpus + 2; i++) sum += $i; print sum }' /proc/interrupts; }
read_disk() { echo 3 >/proc/sys/vm/drop_caches && dd if=/dev/vda of=/dev/null bs=64k count=16 2>/dev/null; }
# the command succeeds, and the device's interrupt has come meanwhile
more() { # NAME COMMAND...
	irq=$(irq_of "$1") before=$(total "$(irq_of "$1")")
	shift
	"$@" && [ "$(total "$irq")" -gt "$before" ]
}
# the disk's interrupt, sent to the last CPU, arrives there
moves() {
	irq=$(irq_of virtio0) last=$((cpus - 1))
	echo $last >"/proc/irq/$irq/smp_affinity_list" || return 1
	read_disk # the first one may still go where it went before
	before=$(count_on "$irq" $last)
	read_disk && [ "$(count_on "$irq" $last)" -gt "$before" ]
}
call() { [ "$(echo "call $1" | timeout 20 vsock connect 2 "$1")" = "call $1" ]; }
nic() { # DEVICE NUMBER
	ip addr add "10.7.$2.2/24" dev "$1" && ip link set "$1" up && ping -q -c 3 -i 0.1 -W 5 "10.7.$2.1"
}
# where the kernel has a console by SBI, that is the first one
port() { { echo "from the port" >/dev/hvc1; } 2>/dev/null || echo "from the port" >/dev/hvc0; }
serial() { echo "from the serial port" >/dev/ttyS0 && sleep 1; }
online() { [ "$(grep -c ^processor /proc/cpuinfo)" = "$cpus" ]; }
chip() { grep "virtio0\$" /proc/interrupts | grep -q "$chip"; }

mark=$(disk mark)
[ "$(head -c 5 "$mark")" != again ] || {
	told again more virtio0 read_disk
	exit 0
}
cat /proc/interrupts
told online online
told chip chip
told disk more virtio0 read_disk
told moves moves
told net-vhost more virtio3 nic eth0 0
told net more virtio4 nic eth1 1
told vsock more virtio5 call 1000
told port more virtio7 port
told serial more ttyS0 serial
printf again | dd of="$mark" conv=notrunc 2>/dev/null
sync
reboot -f
EOF
}
modes_cases="online chip disk moves net-vhost net vsock port serial again"

modes_up() {
	tap=0
	for name in mode0 mode1; do
		/sbin/ip tuntap add dev $name mode tap vnet_hdr
		/sbin/ip addr add 10.7.$tap.1/24 dev $name
		/sbin/ip link set $name up
		tap=$((tap + 1))
	done
	truncate -s 2M some.disk
	vsock echo 1000 &
	modes_echo=$!
}

modes_down() {
	kill "$modes_echo"
	for name in mode0 mode1; do /sbin/ip link del $name; done
}

chip_of() { # MODE
	case $1 in
	aplic) echo APLIC-DIRECT ;;
	plic) echo PLIC ;;
	*) echo APLIC-MSI ;;
	esac
}

# modes_with ours|debian: whose kernel the guests have from now on.
modes_with() {
	case $1 in
	ours) modes_prefix= modes_kernel=$KERNEL modes_initrd=$GUEST/initrd.gz ;;
	debian) modes_prefix=debian- modes_kernel=$DEBIAN/Image modes_initrd=$GUEST/initrd-debian.gz ;;
	esac
}
modes_with ours

# mode_boots MODE CPUS [ARGS...]: a case MODE-CPUS ("debian-" before it with Debian's kernel), and one for each thing in it that failed.
mode_boots() {
	mode=$1 cpus=$2 vm=$modes_prefix$1-$2
	shift 2
	truncate -s 512 "$vm.mark"
	vm_start "$vm" --kernel "$modes_kernel" --initrd "$modes_initrd" --mem 192M --cpus "$cpus" --irqchip "$mode" --reboot reset \
		--disk some.disk,ro --disk script,ro,id=script --disk "$vm.mark,id=mark" --net tap=mode0,vhost=auto --net tap=mode1,vhost=off \
		--vsock cid=42 --virtio-console "file:$vm.port" --append "console=ttyS0 quiet panic=-1 guest.cpus=$cpus guest.chip=$(chip_of "$mode")" "$@"
	vm_status=0
	vm_wait "$vm" 90 || vm_status=$?
	if [ "$vm_status" = 0 ] && grep -q '^SAMPAN-GUEST-EXIT 0' "$vm.console" && grep -q 'from the port' "$vm.port"; then
		case_ok "$vm"
	else
		case_fail "$vm" "status $vm_status: $(tr '\n' ' ' <"$vm.err")"
		end_of "$vm.console"
	fi
	for told in $modes_cases; do
		line=$(tr -d '\r' <"$vm.console" | sed -n "s/^@ told $told //p")
		[ "$line" = ok ] || case_fail "$vm-$told" "${line:-the guest did not come to it}"
	done
}
