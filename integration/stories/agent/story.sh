# what: the guest agent: pods from a disk, streams, signals, limits, bad input; from an initrd, an image, under another init
# timeout: 600
# timeout-soak: 2400
. "$TOP/lib/told.sh"

# The agent's life, by what it is asked: see cases.py. ADDRESS DEVICE is where it is, and the container's disk in the guest.
cases() { # NAME WHICH ADDRESS DEVICE
	cycles=5
	[ -z "$SOAK" ] || cycles=200
	PYTHONPATH="$TOP/kata" python3 -u "$STORY/cases.py" "$@" "$cycles" || failed=1
}

cp "$GUEST/root.ext4" initrd.disk
cp "$GUEST/root.ext4" image.disk
vm_start initrd --kernel "$KERNEL" --initrd "$IMAGE/sampan-guest.initrd" --cpus 2 --mem 512M --disk initrd.disk \
	--vsock cid=42 --append "console=ttyS0 quiet agent.log=info"
vm_start image --kernel "$KERNEL" --cpus 1 --mem 256M --disk "$IMAGE/sampan-guest-ext4.img,ro" --disk image.disk \
	--vsock uds=./v.sock --append "console=ttyS0 quiet root=/dev/vda1 ro rootfstype=ext4 cgroup_no_v1=all agent.log=info"
# Under another init: the test guest's, whose script starts the agent, and ends with it.
cp "$GUEST/root.ext4" other.disk
cp "$GUEST/root.ext4" under.disk
cp "$TOP/bin/sampan-agent" agent.disk
truncate -s %512 agent.disk
guest_script script <<'EOF'
cat "$(disk agent)" >/run/sampan-agent
chmod 755 /run/sampan-agent
told service /run/sampan-agent --log info
EOF
vm_start other --kernel "$KERNEL" --cpus 1 --mem 256M --disk other.disk --disk under.disk --disk script,ro,id=script \
	--disk agent.disk,ro,id=agent --vsock uds=./other.v --append "console=ttyS0 quiet root=/dev/vda rw init=/init"
cases image short hvsock://./v.sock:1024 /dev/vdb
ended end-image image 30 0
cases other short hvsock://./other.v:1024 /dev/vdb
ended end-other other 30 0
guest_cases other service
cases initrd all vsock://42:1024 /dev/vda
ended end-initrd initrd 30 0
rm -f v.sock_* other.v_*
expect nothing-left leftovers
