# Taps, descriptors, and what another machine (one paused before it has booted) has in use.
/sbin/ip tuntap add bad0 mode tap
/sbin/ip link add bad-dummy type dummy || case_fail dummy "no dummy interface"
cp disk disk-used
vm_start other --kernel "$KERNEL" --mem 64M --disk disk-used --net tap=bad0 --vsock cid=77 --virtio-console socket:port.sock --pid-file other.pidfile
tries=50
until "$SAMPAN" ctl other.sock pause >/dev/null 2>&1; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { case_fail other-machine "it does not start"; end_of other.err; break; }
	sleep 0.2
done
links=$(echo /sys/class/net/*)

refuse disk-in-use 1 'disk disk-used is in use by another process' --disk disk-used
refuse disk-in-use-ro 1 'disk disk-used is in use by another process, which may write it' --disk disk-used,ro
refuse tap-absent 1 'tap nosuchtap: no such network interface' --net tap=nosuchtap
refuse tap-busy 1 'tap bad0 is in use by another process' --net tap=bad0
refuse tap-not 1 'network interface bad-dummy is not a tap' --net tap=bad-dummy
refuse tap-loopback 1 'network interface lo is not a tap' --net tap=lo
refuse fd-not-tap 1 'network descriptor 0 is not a tap' --net fd=0
refuse cid-in-use 1 'vsock cid 77 is in use' --vsock cid=77
refuse vsock-fd-not 1 'descriptor 0' --vsock cid=78,fd=0
refuse api-in-use 1 'other.sock: another process is listening there' --api other.sock
refuse console-socket-in-use 1 'port.sock: another process is listening there' --console socket:port.sock
refuse uds-in-use 1 'port.sock: another process is listening there' --vsock uds=port.sock
refuse pid-file-in-use 1 'pid file other.pidfile: another process is using it' --pid-file other.pidfile
expect other-machine-unharmed "$SAMPAN" ctl other.sock stop
expect other-machine-ends vm_wait other 5

# A socket that a killed monitor left (in the sandbox its helper would remove it) is replaced, and by one only when two come at once.
starters() {
	for round in 1 2 3 4 5 6 7 8 9 10; do
		rm -f a.pid b.pid
		for one in a b; do
			vm_start $one --kernel "$KERNEL" --mem 64M --console none --api stale.sock --no-jail
		done
		tries=50
		until [ -s a.status ] || [ -s b.status ]; do
			tries=$((tries - 1))
			[ "$tries" -gt 0 ] || { echo "round $round: neither is refused"; return 1; }
			sleep 0.1
		done
		loser=a winner=b
		[ -s a.status ] || loser=b winner=a
		"$SAMPAN" ctl stale.sock status || { echo "round $round: the winner $winner does not answer"; cat a.err b.err; return 1; }
		[ "$(cat $loser.status)" = 1 ] && grep -q 'stale.sock: another process is listening there' $loser.err && [ "$(grep -vc 'no sandbox' $loser.err)" = 1 ] ||
			{ echo "round $round: $loser:"; cat $loser.status $loser.err; return 1; }
		kill -9 "$(cat $winner.pid)"
		vm_wait $winner 5
		[ -S stale.sock ] || { echo "round $round: no stale socket was there to replace"; return 1; }
	done
	rm -f stale.sock
}
expect two-starters starters
for one in a b; do
	[ ! -s $one.pid ] || [ -s $one.status ] || kill -9 "$(cat $one.pid)"
done
/sbin/ip link del bad0
/sbin/ip link del bad-dummy
links=$(echo /sys/class/net/*)
