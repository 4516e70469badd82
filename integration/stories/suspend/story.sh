# what: SBI system suspend on a host kernel that has it (7.x): the guest sleeps, and wakes by ctl resume and by an interrupt; FWFT is there
# by-name: needs the newer host kernel of bed/prepare backports
# host: --kernel backports
# needs: backports
# timeout: 400
. "$TOP/lib/told.sh"

# Debian's guest kernel can sleep; it hears the serial port while it does.
guest_script script <<'EOF'
echo enabled >/sys/class/tty/ttyS0/power/wakeup
say "sleep states $(cat /sys/power/state)"
reads() { head -c 65536 /dev/vda >/dev/null; }
for by in resume key; do
	say "sleeps until $by"
	echo mem >/sys/power/state || say "can't sleep"
	say "awake by $by"
	echo 3 >/proc/sys/vm/drop_caches
	told "disk-$by" reads
done
EOF
truncate -s 1M some.disk

state() { "$SAMPAN" ctl "$1.sock" status | grep -qx "$2"; } # VM STATE
ticks() { awk '{ print $14 + $15 }' "/proc/$(cat "$1.pid")/stat"; }
# it sleeps, and its monitor with it
asleep() { # VM
	tries=$((150 * PATIENCE))
	until state "$1" suspended; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
	before=$(ticks "$1")
	sleep 2
	echo "$(($(ticks "$1") - before)) ticks in 2 s asleep"
	state "$1" suspended && [ $(($(ticks "$1") - before)) -lt 40 ]
}
# the serial port's other end: what is written to keys is typed
terminal() { # VM
	mkfifo keys
	socat - UNIX-CONNECT:tty <keys >>"$1.console" &
	exec 8>keys
	rm keys
}
sleeps() { # MODE CPUS
	vm=$1-$2
	vm_start "$vm" --kernel "$DEBIAN/Image" --initrd "$GUEST/initrd-debian.gz" --mem 192M --cpus "$2" --irqchip "$1" --sbi +susp \
		--disk some.disk,ro --disk script,ro,id=script --console socket:tty --append "console=ttyS0 quiet panic=-1 no_console_suspend"
	until [ -S tty ] || [ -s "$vm.status" ]; do sleep 0.1; done
	terminal "$vm"
	guest_says "$vm" 90 "sleeps until resume" && asleep "$vm" || return 1
	"$SAMPAN" ctl "$vm.sock" pause 2>&1 | grep -q 'the VM is suspended' || return 1
	"$SAMPAN" ctl "$vm.sock" resume && guest_says "$vm" 30 "awake by resume" && guest_says "$vm" 30 "sleeps until key" || return 1
	asleep "$vm" && echo x >&8 && guest_says "$vm" 30 "awake by key" || return 1
	vm_wait "$vm" 60 && grep -q '^@ told disk-resume ok' "$vm.console" && grep -q '^@ told disk-key ok' "$vm.console"
}
for mode in plic aia-emul aia; do
	expect $mode sleeps $mode 2
	[ "$failed" = 0 ] || end_of "$mode-2.console"
	exec 8>&-
	kill -9 "$(cat $mode-2.pid)" 2>/dev/null
	rm -f tty
done

script_disk short <<'EOF'
cat /proc/cpuinfo
EOF
expect fwft vm_run fwft 60 --kernel "$DEBIAN/Image" --initrd "$GUEST/initrd-debian.gz" --mem 192M --sbi +fwft,+susp --disk short,ro,id=script \
	--append "console=ttyS0 quiet panic=-1"
expect nothing-left leftovers
