# containerd 2 and its ctr from the Go module that bed/containerd/go.mod names (the emulated host has Debian's 1.7 besides), and the
# CRI client of integration/cri.
containerd_make() {
	version=$(sed -n 's|.*containerd/containerd/v2 v\([^ ]*\).*|\1|p' "$bed/containerd/go.mod" | tail -n 1)
	from=github.com/containerd/containerd/v2
	go_build "$bed/containerd" "$1/bin" -ldflags "-s -w -X $from/version.Version=$version" "$from/cmd/containerd" "$from/cmd/ctr"
}

prepare_containerd() {
	need go
	build_once containerd "building containerd 2 (5-10 minutes)" 0 containerd_make \
		"$bed/recipes/containerd.sh" "$bed/recipes/go.sh" "$bed/containerd/go.mod" "$bed/containerd/go.sum"
}

cri_make() { go_build "$root/integration/cri" "$1/bin" -ldflags "-s -w" .; }

prepare_cri() {
	need go
	build_once cri "building the CRI client (1-3 minutes)" 0 cri_make \
		"$bed/recipes/containerd.sh" "$bed/recipes/go.sh" "$root"/integration/cri/*.go "$root/integration/cri/go.mod" "$root/integration/cri/go.sum"
}
