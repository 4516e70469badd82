# A newer kernel for the emulated host, from Debian's backports ("boot --kernel backports"): Image, modules.cpio (its modules for the
# host, to be laid over the root file system) and initrd (with its first modules, and those).
backports_make() {
	unpack_backports "$suite" "$1" || unpack_backports stable "$1"
	mv "$1"/tree/usr/lib/modules/*/vmlinu* "$1/Image"
	rm "$1/tree.tar"
	ln -s usr/lib "$1/tree/lib"
	version=$(ls "$1/tree/usr/lib/modules")
	echo kernel/crypto/crc32c_generic.ko >>"$1/tree/usr/lib/modules/$version/modules.builtin" # it is a library now
	tools depmod -b "$1/tree" "$version"

	over=$1/over
	mkdir -p "$over/usr/lib"
	ln -s usr/lib "$over/lib"
	host_modules "$over" "$1/tree"
	(cd "$over" && find . | sort | tools_as_root cpio --quiet -o -H newc -R 0:0) >"$1/modules.cpio"
	host_initrd "$1/tree" "$1"
	cat "$1/modules.cpio" "$1/initrd.gz" >"$1/initrd"
	rm -rf "$over" "$1/tree" "$1/initrd.gz"
}

# unpack_backports NAME DIR: of the suite by that name, what of the kernel's package goes into DIR/tree. (What it depends on comes along,
# and stays in the archive.) An old list of packages does as well, where a mirror lags behind.
unpack_backports() {
	uri=$(mirror)
	rm -rf "$2/tree"
	mkdir "$2/tree"
	mmdebstrap --arch=riscv64 --variant=extract --include="$(packages_of "$bed/packages/backports")" --format=tar \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$2/tree.tar" \
		${uri:+"deb $uri $1 main" "deb $uri $1-backports main"} &&
		tar -C "$2/tree" -xf "$2/tree.tar" --no-same-owner ./usr/lib/modules
}

prepare_backports() {
	need tools debian
	build_once backports "unpacking a newer kernel for the emulated host (40 s)" 0 backports_make \
		"$bed/recipes/backports.sh" "$bed/packages/backports" "$bed/recipes/host.sh" "$bed/recipes/debian.sh" "$bed/host/initrd-init" \
		"$bed/host/modules" "$bed/host/modules-initrd"
}
