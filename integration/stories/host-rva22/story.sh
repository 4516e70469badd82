# what: a host of profile RVA22: no Sstc, AIA by emulation: a guest with every device boots
# host: --cpu rva22s64,h=true --guests 0
# timeout: 200
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
mode_boots aplic 1
mode_boots aia-emul 2
modes_down
# the profile that the host has, as a model
rva22() {
	vm_run rva22 60 --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --cpu rva22 --disk short,ro,id=script --append "console=ttyS0 quiet panic=-1" &&
		grep -q '^isa.*_zba_zbb_zbs.*_svpbmt' rva22.console && ! grep -q '^isa.*_zfa' rva22.console
}
script_disk short <<EOF
grep ^isa /proc/cpuinfo
EOF
expect rva22 rva22
expect nothing-left leftovers
