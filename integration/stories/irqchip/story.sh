# what: every interrupt mode: disk, net, vsock, consoles, interrupts moved to another CPU, a reboot; up to 4 vCPUs
# timeout: 900
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
# With more vCPUs than that a guest whose interrupt files are the hardware's sometimes loses an IPI under this emulated host;
# host-emul has four of them by emulation.
for mode in aia split; do
	for cpus in 1 2; do mode_boots $mode $cpus; done
done
for mode in aia-emul aplic plic; do
	for cpus in 1 4; do mode_boots $mode $cpus; done
done
modes_down

# what check says is what there is, and why
"$SAMPAN" check >check.out
for mode in aia aia-hwaccel aia-emul split aplic plic; do
	expect "check-$mode" grep -q "^ok  interrupt mode  *$mode\$" check.out
done
expect check-chosen grep -q '^ok  interrupt mode chosen  *aia (auto)' check.out
expect nothing-left leftovers
