# what: the guest kernels and root file systems boot, with 1, 2 and 4 vCPUs, and a container runs
# timeout: 900

script_disk script <<'EOF'
echo "cpus $(grep -c '^processor' /proc/cpuinfo) root $(sed -n 's/^[^ ]* \/ \([^ ]*\) .*/\1/p' /proc/mounts | tail -n 1)"
grep -m1 '^isa' /proc/cpuinfo
grep -c APLIC-MSI /proc/interrupts
EOF
script_disk container <<'EOF'
cd /bundle && crun run demo
EOF

# boots CASE PATTERN ARGS...: a case that passes if the guest ends well and said PATTERN.
boots() {
	name=$1 pattern=$2
	shift 2
	if ! vm_run "$name" 150 --mem 256M "$@"; then
		case_fail "$name" "the guest did not end well"
	elif ! grep -q "$pattern" "$name.console"; then
		case_fail "$name" "the console lacks \"$pattern\""
	else
		case_ok "$name"
	fi
}

root_disk root
memory_as_given=1
for cpus in 1 2 4; do
	boots "cpus-$cpus" "^cpus $cpus root" --cpus $cpus --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" \
		--disk script,ro,id=script --append "console=ttyS0 panic=-1"
done
memory_as_given=
boots ext4 "root ext4" --kernel "$KERNEL" --disk root --disk script,ro,id=script \
	--append "console=ttyS0 panic=-1 root=/dev/vda rw init=/init"
boots erofs "root erofs" --kernel "$KERNEL" --disk "$GUEST/root.erofs,ro" --disk script,ro,id=script \
	--append "console=ttyS0 panic=-1 root=/dev/vda ro init=/init"
boots debian "root ext4" --kernel "$DEBIAN/Image" --initrd "$GUEST/initrd-debian.gz" \
	--disk root --disk script,ro,id=script --append "console=ttyS0 panic=-1 guest.root=/dev/vda"
for kind in Image.gz Image.zst vmlinux; do
	boots "$kind" "^cpus 1" --kernel "$KERNELS/$kind" --initrd "$GUEST/initrd.gz" \
		--disk script,ro,id=script --append "console=ttyS0 panic=-1 quiet"
done
boots container "hello from a container: pid 1" --kernel "$KERNEL" --disk root --disk container,ro,id=script \
	--append "console=ttyS0 panic=-1 root=/dev/vda rw init=/init"
expect nothing-left leftovers
