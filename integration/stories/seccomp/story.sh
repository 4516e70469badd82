# what: system calls that are on no list kill the monitor, in each kind of thread; the lists are short; what a ring refuses
# timeout: 300
. "$TOP/lib/told.sh"

# every number that is on no list in each kind of thread (every tenth without $SOAK), ioctl requests, executable mappings
every=10
[ -z "$SOAK" ] || every=1
for kind in loop vcpu worker opener; do
	expect "killed-$kind" eval "seccomp-try $kind $every >try.$kind || { cat try.$kind; false; }"
	figure "killed_$kind" sampan "$(sed -n 's/.*: \([0-9]*\) killed.*/\1/p' "try.$kind")" calls
done
expect ring eval 'seccomp-try ring . >try.ring || { cat try.ring; false; }'
"$SAMPAN" --print-policy >"$OUT/policy"
list_of() { sed -n "s/^$1: \([0-9]*\) system calls.*/\1/p" "$OUT/policy"; }
for kind in loop:35 vcpu:15 worker:20 opener:20; do
	figure "syscalls_${kind%:*}" sampan "$(list_of "${kind%:*}")" calls
	expect "few-${kind%:*}" test "$(list_of "${kind%:*}")" -le "${kind#*:}"
done
