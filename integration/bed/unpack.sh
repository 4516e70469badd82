# unpack.sh: unpacks a Debian tree without running any package's scripts, hence without emulation and
# without root, and then does by hand what of those scripts matters. Sourced after lib.sh.

suite=trixie

# debian_tree DIR ARCH PACKAGES: PACKAGES is a comma-separated list. A mirror that is being synchronised may
# have an index that its Release does not know yet, for hours; under the suite's other name, which has a
# Release of its own, it is then often whole.
debian_tree() {
	uri=$(mirror)
	debian_unpack "$suite" "$@" || {
		[ -n "$uri" ] || return 1
		echo "trying the same suite by its other name"
		find "$1" -mindepth 1 -delete
		debian_unpack stable "$@"
	}
	debian_links "$1"
	debian_users "$1"
}

debian_unpack() { # NAME DIR ARCH PACKAGES
	name=$1 dir=$2
	set -- --arch="$3" --variant=extract --include="$4" \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
		--extract-hook="cat \"\$1\"/var/lib/apt/lists/*Release | grep -q '^Codename: $suite\$'"
	if [ "$(id -u)" = 0 ]; then
		mmdebstrap "$@" "$suite" "$dir" ${uri:+"deb $uri $name main"}
	else
		# In a user namespace the files would belong to subordinate ids: unpack them as our own.
		mmdebstrap "$@" --mode=unshare --format=tar "$suite" "$dir.tar" ${uri:+"deb $uri $name main"} &&
			tar -C "$dir" -xf "$dir.tar" --no-same-owner --no-same-permissions --exclude='./dev/*' &&
			rm "$dir.tar"
	fi
}

# The merged-/usr links and the alternatives that maintainer scripts make.
debian_links() {
	for name in bin sbin lib; do
		[ -e "$1/$name" ] || ln -s "usr/$name" "$1/$name"
	done
	[ -e "$1/usr/bin/sh" ] || [ ! -e "$1/usr/bin/dash" ] || ln -s dash "$1/usr/bin/sh"
	[ -e "$1/usr/bin/awk" ] || [ ! -e "$1/usr/bin/mawk" ] || ln -s mawk "$1/usr/bin/awk"
	[ -e "$1/usr/bin/cc" ] || [ ! -e "$1/usr/bin/gcc" ] || ln -s gcc "$1/usr/bin/cc"
	mkdir -p "$1/dev" "$1/proc" "$1/sys" "$1/run" "$1/tmp" "$1/root" "$1/etc"
	chmod 1777 "$1/tmp"
}

debian_users() {
	cat >"$1/etc/passwd" <<-'EOF'
		root:x:0:0:root:/root:/bin/sh
		nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
	EOF
	cat >"$1/etc/group" <<-'EOF'
		root:x:0:
		tty:x:5:
		kvm:x:106:
		nogroup:x:65534:
	EOF
}

# What a tree that is only run, never read, does without.
debian_trim() {
	rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/usr/share/info \
		"$1"/usr/share/lintian "$1"/usr/share/bug "$1"/usr/share/doc-base "$1"/var/cache/* "$1"/var/lib/apt/*
}
