# what: a host whose CPU lacks the hypervisor extension: run, with any device, and check say so, and leave nothing behind
# host: --cpu rv64,h=false --cpus 1
# timeout: 120
. "$TOP/lib/told.sh"

expect host-lacks-it eval '! grep -q "^isa.*rv64[a-z]*h" /proc/cpuinfo && ! [ -e /dev/kvm ]'
truncate -s 1M some.disk
refused run 'open /dev/kvm (.* hypervisor extension H): No such file' --api vm.sock --pid-file vm.pid
refused run-devices 'open /dev/kvm (.* hypervisor extension H): No such file' --api vm.sock --disk some.disk \
	--virtio-console socket:port.sock --vsock uds=vsock.sock --gdb gdb.sock
says_so() { # OPTION PATTERN
	status=0
	# shellcheck disable=SC2086 # one option or none
	"$SAMPAN" check $1 >out 2>err || status=$?
	cat out err
	[ "$status" = 1 ] && [ ! -s err ] && grep -q "$2" out
}
expect check says_so '' '^NO .*open /dev/kvm (.* hypervisor extension H): No such file'
expect check-json says_so --json '"can_start": false'
expect no-file eval '[ ! -e vm.pid ] && [ "$(stat -c %b some.disk)" = 0 ]'
expect nothing-left leftovers
