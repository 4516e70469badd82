# The tools tree, entered by in-tools: compilers, QEMU and whatever else the machine may lack or have too old.
tools_make() {
	debian_tree "$1" "$(dpkg --print-architecture)" "$(packages_of "$bed/packages/tools")"
	rm -rf "$1"/usr/share/doc "$1"/usr/share/locale "$1"/var/cache/*
	printf 'user:x:%d:%d::%s:/bin/sh\n' "$(id -u)" "$(id -g)" "$HOME" >>"$1/etc/passwd"
	for dir in /home /work /mnt /srv /opt /media /var/tmp /builds; do mkdir -p "$1$dir"; done
	chroot_free_check "$1"
}

# The commands that other recipes and the Makefile call must start in the new tree.
chroot_free_check() {
	for command in 'sh -c true' 'cc --version' 'clang-19 --version' 'ld.lld-19 --version' 'awk 1' \
		'riscv64-linux-gnu-gcc --version' 'qemu-system-riscv64 --version' 'python3 -c 1' 'perl -e 1' \
		'mke2fs -V' 'mkfs.erofs --version' 'cpio --version' 'flex --version' 'bison --version'; do
		# shellcheck disable=SC2086 # split on purpose
		bwrap --bind "$1" / --dev-bind /dev /dev --proc /proc --setenv PATH /usr/bin:/usr/sbin \
			$command </dev/null
	done
}

prepare_tools() {
	need packages
	build_once tools "unpacking the tools tree (30 s)" 0 tools_make \
		"$bed/recipes/tools.sh" "$bed/packages/tools" "$bed/unpack.sh"
}
