# what: a megabyte in and out of the serial port and of virtio consoles, on sockets, a file, a descriptor and a terminal
# timeout: 240
# timeout-soak: 900
. "$TOP/lib/told.sh"

full=${SOAK:+1000000}
serial=${full:-25000} # bytes; each is an exit of the guest
port=1000000

# The guest's own words go to a file by a port of their own, so that the others carry data alone.
guest_script script <<'EOF'
port_of() { grep -l "^$1\$" /sys/class/virtio-ports/*/name | cut -d/ -f5; }
log=$(port_of log) data=$(port_of data)
exec >"/dev/$log" 2>&1
sends() { pattern send "$1" 7 >&5; }
receives() { head -c "$1" <&5 | pattern receive "$1" 6; }
both() { # NAME DEVICE BYTES
	exec 5<>"$2" # held: the last close forgets the settings
	! test -t 5 || stty -F "$2" raw -echo
	say "ready $1"
	from=$(now)
	told "in-$1" receives "$3"
	say "took in-$1 $(now | awk -v f="$from" '{ print $1 - f }') $3"
	from=$(now)
	told "out-$1" sends "$3"
	say "took out-$1 $(now | awk -v f="$from" '{ print $1 - f }') $3"
}
# where the kernel has a console by SBI, that is the first one
hvc=/dev/hvc1
(exec 5<>$hvc) 2>/dev/null || hvc=/dev/hvc0
told names test -n "$log" -a -n "$data" -a -c "$hvc"
both hvc "$hvc" "$port"
both data "/dev/$data" "$port"
both serial /dev/ttyS0 "$serial"
EOF

# through NAME BYTES: sends to and hears from the channel at NAME.tty
through() {
	{ pattern send "$2" 6; until [ -e "over.$1" ]; do sleep 0.5; done; } |
		timeout $((200 * PATIENCE)) socat -t 1 - "UNIX-CONNECT:$1.tty" |
		{ head -c "$2" | pattern receive "$2" 7; status=$?; touch "over.$1"; exit $status; }
}

began=$(now)
python3 "$STORY/terminal" "$SAMPAN" "$KERNEL" "$GUEST/initrd.gz" "$PATIENCE" >terminal.log 2>&1 &
terminal=$!
vm_start vm --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --disk script,ro,id=script --console socket:serial.tty \
	--virtio-console socket:hvc.tty --virtio-console socket:data.tty,name=data --virtio-console file:vm.console,name=log \
	--append "console=ttyS0 loglevel=1 guest.port=$port guest.serial=$serial"
until [ -S data.tty ] || [ -s vm.status ]; do sleep 0.1; done
through data $port & # from the start: a port whose host side is not there is at its end
data=$!
guest_says vm 90 "ready hvc"
expect through-hvc through hvc $port
expect through-data wait $data
guest_says vm 60 "ready serial"
expect through-serial through serial "$serial"
ended end vm 30 0
guest_cases vm names in-hvc out-hvc in-data out-data in-serial out-serial
tr -d '\r' <vm.console | sed -n 's/^@ took //p' | while read -r what seconds bytes; do
	rate console "$what" "$bytes" "$seconds"
done
wait $terminal || failed=1
cat terminal.log
figure console_story all "$(since "$began")" s
expect nothing-left leftovers
