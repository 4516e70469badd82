# what: sampan-stratovirt as Kata's driver starts it: QMP, hot-plugged disks, console, the end of guest, caller and monitor
# timeout: 300
mkdir -p /opt/kata
ln -sf "$KERNEL" /opt/kata/vmlinux
ln -sf "$GUEST/initrd.gz" /opt/kata/guest-initrd.cpio
syslogd -O "$WORK/syslog" # virtiofsd is told to log there

for part in life ends refusals; do
	unshare -n -m env PYTHONDONTWRITEBYTECODE=1 python3 "$STORY/$part.py" >"$part.log" 2>&1 || case_fail "$part" "status $?"
	cat "$part.log"
	! grep -q '^case .* FAIL' "$part.log" || failed=1
done
killall syslogd
expect nothing-left leftovers
