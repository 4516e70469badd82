# root.erofs: a tree with fio and stress-ng for a guest to chroot into, /mnt being what they are to strain.
load_make() {
	tree=$1/tree
	mkdir "$tree"
	debian_tree "$tree" riscv64 "$(packages_of "$bed/packages/load")"
	debian_trim "$tree"
	# what a graphics stressor would load
	libraries=$tree/usr/lib/riscv64-linux-gnu
	rm -rf "$libraries"/libLLVM* "$libraries"/libgallium* "$libraries"/libz3* "$libraries/dri" "$libraries/gconv"
	mkdir -p "$tree/mnt"
	tools_as_root mkfs.erofs --quiet --all-root -zlz4 "$1/root.erofs" "$tree"
	rm -rf "$tree"
}

prepare_load() {
	need tools
	build_once load "making an image with fio and stress-ng (60 s)" 0 load_make \
		"$bed/recipes/load.sh" "$bed/packages/load" "$bed/unpack.sh"
}
