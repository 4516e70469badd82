# what: the guest agent: pods from a disk, streams, signals, limits, bad input; from an initrd, images, under another init
# timeout: 600
# timeout-soak: 2400
. "$TOP/lib/told.sh"

# The agent's life, by what it is asked: see cases.py. ADDRESS DEVICE is where it is, and the container's disk in the guest.
cases() { # NAME SET ADDRESS DEVICE
	cycles=5
	[ -z "$SOAK" ] || cycles=200
	PYTHONPATH="$TOP/kata" python3 -u "$STORY/cases.py" "$@" "$cycles" || failed=1
}

cp "$GUEST/root.ext4" initrd.disk
cp "$GUEST/root.ext4" image.disk
truncate -s 8M swap.disk
vm_start initrd --kernel "$KERNEL" --initrd "$IMAGE/sampan-guest.initrd" --cpus 2 --mem 512M --disk initrd.disk --disk swap.disk \
	--vsock cid=42 --append "console=ttyS0 quiet agent.log=info"
vm_start image --kernel "$KERNEL" --cpus 1 --mem 256M --disk "$IMAGE/sampan-guest-ext4.img,ro" --disk image.disk \
	--vsock uds=./v.sock --append "console=ttyS0 quiet root=/dev/vda1 ro rootfstype=ext4 cgroup_no_v1=all agent.log=info"
cp "$GUEST/root.ext4" erofs.disk
vm_start erofs --kernel "$KERNEL" --cpus 1 --mem 256M --disk "$IMAGE/sampan-guest-erofs.img,ro" --disk erofs.disk \
	--vsock uds=./erofs.v --append "console=ttyS0 quiet root=/dev/vda1 ro rootfstype=erofs agent.debug_console agent.debug_console_vport=1026"
# Under another init: the test guest's, whose script starts the agent, and ends with it.
cp "$GUEST/root.ext4" other.disk
cp "$GUEST/root.ext4" under.disk
script_disk agent.disk <"$TOP/bin/sampan-agent"
guest_script script <<'EOF'
for hook in prestart/first poststart/second poststop/third; do
	mkdir -p "/run/hooks/${hook%/*}"
	cat >"/run/hooks/$hook" <<'HOOK'
#!/bin/sh
state=$(tr -d ' \n')
field() { echo "$state" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
echo "${0##*/} $1 $(field id) $(field status)" >>/run/hooks/said
HOOK
	chmod 755 "/run/hooks/$hook"
done
cat "$(disk agent)" >/run/sampan-agent
chmod 755 /run/sampan-agent
told service /run/sampan-agent --log info
EOF
vm_start other --kernel "$KERNEL" --cpus 1 --mem 256M --disk other.disk --disk under.disk --disk script,ro,id=script \
	--disk agent.disk,ro,id=agent --vsock uds=./other.v --append "console=ttyS0 quiet root=/dev/vda rw init=/init"
cases image short hvsock://./v.sock:1024 /dev/vdb
ended end-image image 30 0
cases erofs told hvsock://./erofs.v:1024 /dev/vdb
ended end-erofs erofs 30 0
cases other hooks hvsock://./other.v:1024 /dev/vdb
ended end-other other 30 0
guest_cases other service
cases initrd all vsock://42:1024 /dev/vda
ended end-initrd initrd 30 0
rm -f v.sock_* erofs.v_* other.v_*
expect nothing-left leftovers
