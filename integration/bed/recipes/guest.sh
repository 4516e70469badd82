# Guest images, from integration/guest:
#   bin/               the static helper programs       initrd-min.gz    min-init alone, for benchmarks
#   initrd.gz          busybox, init, the helpers       initrd-debian.gz the same with modules for Debian's kernel
#   root.ext4, root.erofs   a root file system with crun and an OCI bundle in /bundle
guest_source=$root/integration/guest

pack_initrd() { (cd "$1" && find . | sort | tools_as_root cpio --quiet -o -H newc -R 0:0) | tools gzip -9n; }

guest_make() {
	mkdir "$1/bin"
	for source in "$guest_source"/*.c; do
		program=$(basename "$source" .c)
		tools clang-19 --target=riscv64-linux-gnu --sysroot="$cache/sysroot/current" -fuse-ld=lld -static -O2 \
			-Wall -Wextra -Wno-unused-result -s -o "$1/bin/$program" "$source"
	done

	mkdir -p "$1/min/proc" "$1/min/dev"
	cp "$1/bin/min-init" "$1/min/init"
	pack_initrd "$1/min" >"$1/initrd-min.gz"

	small=$1/small
	mkdir -p "$small/usr/bin" "$small/root"
	cp "$cache/debian/current/busybox" "$small/usr/bin/busybox"
	: >"$small/initrd"
	guest_finish "$small" "$1/bin"
	pack_initrd "$small" >"$1/initrd.gz"
	initrd_modules "$cache/debian/current/tree" "$small"
	pack_initrd "$small" >"$1/initrd-debian.gz"

	tree=$1/tree
	mkdir "$tree"
	debian_tree "$tree" riscv64 "$(packages_of "$bed/packages/guest")"
	debian_trim "$tree"
	rm -rf "$tree"/usr/lib/riscv64-linux-gnu/gconv "$tree"/usr/lib/riscv64-linux-gnu/perl*
	guest_finish "$tree" "$1/bin"
	mkdir -p "$tree/bundle/rootfs/bin" "$tree/bundle/rootfs/proc" "$tree/bundle/rootfs/tmp" "$tree/bundle/rootfs/dev"
	cp "$guest_source/bundle/config.json" "$tree/bundle/"
	cp "$tree/usr/bin/busybox" "$tree/bundle/rootfs/bin/busybox"
	for applet in sh ls id ps hostname uname wc cat echo; do ln -s busybox "$tree/bundle/rootfs/bin/$applet"; done
	truncate -s 64M "$1/root.ext4"
	tools_as_root mke2fs -q -t ext4 -d "$tree" -E root_owner=0:0 "$1/root.ext4"
	tools_as_root mkfs.erofs --quiet --all-root -zlz4 "$1/root.erofs" "$tree"
	rm -rf "$tree" "$small" "$1/min"
}

# guest_finish TREE BIN: our init, the helpers, busybox' links, the mount points.
guest_finish() {
	debian_links "$1"
	debian_users "$1"
	mkdir -p "$1/mnt" "$1/usr/local/bin"
	install -m 755 "$guest_source/init" "$1/init"
	cp "$2"/* "$1/usr/local/bin/"
	busybox_links "$1"
}

prepare_guest() {
	need tools sysroot debian
	build_once guest "making the guest images (10 s)" 0 guest_make "$bed/recipes/guest.sh" "$bed/recipes/debian.sh" "$bed/recipes/host.sh" \
		"$bed/packages/guest" "$bed/packages/debian" "$bed/host/modules-initrd" "$bed/unpack.sh" \
		"$guest_source"/*.c "$guest_source/init" "$guest_source/bundle/config.json"
}
