# what: vsock between host and guest, both ways, through vhost and through unix sockets, one and many connections
# timeout: 300
. "$TOP/lib/told.sh"

size=10000000 sequence=50 at_once=20

# What either side does as a client, to a port that sends everything back and to one that says how much it heard once the
# client has shut down its half. Written once, for the host's shell and for the guest's.
cat >client <<'EOF'
transfer() { pattern send "$size" 4 | timeout 60 vsock connect "$1" "$2" | pattern receive "$size" 4; }
half_close() { [ "$(pattern send 1000001 5 | timeout 30 vsock connect "$1" "$2")" = 1000001 ]; }
nobody() { timeout 30 vsock connect "$1" "$2" </dev/null; [ $? = 1 ]; }
sequence() {
	for i in $(seq "$sequence"); do
		[ "$(echo "call $i" | timeout 30 vsock connect "$1" "$2")" = "call $i" ] || { echo "call $i failed"; return 1; }
	done
}
# All of them are open at one time: none ends before each has heard itself.
at_once() {
	place=$(mktemp -d) calls=
	for i in $(seq "$at_once"); do
		{ echo "call $i"; until [ -e "$place/go" ]; do sleep 1; done; } |
			timeout 60 vsock connect "$1" "$2" >"$place/heard$i" &
		calls="$calls $!"
	done
	tries=200
	until [ "$(cat "$place"/heard* | grep -c call)" = "$at_once" ] || [ $tries = 0 ]; do tries=$((tries - 1)); sleep 0.2; done
	touch "$place/go"
	wait $calls # each has to see it before it goes
	for i in $(seq "$at_once"); do [ "$(cat "$place/heard$i")" = "call $i" ] || { echo "call $i failed"; tries=0; }; done
	rm -r "$place"
	[ $tries != 0 ]
}
# The one client of ADDRESS hears how many bytes it sent.
counter() { # ADDRESS FIFO
	mkfifo "$2"
	vsock listen "$1" <"$2" | wc -c >"$2"
}
EOF
. ./client

{
	cat client
	cat <<'EOF'
vsock echo 1000 &
counter 1001 /run/counter &
sleep 0.5
say ready
from=$(now)
told "guest-transfer-$mode" transfer 2 2000
say "took guest-$mode $(now | awk -v f="$from" '{ print $1 - f }')"
told "guest-half-close-$mode" half_close 2 2001
told "guest-nobody-$mode" nobody 2 2002
told "guest-sequence-$mode" sequence 2 2000
told "guest-at-once-$mode" at_once 2 2000
vsock listen 1003 </dev/null
EOF
} | guest_script script

boot() { # MODE VSOCK
	vm_start "$1" --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --disk script,ro,id=script --vsock "$2" \
		--append "console=ttyS0 loglevel=1 guest.mode=$1 guest.size=$size guest.sequence=$sequence guest.at_once=$at_once"
}

serve() { # MODE PREFIX: of the ports
	vsock echo "${2}2000" &
	servers="$servers $!"
	counter "${2}2001" "counter-$1" &
}

host() { # MODE ADDRESS
	guest_says "$1" 60 ready || return
	from=$(now)
	expect "transfer-$1" transfer "$2" 1000
	rate vsock_echo "host-$1" $size "$(since "$from")"
	expect "half-close-$1" half_close "$2" 1001
	expect "nobody-$1" nobody "$2" 1002
	expect "sequence-$1" sequence "$2" 1000
	expect "at-once-$1" at_once "$2" 1000
	guest_says "$1" 120 "told guest-at-once-$1" || return
	expect "release-$1" sh -c 'timeout 30 vsock connect "$1" 1003 </dev/null' - "$2"
}

servers=
began=$(now)
serve vhost ''
serve hybrid ./v.sock_
boot vhost cid=42
boot hybrid uds=./v.sock
host vhost 42
refused cid-in-use "vsock cid 42 is in use by another guest$" --vsock cid=42
refused uds-in-use "v.sock: another process is listening there$" --vsock uds=./v.sock
host hybrid ./v.sock
# shellcheck disable=SC2086 # numbers
kill $servers
for mode in vhost hybrid; do
	ended "end-$mode" $mode 30 0
	guest_cases $mode guest-transfer-$mode guest-half-close-$mode guest-nobody-$mode guest-sequence-$mode guest-at-once-$mode
	seconds=$(tr -d '\r' <$mode.console | sed -n "s/^@ took guest-$mode //p")
	[ -z "$seconds" ] || rate vsock_echo "guest-$mode" $size "$seconds"
done
figure vsock_story all "$(since "$began")" s
rm -f v.sock_*
expect nothing-left leftovers
