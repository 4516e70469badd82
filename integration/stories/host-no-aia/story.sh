# what: a host without AIA: machines get an APLIC or a PLIC in user space, in auto mode too, and check and the log say why
# host: --aia none
# timeout: 400
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
mode_boots aplic 1
mode_boots plic 4
[ -z "$SOAK" ] || mode_boots aplic 4
[ -z "$SOAK" ] || mode_boots plic 1
modes_down

# no mode is given: the first that works, and one line for each that does not
script_disk short <<EOT
grep virtio0 /proc/interrupts
EOT
auto() {
	vm_run auto 60 --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --disk short,ro,id=script --log-level info \
		--append "console=ttyS0 quiet panic=-1" || return 1
	cat auto.err
	grep -q 'APLIC-DIRECT.*virtio0' auto.console && grep -q 'interrupt controller: aplic$' auto.err &&
		[ "$(grep -c 'trying the next mode' auto.err)" = 2 ] && grep -q 'AIA (in kernel): create: .*next mode' auto.err
}
expect auto auto

sentence() { # COMMAND...: status 1, and one line that names the interrupt controller
	status=0
	timeout -s KILL 10 "$@" </dev/null >out 2>err || status=$?
	cat out err
	[ "$status" = 1 ]
}
no_aia() { sentence "$SAMPAN" run --kernel "$KERNEL" --mem 64M --api s "$@" && [ "$(wc -l <err)" = 1 ] && grep -q '^sampan: .*AIA' err && [ ! -e s ]; }
for mode in aia aia-hwaccel aia-emul split; do expect "run-$mode" no_aia --irqchip $mode; done
expect check eval '"$SAMPAN" check >check.out && grep -q "^--  interrupt mode  *aia: .*create: " check.out && grep -q "^ok  interrupt mode chosen  *aplic\$" check.out'
expect check-json eval '"$SAMPAN" check --json >check.json && grep -q "\"can_start\": true" check.json'
expect nothing-left leftovers
