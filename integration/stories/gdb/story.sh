# what: Debian's gdb attaches: registers, CSRs, memory, breakpoints, single steps, Ctrl-C; the guest's own breakpoints stay its own
# timeout: 300
. "$TOP/lib/told.sh"

# a program that is one ebreak
python3 - >ebreak <<'EOF'
import struct, sys
code = struct.pack("<I", 0x00100073) * 4
ident = b"\x7fELF\x02\x01\x01" + bytes(9)
head = ident + struct.pack("<HHIQQQIHHHHHH", 2, 243, 1, 0x10078, 64, 0, 5, 64, 56, 1, 64, 0, 0)
load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x10000, 0x10000, 120 + len(code), 120 + len(code), 4096)
sys.stdout.buffer.write((head + load + code).ljust(512, b"\0"))
EOF
guest_script script <<'EOF'
dd if="$(disk ebreak)" of=/tmp/ebreak 2>/dev/null && chmod +x /tmp/ebreak
say ready
while :; do
	/tmp/ebreak
	[ $? = 133 ] && say trapped || say "not trapped"
	sleep 1
done
EOF

start() { # NAME GDB-OPTIONS
	vm_start "$1" --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --cpus 2 --irqchip aia-emul --gdb "gdb.sock$2" \
		--disk script,ro,id=script --disk ebreak,ro,id=ebreak --append "console=ttyS0 quiet panic=-1 nokaslr"
}
debug() { # FILE COMMAND...: what gdb says
	file=$1
	shift
	rm -f commands
	for command; do echo "$command" >>commands; done
	timeout $((100 * PATIENCE)) gdb-multiarch -q -nx -batch -iex 'set pagination off' -iex 'set confirm off' -iex 'set remotetimeout 30' \
		-x commands "$KERNELS/vmlinux" </dev/null >"$file" 2>&1
	status=$?
	cat "$file"
	return $status
}

# from the first instruction
start wait ,wait
until [ -S gdb.sock ]; do sleep 0.2; done
sleep 1
expect waits test ! -s wait.console
expect first debug first 'target remote gdb.sock' 'printf "pc %lx a0 %lx satp %lx priv %lx\n", $pc, $a0, $satp, $priv' \
	'x/4i $pc' 'stepi' 'stepi' 'stepi' 'printf "then %lx\n", $pc' 'detach'
expect first-registers grep -q '^pc 80[0-9a-f]* a0 0 satp 0 priv 1' first
expect first-step eval '! grep "^then $(sed -n "s/^pc \([0-9a-f]*\) .*/\1/p" first)\$" first && grep -q "^then 80" first'

# while it runs
guest_says wait 60 ready || case_fail boots-after-detach "it does not come up"
# (the kernel's image has no symbols: every trap and system call comes to stvec)
expect live debug live 'target remote gdb.sock' 'info threads' 'set $entry = $stvec' 'break *$entry' 'continue' \
	'printf "stopped %d\n", $pc == $entry' 'printf "satp %lx scause %lx\n", $satp, $scause' 'printf "fcsr %x\n", $fcsr' 'delete' \
	'stepi' 'stepi' 'stepi' 'stepi' 'stepi' 'stepi' 'stepi' 'stepi' 'printf "moved %d\n", $pc - $entry' \
	'set $place = (long)$sp - 64' 'set $before = *(long *)$place' 'set {long}$place = 0x1234567' 'printf "wrote %lx\n", *(long *)$place' \
	'set {long}$place = $before' 'set $old = $t6' 'set $t6 = 0xabcdef' 'printf "t6 %lx\n", $t6' 'set $t6 = $old' \
	'break *$entry' 'continue' 'printf "again %d\n", $pc == $entry' 'x/2i $pc' 'delete' 'detach'
for word in 'stopped 1' 'moved [1-9]' 'wrote 1234567' 't6 abcdef' 'again 1' 'satp [89a]0' 'fcsr ' 'Thread 2 (vCPU 1)'; do
	expect "live-$(echo "$word" | tr -cd a-z0-9)" grep -q "$word" live
done
# meanwhile the guest comes to ebreaks of its own, once a second; then Ctrl-C
traps() { grep -c '^@ trapped' wait.console; }
ctrl_c() {
	(sleep $((15 * PATIENCE)); traps >traps.attached; kill -INT "$(pidof gdb-multiarch)") &
	traps >traps.before
	debug ctrl-c 'target remote gdb.sock' 'continue' 'printf "interrupted %lx\n", $pc' 'detach'
	grep -q 'SIGINT' ctrl-c && grep -q '^interrupted' ctrl-c
}
expect ctrl-c ctrl_c
expect own-ebreak test "$(cat traps.attached)" -gt "$(cat traps.before)"
expect goes-on eval 'before=$(traps) && sleep 5 && [ "$(traps)" -gt "$before" ] && ! grep "^@ not trapped" wait.console'
"$SAMPAN" ctl wait.sock stop
ended ends wait 20 0
expect nothing-left leftovers
