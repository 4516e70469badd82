# what: CPU models, single extensions off, ids, topology, SBI extensions on and off: the guest finds what was asked for, what is missing is named
# by-name: long; seen to pass but for 8 vCPUs, not run to its end on this state
# timeout: 300
. "$TOP/lib/told.sh"

guest_script script <<'EOF'
field() { sed -n "s/^$1[[:space:]]*: //p" /proc/cpuinfo | sort -u | tr '\n' ' '; }
siblings() { for cpu in /sys/devices/system/cpu/cpu[0-9]*; do cat "$cpu/topology/$1"; done | tr '\n' ' '; }
say "isa $(field isa)"
say "ids $(field mvendorid)$(field marchid)$(field mimpid)"
say "packages $(siblings physical_package_id)"
say "threads $(siblings thread_siblings_list)"
say "sbi $(dmesg | sed -n 's/.*SBI \([A-Z]*\) extension detected.*/\1/p' | tr '\n' ' ')"
say "pmu $(dmesg | grep -c riscv-pmu-sbi)"
EOF
said() { tr -d '\r' <"$1.console" | sed -n "s/^@ $2 *//p"; } # VM WORD
field() { sed -n "s/^ok  $1  *//p" "$2"; }                   # NAME FILE

# By emulation: see the story machine.
boots() { # NAME ARGS...
	name=$1
	shift
	vm_run "$name" 60 --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --disk script,ro,id=script \
		--irqchip aia-emul --append "console=ttyS0 quiet loglevel=6 panic=-1" "$@"
}
# the guest's kernel finds what check says that this model is here
model() { # NAME MODEL ARGS...
	name=$1 model=$2
	shift 2
	boots "$name" --cpu "$model" "$@" || return 1
	"$SAMPAN" check --cpu "$model" >"$name.check" || return 1
	isa_set "$(said "$name" isa)" >"$name.guest"
	isa_set "$(field 'ISA for guests' "$name.check")" >"$name.told"
	[ -s "$name.guest" ] && diff "$name.told" "$name.guest"
}
lacks() { # NAME EXT...
	name=$1
	shift
	for ext; do ! grep -qx "$ext" "$name.guest" || return 1; done
}

expect host model host host
expect max model max max
expect min model min min
expect min-is-small lacks min zba zbb sstc zicbom
expect rva20 model rva20 rva20
# what KVM can switch off and what it only hides
expect off eval 'model off host,-zicbom,-zicboz && lacks off zicbom zicboz && [ ! -s off.err ]'
expect hidden eval 'model hidden host,-sstc,-zba,-zihpm && lacks hidden sstc zba zihpm && grep -q "only hidden .*: .*zba" hidden.err'
# the mask of this host, given back
mask=$(field migration-safe host.check | cut -d' ' -f1)
expect mask model mask "$mask"
expect mask-is-host eval '[ -n "$mask" ] && diff host.guest mask.guest'
expect mask-hides eval '"$SAMPAN" check --cpu min >min.check && grep -q "^ok  only hidden .*sstc" min.check && grep -q "^ok  never switched off .*sstc" min.check'

refused rva22 'CPU extensions: .*zkt' --cpu rva22
refused rva23 'CPU extensions: v ' --cpu rva23
refused no-such 'CPU extensions: zvkg' --cpu host,+zvkg
refused mask-of-another 'CPU extensions: zvbb' --cpu rv64imafdc_zvbb
# ids, topology and SBI in as few machines as they fit in
expect ids eval 'boots ids --cpu host,mvendorid=0x489,marchid=0x8000000000000007,mimpid=0x20 --sbi -dbcn,-pmu && [ "$(said ids ids)" = "0x489 0x8000000000000007 0x20 " ]'
expect flat eval 'boots flat --cpus 4 --sbi +sta && [ "$(said flat threads)" = "0 1 2 3 " ]'
expect topology eval 'boots topology --cpus 8,sockets=2,threads=2 && [ "$(said topology packages)" = "0 0 0 0 1 1 1 1 " ]'
expect threads eval '[ "$(said topology threads)" = "0-1 0-1 2-3 2-3 4-5 4-5 6-7 6-7 " ]'
refused uneven '3 vCPUs can' --cpus 3,sockets=2

expect sbi-as-it-is eval 'said host sbi && said host sbi | grep -q "DBCN" && [ "$(said host pmu)" -gt 0 ]'
expect sbi-off eval '! said ids sbi | grep -q DBCN && [ "$(said ids pmu)" = 0 ]'
case $(uname -r) in
6.12.*) for ext in susp fwft; do refused "sbi-$ext" "has no SBI extension $ext" --sbi +$ext; done ;;
esac
expect nothing-left leftovers
