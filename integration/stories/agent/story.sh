# what: the guest agent: pods from a disk, exec, streams, signals, limits, bad input, from an initrd and from an image
# timeout: 600
# timeout-soak: 2400
. "$TOP/lib/told.sh"

# The agent's life, by what it is asked: see cases.py. ADDRESS DEVICE is where it is, and the container's disk in the guest.
cases() { # NAME WHICH ADDRESS DEVICE
	PYTHONPATH="$TOP/kata" python3 -u "$STORY/cases.py" "$@" "$([ -n "$SOAK" ] && echo 200 || echo 5)" || failed=1
}

cp "$GUEST/root.ext4" initrd.disk
cp "$GUEST/root.ext4" image.disk
vm_start initrd --kernel "$KERNEL" --initrd "$IMAGE/sampan-guest.initrd" --cpus 2 --mem 512M --disk initrd.disk \
	--vsock cid=42 --append "console=ttyS0 quiet agent.log=info"
vm_start image --kernel "$KERNEL" --cpus 1 --mem 256M --disk "$IMAGE/sampan-guest-ext4.img,ro" --disk image.disk \
	--vsock uds=./v.sock --append "console=ttyS0 quiet root=/dev/vda1 ro rootfstype=ext4 cgroup_no_v1=all agent.log=info"
cases image short hvsock://./v.sock:1024 /dev/vdb
ended end-image image 30 0
cases initrd all vsock://42:1024 /dev/vda
ended end-initrd initrd 30 0
rm -f v.sock_*
expect nothing-left leftovers
