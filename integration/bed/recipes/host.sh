# The emulated host: root.ext4 (its disk) with initrd.gz (which loads the modules for it), and root.cpio, the same tree as
# an initramfs, without what only pods need. Its kernel is Debian's.
host_pods='usr/bin/(containerd|ctr|runc)|usr/lib/cni'
host_make() {
	tree=$1/tree
	mkdir "$tree"
	debian_tree "$tree" riscv64 "$(packages_of "$bed/packages/host")"
	debian_trim "$tree"
	rm -rf "$tree"/usr/lib/python3*/test "$tree"/usr/share/qemu/edk2* "$tree"/usr/share/opensbi "$tree"/usr/lib/riscv64-linux-gnu/opensbi \
		"$tree"/usr/share/zoneinfo "$tree"/usr/lib/riscv64-linux-gnu/gconv
	find "$tree/usr/lib/cni" -type f ! -name bridge ! -name host-local ! -name loopback -delete
	host_modules "$tree" "$cache/debian/current/tree"
	busybox_links "$tree"
	echo host >"$tree/etc/hostname"
	printf '127.0.0.1 localhost host\n::1 localhost\n' >"$tree/etc/hosts"
	: >"$tree/etc/resolv.conf"
	install -m 755 "$bed/host/init" "$tree/init"
	(cd "$tree" && find . | grep -vE "^./($host_pods)" | sort | tools_as_root cpio --quiet -o -H newc -R 0:0) >"$1/root.cpio"
	truncate -s 3G "$1/root.ext4"
	tools_as_root mke2fs -q -t ext4 -d "$tree" -E root_owner=0:0 -O ^has_journal "$1/root.ext4"
	rm -rf "$tree"

	host_initrd "$cache/debian/current/tree" "$1"
}

# host_initrd FROM DIR: DIR/initrd.gz, with the first modules of the tree FROM.
host_initrd() {
	first=$2/first
	mkdir -p "$first/bin" "$first/dev" "$first/disk"
	cp "$cache/debian/current/busybox" "$first/bin/busybox"
	install -m 755 "$bed/host/initrd-init" "$first/init"
	initrd_modules "$1" "$first"
	(cd "$first" && find . | tools_as_root cpio --quiet -o -H newc -R 0:0) | tools gzip -1 >"$2/initrd.gz"
	rm -rf "$first"
}

# host_modules TREE FROM: puts FROM's modules that the host needs into TREE.
host_modules() {
	from=$2
	# shellcheck disable=SC2046 # names
	modules_of "$from" $(packages_of "$bed/host/modules" | tr , ' ') \
		$(packages_of "$bed/host/modules-initrd" | tr , ' ') |
		tools cpio --quiet -pd -D "$from" "$1"
	version=$(ls "$from/usr/lib/modules")
	cp "$from/usr/lib/modules/$version"/modules.builtin* "$from/usr/lib/modules/$version/modules.order" \
		"$1/usr/lib/modules/$version/"
	tools depmod -b "$1" "$version"
}

# busybox_links TREE: its applets, where no other program has the name.
busybox_links() {
	run_it=
	native || run_it='tools qemu-riscv64-static'
	$run_it "$1/usr/bin/busybox" --list | while read -r applet; do
		[ -e "$1/usr/bin/$applet" ] || [ -e "$1/usr/sbin/$applet" ] || ln -s busybox "$1/usr/bin/$applet"
	done
}

prepare_host() {
	need tools debian
	build_once host "making the emulated host (40 s)" 0 host_make \
		"$bed/recipes/host.sh" "$bed/packages/host" "$bed/recipes/debian.sh" "$bed/packages/debian" \
		"$bed/host/init" "$bed/host/initrd-init" "$bed/host/modules" "$bed/host/modules-initrd" "$bed/unpack.sh"
}
