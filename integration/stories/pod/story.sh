# what: pods through containerd 1.7 and 2 by the CRI: two containers, a kill, a refusal; $PARTS has the rest ("life1 kills2 blocks2")
# needs: pods
# timeout: 600
# timeout-soak: 14400
. "$TOP/lib/told.sh"
. "$TOP/lib/pods.sh"
# smoke is what "make check" shows. life: all that a pod can do; several: three at once; kills, restarts: of its processes, of containerd;
# sequence: memory and descriptors stay; bad: what can't run; run: ctr, without a pod; blocks: root file systems that are disks.
all='life several kills restarts sequence bad run blocks'
for part in smoke life several kills bad blocks sequence; do . "$STORY/$part.sh"; done

# few is for "make check", many for "make soak"
few() { if [ -n "$SOAK" ]; then echo "$2"; else echo "$1"; fi; }

# With which containerd it was.
case_ok() { echo "case $1-$generation ok"; }
case_fail() { # NAME REASON
	failed=1
	echo "case $1-$generation FAIL ${2:-}"
}
figure() { # MEASURE SUBJECT VALUE UNIT
	measure=$1
	shift
	echo "$measure-$generation $*" >>"$OUT/figures"
}

trap 'ended=$?; pods_abandon; (exit $ended); story_end' EXIT
held >before

# parts PART...: in one life of containerd; nothing is held after it
parts() {
	pods_up "$generation" || { case_fail up "containerd does not come up"; return; }
	case_ok up
	figure containerd start "$containerd_took" s
	for part; do
		sampan_config
		part_began=$(now)
		"pod_$part"
		figure pod "$part" "$(since "$part_began")" s
	done
	expect down pods_down
	expect down-released released before
}

chosen=${PARTS:-$(few 'smoke1 smoke2' "$(for part in $all; do echo "${part}1 ${part}2"; done)")}
for generation in 1 2; do
	# shellcheck disable=SC2046 # words
	set -- $(for part in $chosen; do [ "$part" = "${part%"$generation"}" ] || echo "${part%"$generation"}"; done)
	[ $# = 0 ] || parts "$@"
done
