# what: a pod's network namespace joined with a guest: packets, 2 queues, what the agent sets, port forwarding, nothing left
# by-name: from_the_guest and half_close have been mended since it was seen, the rest passed
# timeout: 150
# timeout-soak: 900

ip=/sbin/ip # busybox, which knows less, would come first
tc=/sbin/tc
netns=story-pod

pod_end() {
	$ip netns del $netns
	$ip link del storybr
}
$ip link add storybr type bridge
$ip addr add 10.99.0.1/16 dev storybr
$ip link set storybr up
$ip netns add $netns
$ip link add eth0 netns $netns mtu 1400 type veth peer name storyp mtu 1400
$ip link set storyp master storybr up
$ip -n $netns link set lo up
$ip -n $netns link set eth0 up
$ip -n $netns addr add 10.99.0.2/16 dev eth0
$ip -n $netns route add default via 10.99.0.1
trap 'pod_end; story_end' EXIT

(
	pod-net "/run/netns/$netns" 43 2 sh -c 'exec "$SAMPAN" run --kernel "$KERNEL" --initrd "$IMAGE/sampan-guest.initrd" --cpus 2 \
		--mem 256M --net "$NET" --vsock cid=43 --console file:pod.console --api pod.sock \
		--append "console=ttyS0 quiet agent.debug_console agent.debug_console_vport=1026 agent.relay_vport=1027"' \
		</dev/null >pod.out 2>pod.err &
	echo $! >pod.pid
	wait $!
	echo $? >pod.status
) &
python3 -u "$STORY/cases.py" 43 $netns || { failed=1; end_of pod.console; }
expect ended vm_wait pod 30
cat pod.err
clean() {
	left=$($tc -n $netns qdisc show | grep -e ingress -e clsact; $ip -n $netns -o link show type tun)
	[ -z "$left" ] || { echo "left in the pod: $left"; return 1; }
}
expect clean clean
expect nothing-left leftovers
