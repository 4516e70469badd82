# told.sh: for stories whose guest makes many checks: the guest tells cases, the host counts them. Sourced by a story.

# guest_script FILE <<EOF: as script_disk, with these words in front of the script:
#   told NAME COMMAND...   a case that passes if the command does       say WORDS   a line that the host waits for
#   disk ID                the device of the disk with that id          within SECONDS COMMAND...   until it succeeds
guest_script() {
	{
		cat <<'EOF'
told() { told_name=$1; shift; if "$@"; then say "told $told_name ok"; else say "told $told_name status $? of: $*"; fi; }
say() { printf '\n@ %s\n' "$*"; }
disk() { for d in /sys/block/vd*; do [ "$(cat "$d/serial")" != "$1" ] || echo "/dev/${d##*/}"; done; }
within() {
	until_then=$(($(date +%s) + $1))
	shift
	until "$@"; do [ "$(date +%s)" -lt "$until_then" ] || return 1; sleep 0.2; done
}
now() { cut -d' ' -f1 /proc/uptime; }
EOF
		cat
	} >"$1.text"
	script_disk "$1" <"$1.text"
}

# guest_says VM SECONDS WORDS...: waits for "say WORDS" of that guest.
guest_says() {
	vm=$1 seconds=$2
	shift 2
	wait_for "$vm.console" "^@ $*" "$seconds"
}

# guest_cases VM NAME...: the cases that the guest was to tell.
guest_cases() {
	vm=$1
	shift
	for told; do
		line=$(tr -d '\r' <"$vm.console" | sed -n "s/^@ told $told //p")
		case $line in
		ok) case_ok "$told" ;;
		*) case_fail "$told" "${line:-the guest did not come to it}" ;;
		esac
	done
}

# refused NAME PATTERN ARGS...: a case that passes if "sampan run" ends with 1 and one line that has PATTERN.
refused() {
	refused=$1 pattern=$2
	shift 2
	status=0
	timeout $((20 * PATIENCE)) "$SAMPAN" run --kernel "$KERNEL" --console none "$@" </dev/null >"refused.$refused" 2>&1 || status=$?
	if [ "$status" = 1 ] && grep -q -e "$pattern" "refused.$refused" && [ "$(wc -l <"refused.$refused")" = 1 ]; then
		case_ok "$refused"
	else
		case_fail "$refused" "status $status: $(tr '\n' ' ' <"refused.$refused")"
	fi
}

# ended NAME VM SECONDS STATUS: a case that passes if that machine ends in time with that status.
ended() {
	status=0
	vm_wait "$2" "$3" || status=$?
	if [ "$status" = "$4" ]; then
		case_ok "$1"
	else
		case_fail "$1" "status $status, not $4: $(tr '\n' ' ' <"$2.err")"
		end_of "$2.console"
	fi
}

# figure MEASURE SUBJECT VALUE UNIT: a result that decides nothing.
figure() { echo "$*" >>"$OUT/figures"; }
# rate MEASURE SUBJECT BYTES SECONDS
rate() { figure "$1" "$2" "$(echo "$3 $4" | awk '{ printf "%.3f", $1 / 1e6 / ($2 > 0 ? $2 : 0.01) }')" MB/s; }
now() { cut -d' ' -f1 /proc/uptime; }
# since TIME: seconds
since() { echo "$1 $(now)" | awk '{ printf "%.2f", $2 - $1 }'; }

# The list that an ISA string stands for, a name a line.
isa_set() {
	echo "$1" | tr -d ' ' | sed 's/^rv64//' | awk '{
		n = split($1, part, "_")
		for (i = 1; i <= length(part[1]); i++) print substr(part[1], i, 1)
		for (i = 2; i <= n; i++) print part[i]
	}' | sort -u
}
