# pods.sh: containerd with its CRI on this host, and pods in it. Sourced by a story, after told.sh.
# $RUNTIME is the runtime that pods get (sampan; or runc, crun: what makes sense for those passes there, too).
# crictl is called by its verbs as "cri": our client, or crictl itself where the machine has it.

pods_disk=/var/lib/sampan-pods # containerd's root; its state is at its usual place
pods_parent=pods               # the cgroup of all pods
pods_cache=${KERNELS%/*/*}
RUNTIME=${RUNTIME:-sampan}
containerd_pid=

if command -v crictl >/dev/null; then client=crictl; else client=$pods_cache/cri/current/bin/cri; fi
client="$client -t $((100 * PATIENCE))s" # a command line's first words
# shellcheck disable=SC2086 # words
cri() { timeout $((120 * PATIENCE)) $client "$@"; }
ctr() { timeout $((120 * PATIENCE)) "$containerd_ctr" -n k8s.io "$@"; }

# containerd_config GENERATION: its configuration.
containerd_config() {
	case $1 in
	1) runtime=io.containerd.grpc.v1.cri images=io.containerd.grpc.v1.cri version=2 ;;
	2) runtime=io.containerd.cri.v1.runtime images=io.containerd.cri.v1.images version=3 ;;
	esac
	cat <<-EOF
		version = $version
		root = "$pods_disk/$1"
		[plugins."$runtime"]
		  restrict_oom_score_adj = false
		  disable_apparmor = true
		  $([ "$1" = 2 ] || echo 'sandbox_image = "localhost/pause:1"')
		  [plugins."$runtime".cni]
		    $([ "$1" = 2 ] && echo 'bin_dirs = ["/usr/lib/cni"]' || echo 'bin_dir = "/usr/lib/cni"')
		    conf_dir = "$WORK/cni"
		  [plugins."$runtime".containerd]
		    default_runtime_name = "runc"
		    [plugins."$runtime".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
		    [plugins."$runtime".containerd.runtimes.crun]
		      runtime_type = "io.containerd.runc.v2"
		      [plugins."$runtime".containerd.runtimes.crun.options]
		        BinaryName = "/usr/bin/crun"
	EOF
	sampan_runtime sampan overlayfs
	sampan_runtime sampan-blockfile blockfile
	[ "$1" = 1 ] || sampan_runtime sampan-erofs erofs
	cat <<-EOF
		[plugins."io.containerd.snapshotter.v1.blockfile"]
		  root_path = "$pods_disk/$1/blockfile"
		  scratch_file = "$WORK/scratch.ext4"
		  fs_type = "ext4"
	EOF
	[ "$1" = 1 ] || cat <<-EOF
		[plugins."$images".pinned_images]
		  sandbox = "localhost/pause:1"
		[plugins."io.containerd.snapshotter.v1.erofs"]
		  default_size = "64M"
		[plugins."io.containerd.service.v1.diff-service"]
		  default = ["erofs", "walking"]
	EOF
}

sampan_runtime() { # NAME SNAPSHOTTER
	cat <<-EOF
		[plugins."$runtime".containerd.runtimes.$1]
		  runtime_type = "io.containerd.sampan.v2"
		  snapshotter = "$2"
		  privileged_without_host_devices = true
		  pod_annotations = ["io.sampan.*"]
		  container_annotations = ["io.sampan.*"]
		  [plugins."$runtime".containerd.runtimes.$1.options]
		    ConfigPath = "$WORK/sampan.json"
	EOF
}

pods_network() {
	mkdir -p cni
	cat >cni/10-pods.conflist <<-EOF
		{ "cniVersion": "0.4.0", "name": "pods", "plugins": [ {
		    "type": "bridge", "bridge": "pods0", "isGateway": true,
		    "ipam": { "type": "host-local", "dataDir": "$WORK/cni-addresses", "routes": [ { "dst": "0.0.0.0/0" }, { "dst": "::/0" } ],
		      "ranges": [ [ { "subnet": "10.88.0.0/16" } ], [ { "subnet": "fd00:88::/64" } ] ] } } ] }
	EOF
}

# pods_up GENERATION: containerd 1 (Debian's) or 2 (the cache's) serves, with the images.
pods_up() {
	generation=$1
	containerd=/usr/bin/containerd containerd_ctr=/usr/bin/ctr
	if [ "$1" = 2 ]; then
		containerd=$pods_cache/containerd/current/bin/containerd
		containerd_ctr=$pods_cache/containerd/current/bin/ctr
	fi
	pods_network
	[ -e scratch.ext4 ] || { truncate -s 64M scratch.ext4 && /sbin/mke2fs -q -t ext4 -O ^has_journal scratch.ext4; }
	rm -rf logs # containerd adds to what is there
	mkdir -p "$pods_disk/$1" /etc/cni logs
	containerd_config "$1" >containerd.toml
	containerd_start || return 1
	[ -e "$pods_disk/$1/imported" ] || import pause busybox misnamed || return 1
	: >"$pods_disk/$1/imported"
	held >idle
}

import() { for image; do ctr images import --no-unpack "$pods_cache/oci/current/$image.tar" >>containerd.out 2>&1 || return 1; done; }

containerd_start() {
	containerd_took=$(now)
	rm -f /run/containerd/containerd.sock
	"$containerd" --config containerd.toml </dev/null >>containerd.log 2>&1 &
	containerd_pid=$!
	tries=$((120 * PATIENCE))
	until [ -S /run/containerd/containerd.sock ] && cri info >info.json 2>info.err && grep -q '"NetworkReady"' info.json; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] && kill -0 $containerd_pid || { cat info.err; end_of containerd.log; return 1; }
		sleep 0.5
	done
	containerd_took=$(since "$containerd_took")
}

containerd_stop() { # SIGNAL
	kill "-$1" "$containerd_pid" && wait "$containerd_pid" 2>/dev/null
	containerd_pid=
}

# pods_down: all pods go, then containerd.
pods_down() {
	cri rmp -a -f >/dev/null
	containerd_stop TERM
}

# pods_abandon: nothing of it survives, whatever happened.
pods_abandon() {
	[ -z "$containerd_pid" ] || kill -9 "$containerd_pid"
	for pid in $(named '\(containerd-shim\|sampan\|virtiofsd\)'); do kill -9 "$pid"; done
	/sbin/ip link del pods0 2>/dev/null
	umount /run/netns/* 2>/dev/null
	rm -rf /run/netns/* "${pods_disk:?}"
}

# sampan_config [KEY VALUE]...: the shim's configuration, in sampan.json; these come in place of the usual ones
sampan_config() {
	set -- kernel "\"$KERNEL\"" initrd "\"$IMAGE/sampan-guest.initrd\"" boot_timeout $((60 * PATIENCE)) call_timeout $((60 * PATIENCE)) "$@"
	while [ $# -gt 1 ]; do echo "$1 $2"; shift 2; done | awk '
		{ key = $1; sub(/^[^ ]* /, ""); value[key] = $0 }
		END { printf "{"; for (key in value) printf "%s \"%s\": %s", n++ ? "," : "", key, value[key]; print " }" }' >sampan.json
}

# from_pool: the same with guests' memory from the host's pool of 2 MiB pages; fails where that has none for a pod or two
from_pool() {
	case $RUNTIME in sampan*) ;; *) return 1 ;; esac
	[ "$(free_pages)" -ge 200 ] && sampan_config hugepages true
}

# --- what is asked for -------------------------------------------------------------------------------------------------
quoted() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g' | tr '\n' ';'; }

# pod NAME [FIELDS]: NAME.pod.json; FIELDS are more JSON, with a comma in front. "linux" fields are in $pod_linux, likewise.
pod_linux=
pod() {
	mkdir -p "logs/$1"
	cat >"$1.pod.json" <<-EOF
		{ "metadata": { "name": "$1", "namespace": "default", "uid": "uid-$1", "attempt": 0 }, "hostname": "$1", "log_directory": "$WORK/logs/$1",
		  "linux": { "cgroup_parent": "/$pods_parent"$pod_linux }${2-} }
	EOF
}

# container NAME SCRIPT [FIELDS]: NAME.json, a shell script in the busybox image
container_image=localhost/busybox:1
container() {
	cat >"$1.json" <<-EOF
		{ "metadata": { "name": "$1" }, "image": { "image": "$container_image" }, "log_path": "$1.log",
		  "command": [ "/bin/sh", "-c", "$(quoted "$2")" ]${3-} }
	EOF
}

run_pod() { cri runp -r "$RUNTIME" "$1.pod.json"; } # NAME: says the pod's id

# run_in POD-ID POD-NAME NAME: creates and starts the container; says its id
run_in() {
	started=$(cri create "$1" "$3.json" "$2.pod.json") && cri start "$started"
}

# --- what there is -----------------------------------------------------------------------------------------------------
# field FILE.json KEY: the first value of that key
field() { sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$1" | head -n 1; }
container_is() { cri inspect "$1" >inspect.json && field inspect.json "$2"; } # ID KEY
pod_is() { cri inspectp "$1" >inspectp.json && field inspectp.json "$2"; }
# the first address: others stand before it in the status
address_of() { cri inspectp "$1" | sed -n 's/^ *"ip": "\(.*\)".*/\1/p' | tail -n 1; }

# becomes SECONDS VALUE COMMAND...: until the command says that
becomes() {
	becoming=$(($1 * 4 * PATIENCE)) value=$2
	shift 2
	until [ "$("$@" 2>/dev/null)" = "$value" ]; do
		becoming=$((becoming - 1))
		[ $becoming -gt 0 ] || { echo "$* says \"$("$@" 2>&1)\", not \"$value\""; return 1; }
		sleep 0.25
	done
}

# named PATTERN: the processes whose name begins like that
named() { grep -l "^$1" /proc/[0-9]*/comm 2>/dev/null | sed 's|/proc/\(.*\)/comm|\1|'; }

# everything that pods hold of the host, a line each: processes, mounts, network devices and namespaces, cgroups, sockets, bundles
holdings() {
	for pid in $(named '\(containerd-shim\|sampan\|virtiofsd\|pause\)'); do
		echo "process $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done 2>/dev/null
	awk '$2 ~ /containerd|sampan|netns/ { print "mount", $2, $3 }' /proc/mounts
	for link in /sys/class/net/*; do echo "device ${link##*/}"; done | grep -v ' pods0$'
	find /run/netns /var/run/netns -mindepth 1 2>/dev/null | sed 's/^/netns /'
	find /sys/fs/cgroup -mindepth 1 -type d | grep -v "/\($pods_parent\|k8s.io\|init\)\$" | sed 's/^/cgroup /'
	# containerd's own shim, when it is killed, leaves its socket
	own_shim=$(case $RUNTIME in sampan*) echo none ;; *) echo /run/containerd/s/ ;; esac)
	find /run /tmp -type s 2>/dev/null | grep -v "/containerd\.sock\|$own_shim" | sed 's/^/socket /'
	find /run/containerd/io.containerd.runtime.v2.task/*/ -mindepth 1 -maxdepth 1 2>/dev/null | sed 's/^/bundle /'
	find /run/sampan /run/vc -mindepth 1 2>/dev/null | sed 's/^/file /'
	losetup -a | sed 's/^/loop /'
}

held() { holdings | sort; }
# released FILE: until nothing is held that FILE, said by "held", does not name
released() {
	releasing=$((20 * PATIENCE))
	until ! held | grep -vxFf "$1" >still; do
		releasing=$((releasing - 1))
		[ $releasing -gt 0 ] || { echo "still held:"; cat still; return 1; }
		sleep 0.5
	done
}
