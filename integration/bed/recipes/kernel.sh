# The guest kernel: Debian's source, configs/guest-kernel/fragment, cross-compiled by gcc of the tools tree.
# Makes Image, Image.gz, Image.zst, vmlinux (stripped) and config.
kernel_fragment=$root/configs/guest-kernel/fragment

kernel_make() {
	src=$1/src
	mkdir "$src"
	tar -C "$src" --strip-components=1 -xJf "$cache/tools/current/usr/src/linux-source-6.12.tar.xz"
	make="tools make -C $src ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu- KBUILD_BUILD_USER=sampan
		KBUILD_BUILD_HOST=bed KBUILD_BUILD_TIMESTAMP=@0 KCONFIG_ALLCONFIG=$kernel_fragment"
	$make allnoconfig
	kernel_kept "$src/.config"
	$make -j"$(nproc)" Image
	cp "$src/arch/riscv/boot/Image" "$1/Image"
	cp "$src/.config" "$1/config"
	tools riscv64-linux-gnu-strip -o "$1/vmlinux" "$src/vmlinux"
	tools gzip -9nk "$1/Image"
	tools zstd -q -19 "$1/Image"
	rm -rf "$src"
}

# Kconfig drops silently what it does not know or cannot grant.
kernel_kept() {
	lost=$(grep '^CONFIG' "$kernel_fragment" | grep -vxFf "$1" || true)
	[ -z "$lost" ] || { echo "lines of the fragment that did not survive:" $lost; return 1; }
}

prepare_kernel() {
	need tools
	build_once kernel "building the guest kernel (5-8 minutes)" 1700 kernel_make \
		"$bed/recipes/kernel.sh" "$kernel_fragment"
}
