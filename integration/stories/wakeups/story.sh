# what: no wake-up is lost on a busy host: timers by SBI calls (no Sstc), and interrupts between CPUs by the hardware's interrupt files
# by-name: its first half seen to pass, not run to its end yet
# timeout: 150
. "$TOP/lib/told.sh"

# Each machine's threads are preempted all the time and moved between CPUs: where KVM forgets a wake-up, that is when.
busy() { while :; do usleep 500; done; }
busy &
first=$!
busy &
second=$!
guest_script script <<'EOF'
told timers wakes timers 300 100
told ring wakes ring 100
EOF
wakes() { # NAME ARGS...
	name=$1
	shift
	vm_run "$name" 60 --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --disk script,ro,id=script --append "console=ttyS0 quiet panic=-1" "$@" &&
		grep -q '^@ told timers ok' "$name.console" && grep -q '^@ told ring ok' "$name.console"
}
expect no-sstc wakes no-sstc --cpu rva20 --irqchip aia-emul --cpus 2
expect guest-files wakes guest-files --irqchip aia --cpus 4
kill $first $second
expect nothing-left leftovers
