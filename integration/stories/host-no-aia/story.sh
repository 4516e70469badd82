# what: a host without AIA: check and run say so, with status 1
# host: --aia none
# timeout: 40

sentence() { # COMMAND...: status 1, and one line that names the interrupt controller
	status=0
	timeout -s KILL 10 "$@" </dev/null >out 2>err || status=$?
	cat out err
	[ "$status" = 1 ]
}
no_aia() { sentence "$SAMPAN" run --kernel "$KERNEL" --mem 64M --api s "$@" && [ "$(wc -l <err)" = 1 ] && grep -q '^sampan: .*AIA' err && [ ! -e s ]; }
expect check eval 'sentence "$SAMPAN" check && grep -q "^NO  interrupt mode chosen  *.*AIA" out && grep -q "^no microVM can be started here" out'
expect check-json eval 'sentence "$SAMPAN" check --json && grep -q "\"can_start\": false" out'
expect run no_aia
for mode in aia aia-hwaccel aia-emul; do expect "run-$mode" no_aia --irqchip $mode; done
expect nothing-left leftovers
