# what: a host of profile RVA23 (Sv39x4, V, Smstateen) with a PLIC: a guest with every device boots
# host: --cpu rva23s64 --aia none
# timeout: 200
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
mode_boots aplic 1
if [ -n "$SOAK" ]; then
	modes_with debian
	mode_boots plic 4
fi
modes_down
# the profile that the host has, as a model; and without vectors
isa_of() { # NAME MODEL
	vm_run "$1" 60 --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --cpu "$2" --disk short,ro,id=script --append "console=ttyS0 quiet panic=-1"
}
script_disk short <<EOF
grep ^isa /proc/cpuinfo
EOF
expect rva23 eval 'isa_of rva23 rva23 && grep -q "^isa.*rv64imafdcv_.*_zvbb" rva23.console && grep -q "without H" rva23.err'
expect no-v eval 'isa_of no-v rva23,-v,-zvbb,-zvfhmin,-zvkt && grep -q "^isa.*rv64imafdc_" no-v.console && ! grep -q "only hidden.* v" no-v.err'
expect nothing-left leftovers
