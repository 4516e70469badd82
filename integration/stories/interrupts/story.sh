# what: no interrupt is lost in any mode: requests one by one and in bursts, while the interrupt moves between CPUs; kicks stay in the kernel; how many a second
# timeout: 400
# timeout-soak: 7200
. "$TOP/lib/told.sh"

# One request at a time: the next one is made when the interrupt of the last has been served, so a lost one is a request that never ends.
# Bursts: several readers, whose interrupts merge; the handler must run after the last. Meanwhile the interrupt goes from CPU to CPU.
guest_script script <<'EOF'
irq=$(sed -n 's/^ *\([0-9]*\):.* virtio0$/\1/p' /proc/interrupts)
total() { awk -v irq="$irq:" '$1 == irq { print $2 + $3 }' /proc/interrupts; }
echo 0 >/sys/block/vda/queue/read_ahead_kb # a request a page
reads() { dd if=/dev/vda of=/dev/null bs=4096 count="$1" skip="${2:-0}" 2>/dev/null; } # COUNT FROM
forget() { echo 1 >/proc/sys/vm/drop_caches; }
move() { while :; do for cpu in 0 1; do echo $cpu >"/proc/irq/$irq/smp_affinity_list"; sleep 0.05; done; done; }
say begins
sleep 2 # the host reads KVM's counters
first=$(total) from=$(now)
reads "$count"
to=$(now) last=$(total)
say "took $from $to $first $last"
told one-by-one test "$((last - first))" -ge "$count"
move &
mover=$!
forget
told moving reads "$count"
forget
burst() {
	readers=
	for i in 1 2 3 4 5 6 7 8; do
		reads $((count / 8)) $((i * count / 8)) &
		readers="$readers $!"
	done
	wait $readers
}
told bursts burst
kill $mover
say over
sleep 2
EOF
grep -q ' /sys/kernel/debug ' /proc/mounts || mount -t debugfs debugfs /sys/kernel/debug
truncate -s 5G some.disk # holes: nothing is read from anywhere

# kicks VM: accesses to devices so far that KVM handled itself, by its own count: all but a few are kicks that went to an ioeventfd
kicks() { cat /sys/kernel/debug/kvm/"$(cat "$1.pid")"-*/mmio_exit_kernel; }
kicks_stay_in_kernel() { # BEFORE COUNT: at least so many since
	kicked=$(($(kicks "$name") - $1))
	[ "$kicked" -ge "$2" ] || { echo "$kicked kicks stayed in the kernel"; return 1; }
}
mode() { # MODE COUNT
	name=$1 count=$2
	vm_start "$name" --kernel "$KERNEL" --initrd "$GUEST/initrd.gz" --mem 64M --cpus 2 --irqchip "$name" --disk some.disk,ro,queues=1 \
		--disk script,ro,id=script --append "console=ttyS0 quiet panic=-1 guest.count=$count"
	case $name in
	aia*)
		guest_says "$name" 60 begins && before=$(kicks "$name")
		guest_says "$name" $((30 + count / 100)) over && expect "$name-kicks-stay-in-kernel" kicks_stay_in_kernel "$before" $((2 * count))
		;;
	esac
	ended "$name" "$name" $((60 + count / 100)) 0
	for told in one-by-one moving bursts; do
		line=$(tr -d '\r' <"$name.console" | sed -n "s/^@ told $told //p")
		if [ "$line" = ok ]; then case_ok "$name-$told"; else case_fail "$name-$told" "${line:-the guest did not come to it}"; fi
	done
	tr -d '\r' <"$name.console" | sed -n 's/^@ took //p' | while read -r from to first last; do
		figure interrupts "$name" "$(echo "$from $to $first $last" | awk '{ printf "%.0f", ($4 - $3) / ($2 - $1) }')" per_second
	done
}
for name in aia aia-emul split aplic plic; do
	count=800 # three times, in each of five modes: more than 10^4; under SOAK 10^6 in a mode of the kernel's, 10^5 in one of ours
	[ -z "${SOAK-}" ] || case $name in aia*) count=334000 ;; *) count=33400 ;; esac
	mode $name $count
done
expect nothing-left leftovers
