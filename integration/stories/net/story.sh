# what: ping and transfers both ways over taps in user space and by vhost-net, in frames beyond the MTU (offloads), with MTU, MAC, two queues, inherited descriptors
# timeout: 240
# timeout-soak: 600
. "$TOP/lib/told.sh"

full=${SOAK:+100}
full=${full:-20}000000 # bytes a transfer
size=$full
ip=/sbin/ip # busybox, which knows less, would come first

# user: the loop moves the frames. kernel: vhost-net does, two queues. fds: two inherited queues and a MAC of the monitor's choice.
guest_script script <<'EOF'
nic() { grep -l "^$1\$" /sys/class/net/*/address | cut -d/ -f5; }
queues() { [ "$(ls "/sys/class/net/$1/queues" | grep -c tx-)" = "$2" ]; }
receives() { vsock listen tcp:5002 </dev/null | pattern receive "$size" 2; }
sends() { pattern send "$size" 3 | vsock connect "$1" 5001; }
each_cpu() { for cpu in 0 1; do taskset -c $cpu "$@" || return 1; done; }

user=$(nic 52:54:00:00:00:01) kernel=$(nic 52:54:00:00:00:02)
fds=$(ls -d /sys/class/net/eth* | cut -d/ -f5 | grep -v -e "$user" -e "$kernel")
told mac test -n "$user" -a -n "$kernel" -a -n "$fds"
net=0
for kind in user kernel fds; do
	eval "nic=\$$kind"
	ip addr add "10.9.$net.2/24" dev "$nic"
	ip link set "$nic" up
	net=$((net + 1))
done
told mtu test "$(cat "/sys/class/net/$user/mtu") $(cat "/sys/class/net/$kernel/mtu")" = "4000 1500"
told queues queues "$kernel" 2
told queues-fds queues "$fds" 2
net=0
for kind in user kernel fds; do
	host=10.9.$net.1
	told "ping-out-$kind" ping -q -c 5 -i 0.2 -W 5 "$host"
	told "ping-big-$kind" ping -q -c 3 -i 0.2 -W 5 -s 20000 "$host"
	told "ping-cpus-$kind" each_cpu ping -q -c 3 -i 0.1 -W 5 "$host"
	say "ready $kind"
	[ "$kind" != fds ] || size=1000000
	told "transfer-in-$kind" receives
	from=$(now)
	told "transfer-out-$kind" sends "$host"
	[ "$kind" = fds ] || say "took out-$kind $(now | awk -v f="$from" '{ print $1 - f }')"
	net=$((net + 1))
done
EOF

$ip tuntap add dev story0 mode tap vnet_hdr
for tap in story1 story2; do $ip tuntap add dev $tap mode tap vnet_hdr multi_queue; done
$ip link set story0 mtu 4000
for net in 0 1 2; do
	$ip addr add 10.9.$net.1/24 dev story$net
	$ip link set story$net up
done
# beyond_mtu TAP DIRECTION: what went that way (rx: from the guest) makes more than an MTU a frame, acknowledgements and all: segments
# were put together, or not cut yet.
beyond_mtu() {
	counted=/sys/class/net/$1/statistics/$2
	echo "$(cat "${counted}_bytes") $(cat "${counted}_packets") $(cat "/sys/class/net/$1/mtu")" |
		awk '{ printf "%d bytes in %d frames\n", $1, $2; exit !($1 / $2 > 14 + $3) }'
}
printf '#!/bin/sh\nexec python3 "%s/tapfd" story2 2 "%s" "$@"\n' "$STORY" "$SAMPAN" >with-taps
chmod +x with-taps

began=$(now)
SAMPAN=./with-taps vm_start net --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --cpus 2 --mem 256M \
	--append "console=ttyS0 loglevel=1 guest.size=$size" --disk script,ro,id=script \
	--net tap=story0,mac=52:54:00:00:00:01,mtu=4000,vhost=off --net tap=story1,mac=52:54:00:00:00:02,queues=2,vhost=on \
	--net fd=FDS,vhost=off
net=0
for kind in user kernel fds; do
	guest=10.9.$net.2
	[ $kind != fds ] || size=1000000
	vsock listen tcp:5001 </dev/null 2>"$kind.listen" | pattern receive "$size" 3 >"$kind.received" 2>&1 &
	receiver=$!
	guest_says net $((60 + full / 1000000)) "ready $kind" || break
	expect "ping-in-$kind" ping -q -c 5 -i 0.2 -W 5 "$guest"
	expect "ping-in-big-$kind" ping -q -c 3 -i 0.2 -W 5 -s 20000 "$guest"
	sleep 1 # it says so before it listens
	start=$(now)
	expect "sent-$kind" sh -c 'pattern send "$1" 2 | vsock connect "$2" 5002' - "$size" "$guest"
	[ $kind = fds ] || rate net_transfer "in-$kind" "$size" "$(since "$start")"
	expect "received-$kind" wait $receiver
	expect "offload-in-$kind" beyond_mtu story$net tx
	expect "offload-out-$kind" beyond_mtu story$net rx
	if [ $kind = kernel ]; then
		expect vhost grep -q '^vhost-' "/proc/$(cat net.pid)/task/"*/comm
	fi
	net=$((net + 1))
done
ended net net 60 0
figure net_story all "$(since "$began")" s
guest_cases net mac mtu queues queues-fds
for kind in user kernel fds; do
	guest_cases net "ping-out-$kind" "ping-big-$kind" "ping-cpus-$kind" "transfer-in-$kind" "transfer-out-$kind"
done
tr -d '\r' <net.console | sed -n 's/^@ took //p' | while read -r what seconds; do
	rate net_transfer "$what" "$full" "$seconds"
done
for net in 0 1 2; do $ip link del story$net; done
expect nothing-left leftovers
