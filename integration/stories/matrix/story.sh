# what: on this kind of host, each interrupt mode it allows x our guest and Debian's x 1 and 4 vCPUs; all of them by make matrix
# by-name: passed on an earlier state, not run to its end on this one
# timeout: 300
# timeout-soak: 1500
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
"$SAMPAN" check >check.out
# a part that is the same every time, or all
cells() {
	if [ -n "${SOAK-}" ]; then
		for mode in $(sed -n 's/^ok  interrupt mode  *//p' check.out); do
			for guest in ours debian; do for cpus in 1 4; do echo "$mode $guest $cpus"; done; done
		done
	else
		echo "aplic debian 1
		split debian 2
		plic debian 4"
	fi
}
cells >cells
while read -r mode guest cpus; do
	modes_with "$guest"
	modes_prefix=$guest-
	mode_boots "$mode" "$cpus"
done <cells
modes_down
expect nothing-left leftovers
