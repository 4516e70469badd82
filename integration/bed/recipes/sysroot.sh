# The cross-development tree: headers and libraries for riscv64.
sysroot_make() { debian_tree "$1" riscv64 "$(packages_of "$bed/packages/sysroot")"; }
prepare_sysroot() {
	need packages
	build_once sysroot "unpacking the riscv64 development tree (10 s)" 0 sysroot_make \
		"$bed/recipes/sysroot.sh" "$bed/packages/sysroot" "$bed/unpack.sh"
}
