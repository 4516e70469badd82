# what: pause and resume, the control socket, disks that come and go, power-off, reboot (once, and as resets in one monitor), reset, panic, signals, kill -9
# timeout: 420
. "$TOP/lib/told.sh"

ctl() { timeout $((10 * PATIENCE)) "$SAMPAN" ctl "$@"; }
qmp() { # SOCKET LINES: what QMP answers to them, by hand
	printf '%b' "$2" | socat -t 5 - "UNIX-CONNECT:$1" 2>&1
}
count() { tr -d '\r' <"$1.console" | grep -c '^tick'; }
quick() { # SECONDS COMMAND...: the command succeeds within that time
	limit=$1 began=$(now)
	shift
	"$@" && echo "$(since "$began") $((limit * PATIENCE))" | awk '{ exit !($1 <= $2) }'
}
start() { # VM SCRIPT ARGS...
	vm=$1 script=$2
	shift 2
	vm_start "$vm" --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 128M --disk "$script,ro,id=script" \
		--append "console=ttyS0 quiet panic=-1" "$@"
}

# pause and resume, while a disk is being written
guest_script ticking <<'EOF'
say up
(i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); echo "tick $i"; sleep 0.1; done) &
size() { cat "/sys/block/${1##*/}/size"; }
watch() {
	until d=$(disk more 2>/dev/null) && [ -n "$d" ] && [ "$(size "$d")" != 0 ]; do sleep 0.3; done
	say "more $(md5sum <"$d" | cut -c1-32)"
	until [ "$(size "$d")" = 0 ]; do sleep 0.3; done
	say gone
}
[ ! -e /sys/block/vdc ] || watch &
i=0
while [ $i -lt 100000 ]; do i=$((i + 1)); dd if=/dev/zero of="$(disk data)" bs=4096 count=64 conv=fsync 2>/dev/null || say "write failed"; done
EOF
truncate -s 1M data
start ticks ticking --cpus 2 --disk data,id=data --disk-slots 2
guest_says ticks 90 up
wait_for ticks.console '^tick 3' 60
expect status eval 'ctl ticks.sock status | grep -qx running'
expect pause ctl ticks.sock pause
expect paused eval 'ctl ticks.sock status | grep -qx paused'
stands() {
	before=$(count ticks)
	sleep 2
	[ "$(count ticks)" = "$before" ]
}
expect stands-still stands
expect pause-again ctl ticks.sock pause # as QMP's stop: no error
expect resume ctl ticks.sock resume
goes_on() {
	tries=$((100 * PATIENCE))
	until [ "$(count ticks)" -gt $((before + 5)) ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
	tr -d '\r' <ticks.console | sed -n 's/^tick //p' | awk '$1 != NR { exit 1 }' && ! grep -q 'write failed' ticks.console
}
expect goes-on-nothing-lost goes_on
expect cpus eval '[ "$(ctl ticks.sock cpus | grep -c "^[01] ")" = 2 ]'
expect devices eval 'ctl ticks.sock devices | grep -q "^disk1 *virtio-blk"'
expect version eval 'ctl ticks.sock version | grep -q .'
expect json eval 'ctl ticks.sock status --json | python3 -m json.tool >/dev/null'
expect raw eval 'ctl ticks.sock raw "{\"execute\": \"query-name\"}" | grep -q name'
expect unknown-command eval '! ctl ticks.sock fly 2>unknown; [ "$(wc -l <unknown)" = 1 ]'
# a disk that only ctl can find: the monitor gets it as a descriptor
mkdir elsewhere
pattern send 100000 3 >elsewhere/more.img
truncate -s 100352 elsewhere/more.img
plug() { (cd elsewhere && ctl ../ticks.sock plug "$1"); }
expect plug eval '[ "$(plug more.img,ro,id=more)" = more ]'
expect plugged guest_says ticks 30 "more $(md5sum <elsewhere/more.img | cut -c1-32)"
expect disks eval 'ctl ticks.sock disks | grep -q "^more *ro *more.img$"'
expect plug-in-use eval '! plug more.img 2>refusal; grep -q "more.img.*in use" refusal'
expect plug-missing eval '! plug none.img 2>refusal; grep -q "none.img: No such file" refusal'
expect unplug ctl ticks.sock unplug more
expect unplugged guest_says ticks 30 gone
expect unplug-gone eval '! ctl ticks.sock unplug more 2>refusal; grep -q "no device more" refusal'
expect qmp-greeting eval 'qmp ticks.sock "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\",\"id\":7}\n" >talk; grep -q "\"QMP\"" talk && grep -q "\"id\": *7" talk'
expect qmp-before-capabilities eval 'qmp ticks.sock "{\"execute\":\"query-status\"}\n" | grep -q "\"error\""'
expect qmp-garbage-harms-nobody eval 'qmp ticks.sock "}{\n" >/dev/null; ctl ticks.sock status | grep -qx running'
expect no-power-button eval '! ctl ticks.sock powerdown 2>refusal; grep -q "^sampan: powerdown: the machine has no power button" refusal && [ "$(wc -l <refusal)" = 1 ]'
expect runs-on eval 'ctl ticks.sock status | grep -qx running'
expect reset ctl ticks.sock reset
ups() { [ "$(grep -c '^@ up' ticks.console)" = "$1" ]; }
begins_anew() {
	tries=$((450 * PATIENCE))
	until ups 2; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
}
expect reset-begins-anew begins_anew
expect reset-same-monitor eval 'kill -0 "$(cat ticks.pid)" && ctl ticks.sock status | grep -qx running'
expect stop quick 5 ctl ticks.sock stop
ended stopped-status ticks 10 0
expect socket-gone test ! -e ticks.sock

# the ways out: signals end it in time, with 128 + their number, and leave nothing
for signal in TERM:143 INT:130; do
	start sig ticking --disk data,id=data --pid-file sig.pf
	guest_says sig 90 up
	began=$(now)
	kill -"${signal%:*}" "$(cat sig.pid)"
	ended "sig${signal%:*}" sig 30 "${signal#*:}"
	took=$(since "$began")
	figure "end_by_${signal%:*}" sampan "$took" s
	expect "sig${signal%:*}-in-time" eval 'echo "$took $PATIENCE" | awk "{ exit !(\$1 <= \$2) }"'
	expect "sig${signal%:*}-nothing-left" eval '[ ! -e sig.sock ] && [ ! -e sig.pf ] && leftovers'
done

# power-off and reboot
script_disk off <<'EOF'
true
EOF
start off off
ended poweroff off 90 0
script_disk reboot <<'EOF'
reboot -f
sleep 60
EOF
start reboot reboot
ended reboot-exits reboot 90 3

# two resets in one monitor (five under $SOAK), disk, network and vsock working after each; the last life powers off
lives=3
[ -z "$SOAK" ] || lives=6
/sbin/ip tuntap add ctl0 mode tap vnet_hdr
/sbin/ip addr add 10.7.0.1/24 dev ctl0
/sbin/ip link set ctl0 up
truncate -s 1M lives
guest_script lives.script <<'EOF'
d=$(disk lives)
n=$(($(dd if="$d" bs=512 count=1 2>/dev/null | tr -d '\0') + 1))
printf '%s\n' "$n" >/tmp/n && truncate -s 512 /tmp/n && dd if=/tmp/n of="$d" conv=fsync 2>/dev/null
ip addr add 10.7.0.2/24 dev eth0 && ip link set eth0 up
ping -c 1 -W 20 10.7.0.1 >/dev/null && net=yes || net=no
[ -c /dev/vsock ] && vsock=yes || vsock=no
say "life $n net $net vsock $vsock cpus $(grep -c ^processor /proc/cpuinfo)"
[ "$n" -ge "$lives" ] || reboot -f
poweroff -f
EOF
vm_start lives --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 128M --cpus 2 --reboot=reset --disk lives.script,ro,id=script \
	--disk lives,id=lives --net tap=ctl0 --vsock cid=77 --append "console=ttyS0 quiet panic=-1 guest.lives=$lives"
ended resets-then-poweroff lives 240 0
for life in $(seq $lives); do
	expect "life-$life" grep -q "^@ life $life net yes vsock yes cpus 2" lives.console
done
/sbin/ip link del ctl0

# a guest panic is told apart from a reboot
script_disk panic <<'EOF'
echo c >/proc/sysrq-trigger
sleep 60
EOF
start panic panic
ended panic panic 90 4
expect panic-seen grep -q 'Kernel panic' panic.console
# and is one where the guest has no driver to tell of it
script_disk mute <<'EOF'
cd /sys/bus/platform/drivers/pvpanic-mmio
for device in *pvpanic; do echo "$device" >unbind; done
[ ! -e "$device" ] || poweroff -f
echo c >/proc/sysrq-trigger
sleep 60
EOF
start mute mute
ended panic-untold mute 90 3
expect panic-untold-seen grep -q 'Kernel panic' mute.console

# kill -9: only a dead socket remains (in the sandbox not even that: story jail), and the same command starts again
start killed ticking --disk data,id=data --no-jail
guest_says killed 90 up
kill -9 "$(cat killed.pid)"
vm_wait killed 20
expect kill9-no-process eval '[ -z "$(processes)" ]'
expect kill9-stale-socket test -S killed.sock
start killed ticking --disk data,id=data
guest_says killed 90 up
expect started-again eval 'ctl killed.sock status | grep -qx running'
refused live-socket "listening" --api killed.sock
ctl killed.sock stop
ended ends killed 20 0
expect nothing-left leftovers
