# Container images, each an OCI archive of one layer for "ctr images import":
#   pause.tar        localhost/pause:1         the process that holds a pod
#   busybox.tar      localhost/busybox:1       busybox with its applets, and the helper "pattern"
#   foreign.tar      localhost/foreign:1       says that it is for another architecture
#   misnamed.tar     localhost/misnamed:1      says that it is for riscv64, but its program is not

oci_tar() { tools_as_root tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf "$2" .; }

# oci_blob LAYOUT FILE: moves FILE among the blobs; its digest and size are in $digest and $size.
oci_blob() {
	digest=$(sha256sum "$2" | cut -d' ' -f1)
	size=$(stat -c %s "$2")
	mv "$2" "$1/blobs/sha256/$digest"
}

# oci_image OUT NAME TREE ARCHITECTURE COMMAND
oci_image() {
	layout=$3.layout
	mkdir -p "$layout/blobs/sha256"
	oci_tar "$3" "$3.layer"
	oci_blob "$layout" "$3.layer"
	layer=$digest layer_size=$size
	printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$4" "$5" "$layer" >"$3.config"
	oci_blob "$layout" "$3.config"
	kind=application/vnd.oci.image
	printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
		$kind $kind "$digest" "$size" $kind "$layer" "$layer_size" >"$3.manifest"
	oci_blob "$layout" "$3.manifest"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"architecture":"%s","os":"linux"},"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
		$kind "$digest" "$size" "$4" "$2" "${2##*:}" >"$layout/index.json"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
	oci_tar "$layout" "$1"
	rm -rf "$layout" "$3"
}

oci_make() {
	mkdir -p "$1/pause" "$1/busybox/bin" "$1/busybox/etc" "$1/busybox/tmp" "$1/foreign" "$1/misnamed"
	tools clang-19 --target=riscv64-linux-gnu --sysroot="$cache/sysroot/current" -fuse-ld=lld -static -O2 -Wall -Wextra -s \
		-o "$1/pause/pause" "$bed/oci/pause.c"
	cp "$1/pause/pause" "$1/foreign/pause"
	# e_machine, the two bytes at 18, is that of x86-64 then
	cp "$1/pause/pause" "$1/misnamed/pause"
	printf '\076\000' | dd of="$1/misnamed/pause" bs=1 seek=18 conv=notrunc 2>/dev/null

	cp "$cache/debian/current/busybox" "$1/busybox/bin/busybox"
	cp "$cache/guest/current/bin/pattern" "$1/busybox/bin/pattern"
	ln -s bin "$1/busybox/usr"
	run_it=
	native || run_it='tools qemu-riscv64-static'
	$run_it "$1/busybox/bin/busybox" --list | while read -r applet; do
		[ -e "$1/busybox/bin/$applet" ] || ln -s busybox "$1/busybox/bin/$applet"
	done
	printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$1/busybox/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/busybox/etc/group"
	chmod 1777 "$1/busybox/tmp"

	oci_image "$1/pause.tar" localhost/pause:1 "$1/pause" riscv64 /pause
	oci_image "$1/busybox.tar" localhost/busybox:1 "$1/busybox" riscv64 /bin/sh
	oci_image "$1/foreign.tar" localhost/foreign:1 "$1/foreign" amd64 /pause
	oci_image "$1/misnamed.tar" localhost/misnamed:1 "$1/misnamed" riscv64 /pause
}

prepare_oci() {
	need tools sysroot debian guest
	build_once oci "making the container images (10 s)" 0 oci_make "$bed/recipes/oci.sh" "$bed/oci/pause.c" \
		"$root/integration/guest/pattern.c" "$bed/packages/debian"
}
