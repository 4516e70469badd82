# Go, for test tools that are written in it: this machine's own if it is as new as they ask for, else Debian's, from the
# backports of the tools tree's suite. What it fetches (modules, by the environment's GOPROXY) and compiles stays in the cache.
go_release=1.26

# The newest that a go.mod asks for.
go_least() { sed -n 's/^go //p' "$bed/containerd/go.mod" "$root/integration/cri/go.mod" | sort -V | tail -n 1; }

go_own() {
	have go || return 1
	least=$(go_least)
	[ "$(printf '%s\n' "$least" "$(GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//')" | sort -V | head -n 1)" = "$least" ]
}

go_make() {
	uri=$(mirror)
	[ -n "$uri" ] || { echo "apt knows no Debian mirror: name one in SAMPAN_MIRROR"; return 1; }
	uri="$uri $suite main
deb $uri"
	debian_unpack "$suite-backports" "$1" "$(dpkg --print-architecture)" "golang-$go_release-go"
	rm -rf "${1:?}/var" "$1/usr/share/doc"
}

# go_build MODULE OUT PACKAGE... -- FLAGS...: static riscv64 programs of the module in the directory MODULE, into the directory OUT.
go_build() {
	module=$1 out=$2
	shift 2
	go=go
	export GOPATH="$cache/go-modules" GOCACHE="$cache/go-build" GOFLAGS="${GOFLAGS:-} -modcacherw" GOTOOLCHAIN=local
	export CGO_ENABLED=0 GOOS=linux GOARCH=riscv64
	if ! go_own; then
		export GOROOT="$cache/go/current/usr/lib/go-$go_release"
		go="tools $GOROOT/bin/go"
	fi
	mkdir -p "$out"
	(cd "$module" && $go build -mod=readonly -trimpath -buildvcs=false -o "$out/" "$@")
}

prepare_go() {
	need tools
	go_own || build_once go "unpacking Go (30 s)" 0 go_make "$bed/recipes/go.sh"
}
