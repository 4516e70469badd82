# what: a bare-metal guest that breaks the rules: its monitor and the machine beside it live on
# timeout: 400
# timeout-soak: 1800
. "$TOP/lib/told.sh"

evil=${SAMPAN%/*}/evil-guest
flips=200 storm=10
[ -z "${SOAK-}" ] || flips=100000 storm=60

# evil VM CPUS WORDS...: a machine with every device that a driver's queues are walked for, and the guest in it.
evil() {
	evil_vm=$1 evil_cpus=$2
	shift 2
	head -c 1048576 /dev/zero | tr '\0' e >"$evil_vm.disk"
	/sbin/ip tuntap add "$evil_vm" mode tap vnet_hdr
	/sbin/ip link set "$evil_vm" up
	vm_start "$evil_vm" --kernel "$evil" --mem 64M --cpus "$evil_cpus" --disk "$evil_vm.disk" --net "tap=$evil_vm,vhost=off" \
		--vsock "cid=42,uds=$evil_vm.vsock" --virtio-console "file:$evil_vm.port" --append "$*"
}

# evil_cases VM: what the guest told. A case that it never came to is missed at the end: it ends with SAMPAN-GUEST-EXIT.
evil_cases() {
	tr -d '\r' <"$1.console" | sed -n 's/^@ case //p' >"$1.cases"
	while read -r name state reason; do
		if [ "$state" = ok ]; then case_ok "$name"; else case_fail "$name" "$reason"; fi
	done <"$1.cases"
}

# evil_ends VM SECONDS: powered off, by itself, having said that no case failed; the monitor said nothing bad.
evil_ends() {
	status=0
	vm_wait "$1" "$2" || status=$?
	[ "$status" = 0 ] && tr -d '\r' <"$1.console" | grep -q '^SAMPAN-GUEST-EXIT 0$' && return 0
	echo "status $status"
	end_of "$1.err"
	end_of "$1.console"
	return 1
}

evil evil0 2 flips=$flips storm=1
expect evil-ends evil_ends evil0 200
evil_cases evil0
expect sixty-cases eval '[ "$(grep -c " ok$" evil0.cases)" -ge 60 ]'
expect disk-untouched eval '[ "$(tr -d e <evil0.disk | wc -c)" = 0 ]'

# The storm: a machine beside it goes on.
evil storm0 2 only=storm storm=$storm
expect storm-begins guest_says storm0 30 storm begins
vm_start other --kernel "$KERNEL" --initrd "$GUEST/initrd-min.gz" --mem 64M --append "console=ttyS0 quiet panic=-1"
ended beside-the-storm other 90 0
expect storm-ends evil_ends storm0 $((storm + 60))
evil_cases storm0
/sbin/ip link del evil0
/sbin/ip link del storm0
expect nothing-left leftovers
