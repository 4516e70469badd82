# what: pods through containerd 1.7 and 2 by the CRI: a whole life, several at once, network, kills, bad input, ctr run, block snapshotters
# by-name: its parts passed with runc outside the emulated host; not run to its end with sampan
# needs: pods
# timeout: 420
# timeout-soak: 14400
. "$TOP/lib/told.sh"
. "$TOP/lib/pods.sh"
for part in life several kills bad blocks sequence; do . "$STORY/$part.sh"; done

# few is for "make check", many for "make soak"
few() { if [ -n "$SOAK" ]; then echo "$2"; else echo "$1"; fi; }

sampan_config
trap 'ended=$?; pods_abandon; (exit $ended); story_end' EXIT
held >before

# parts GENERATION PART...: in one life of that containerd; nothing is held after it
parts() {
	generation=$1
	shift
	pods_up "$generation" || { case_fail "up$generation" "containerd does not come up"; return; }
	case_ok "up$generation"
	figure containerd "start-$generation" "$containerd_took" s
	for part; do
		part_began=$(now)
		"pod_$part"
		figure pod "$part$generation" "$(since "$part_began")" s
	done
	expect "down$generation" pods_down
	expect "released$generation" released before
}

# shellcheck disable=SC2046 # words
parts 1 $(few 'life several kills sequence bad run blocks' 'life several kills restarts sequence bad run blocks')
# shellcheck disable=SC2046 # words
parts 2 $(few 'life blocks' 'life several kills restarts sequence bad run blocks')
