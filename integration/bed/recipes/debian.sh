# Debian's riscv64 kernel: Image, its modules (tree/), busybox, and initrd.gz, a guest's initrd.
# modules_of TREE NAMES: "insmod" order with dependencies, as paths below TREE.
modules_of() {
	tree=$1
	shift
	for module; do
		tools modprobe -d "$tree" -S "$(ls "$tree/usr/lib/modules")" --show-depends "$module"
	done | sed -n "s|^insmod $tree/||p" | awk '{ print $1 }' | awk '!seen[$0]++'
}

# initrd_modules TREE DIR: puts the first modules into DIR/modules, unpacked, and their order beside them.
initrd_modules() {
	mkdir -p "$2/modules"
	# shellcheck disable=SC2046 # names
	for file in $(modules_of "$1" $(packages_of "$bed/host/modules-initrd" | tr , ' ')); do
		name=${file##*/}
		name=${name%.xz}
		case $file in
		*.xz) tools xz -dc "$1/$file" >"$2/modules/$name" ;;
		*) cp "$1/$file" "$2/modules/$name" ;;
		esac
		echo "$name" >>"$2/modules/order"
	done
}

debian_make() {
	mkdir "$1/tree"
	debian_tree "$1/tree" riscv64 "$(packages_of "$bed/packages/debian")"
	mv "$1"/tree/boot/vmlinu* "$1/Image"
	cp "$1/tree/usr/bin/busybox" "$1/busybox"
	version=$(ls "$1/tree/usr/lib/modules")
	tools depmod -b "$1/tree" "$version"
	tools modprobe -d "$1/tree" -S "$version" --show-depends kvm
	# only the modules stay
	find "$1/tree" -mindepth 1 -maxdepth 1 ! -name usr ! -name lib -exec rm -rf {} +
	find "$1/tree/usr" -mindepth 1 -maxdepth 1 ! -name lib -exec rm -rf {} +
	find "$1/tree/usr/lib" -mindepth 1 -maxdepth 1 ! -name modules -exec rm -rf {} +
}

prepare_debian() {
	need tools
	build_once debian "unpacking Debian's riscv64 kernel (20 s)" 0 debian_make \
		"$bed/recipes/debian.sh" "$bed/packages/debian" "$bed/unpack.sh"
}
