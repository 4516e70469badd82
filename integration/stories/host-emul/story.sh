# what: a host whose AIA has no guest interrupt files: machines start with KVM's emulation, and hwaccel is refused
# host: --guests 0
# timeout: 300

. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

script_disk short <<'EOF'
grep virtio0 /proc/interrupts
grep -c '^processor' /proc/cpuinfo
EOF
boots() {
	vm_run "$1" 80 --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --cpus 2 --disk short,ro,id=script \
		--append "console=ttyS0 quiet panic=-1" --irqchip "$2" && grep -q 'APLIC-MSI.*virtio0' "$1.console" && grep -q '^2' "$1.console"
}
expect check eval '"$SAMPAN" check >check.out && cat check.out && grep -q "^--  interrupt mode  *aia-hwaccel" check.out && grep -q "^ok  interrupt mode  *aia-emul" check.out'
expect auto boots auto auto
expect emul boots emul aia-emul
hwaccel() {
	status=0
	timeout -s KILL 10 "$SAMPAN" run --kernel "$KERNEL" --mem 64M --irqchip aia-hwaccel </dev/null 2>err || status=$?
	cat err
	[ "$status" = 1 ] && [ "$(wc -l <err)" = 1 ] && grep -q '^sampan: .*hwaccel' err
}
expect hwaccel-refused hwaccel
modes_guest script
modes_up
mode_boots split 2
[ -z "$SOAK" ] || mode_boots aia-emul 4
modes_down
expect nothing-left leftovers
