# what: recorded pod lives of Kata's runtime, played against sampan-stratovirt and the guest image's agent
# timeout: 900
# (Mounts made later must reach virtiofsd's own mount namespace, so they are shared in the caller's.)
# Each call of the runtime, with its deadline; see integration/kata/play.py. The paths are those of the recordings.
mkdir -p /opt/kata
ln -sf "$KERNEL" /opt/kata/vmlinux
ln -sf "$IMAGE/sampan-guest.initrd" /opt/kata/guest-initrd.cpio
syslogd -O "$WORK/syslog"

play() { # FIXTURE DISK
	mkdir "$1"
	(cd "$1" && unshare -n -m --propagation private sh -c 'mount --make-rshared / && exec python3 "$@"' play "$TOP/kata/play.py" "$TOP/kata/$1.jsonl" "$(command -v sampan-stratovirt)" "$SAMPAN" "$2") >"$1.log" 2>&1 ||
		{ failed=1; tail -n 30 "$1/monitor.log" "$1/virtiofsd.log"; }
	cat "$1.log"
	cp "$1/monitor.log" "$OUT/$1.monitor.log"
	rm -rf "$1"
}

for life in ${SOAK:+S1dbg:none} S1:none S2:empty S2dm:rootfs S5:none S6shim:none S6vmm:none S4mountfail:none; do
	play "${life%:*}" "${life#*:}"
done
killall syslogd
