# what: the guest agent's network, packet filter, clock, entropy, debug console and log port, in a guest with a tap
# timeout: 180
. "$TOP/lib/told.sh"

ip=/sbin/ip # busybox, which knows less, would come first
mac=52:54:00:00:00:07
$ip tuntap add dev story0 mode tap vnet_hdr
$ip link set story0 up
$ip addr add 10.88.0.1/16 dev story0

vm_start agent --kernel "$KERNEL" --initrd "$IMAGE/sampan-guest.initrd" --cpus 2 --mem 256M --net "tap=story0,mac=$mac" \
	--vsock cid=42 --append "console=ttyS0 quiet agent.log=info agent.debug_console agent.debug_console_vport=1026 agent.log_vport=1025"
python3 -u "$STORY/cases.py" 42 "$mac" || failed=1
ended end agent 30 0
$ip link del story0
expect nothing-left leftovers
