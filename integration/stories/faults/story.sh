# what: each KVM call of the bring-up fails once, with each error it can give: the monitor falls back, or ends with the sentence that names it
# by-name: not run to its end on this state
# timeout: 300
# timeout-soak: 2400

set -- --kernel "$KERNEL" --initrd "$GUEST/initrd-min.gz" --mem 64M --append "console=ttyS0 quiet panic=-1"

# calls FILE ARGS...: what a machine's main thread asks of KVM until its vCPUs have threads, in order: "NUMBER NAME".
calls() {
	file=$1
	shift
	strace -e trace=ioctl,clone,clone3 -o trace "$SAMPAN" run --console none "$@" </dev/null >base.out 2>&1 || return 1
	sed '/^clone/q' trace | awk '
		BEGIN {
			n = split("0x0 VERSION 0x1 CREATE_VM 0x3 CHECK_EXTENSION 0x4 RUN_SIZE 0x41 CREATE_VCPU 0x46 MEMORY 0x61 IRQ_LINE 0x76 IRQFD " \
				"0x86 INTERRUPT 0xab GET_ONE_REG 0xac SET_ONE_REG 0xe0 CREATE_DEVICE 0xe1 SET_DEVICE_ATTR 0xe2 GET_DEVICE_ATTR", word, " ")
			for (i = 1; i < n; i += 2) name[word[i] ""] = word[i + 1]
			name["0"] = "VERSION"
			n = 0
		}
		/^ioctl/ { n++ }
		/^ioctl.*, 0xae, / { split($0, part, ", "); print n, ((part[4] "") in name) ? name[part[4] ""] : "OTHER-" part[4] }' >"$file"
	awk '{ print $2 }' "$file" | sort | uniq -c
	[ -s "$file" ]
}

# What a call's failures are like. Registers that are not there are told by ENOENT.
errors_of() {
	case $1 in
	GET_ONE_REG) echo "ENOENT EINVAL" ;;
	SET_ONE_REG) echo "EINVAL EBUSY" ;;
	CREATE_VM | CREATE_VCPU) echo "ENOMEM EMFILE" ;;
	CREATE_DEVICE) echo "ENODEV EINVAL EEXIST" ;;
	SET_DEVICE_ATTR) echo "EINVAL EBUSY ENXIO" ;;
	GET_DEVICE_ATTR) echo "ENXIO EFAULT" ;;
	MEMORY) echo "ENOMEM EINVAL" ;;
	IRQFD) echo "EINVAL EBUSY" ;;
	*) echo EINVAL ;;
	esac
}
# Without SOAK: the first and the last of each kind.
chosen() { # FILE
	if [ -n "${SOAK-}" ]; then cat "$1"; else awk '{ last[$2] = $0 } !seen[$2]++ { print } END { for (kind in last) print last[kind] }' "$1" | sort -nu; fi
}

# A status of 0 (it went on without), or 1 with one line that names the step; in time, and nothing is left.
fault() { # NUMBER ERROR ARGS...
	number=$1 error=$2
	shift 2
	status=0
	timeout -k 5 $((40 * PATIENCE)) strace -e trace=ioctl -e "inject=ioctl:error=$error:when=$number" -o /dev/null "$SAMPAN" run \
		--console file:console --api sock "$@" </dev/null >fault.out 2>fault.err || status=$?
	[ ! -e sock ] || { echo "a socket is left"; return 1; }
	case $status in
	0) ! grep -q '^sampan: ' fault.err ;;
	3 | 4) # a host whose KVM has no F, D or C, which this guest's kernel can't do without
		[ "$error" = ENOENT ] ;;
	1) [ "$(grep -c '^sampan: ' fault.err)" = 1 ] && grep -q '^sampan: .*\(KVM\|vCPU\|interrupt\)' fault.err ;;
	*) false ;;
	esac
}

for mode in auto plic; do
	expect "calls-$mode" calls $mode.calls --irqchip $mode "$@"
	# what differs from the first list is the interrupt controller's
	if [ $mode = auto ]; then chosen auto.calls; else grep INTERRUPT plic.calls; fi >$mode.chosen
	tried=0 went_on=0 refused=0 bad=0
	while read -r number call; do
		for error in $(errors_of "$call"); do
			tried=$((tried + 1))
			if ! fault "$number" "$error" --irqchip $mode "$@"; then
				bad=$((bad + 1))
				case_fail "$mode-$number-$call-$error" "status $status: $(tr '\n' ' ' <fault.err)"
				end_of console
			elif [ "$status" = 0 ]; then
				went_on=$((went_on + 1))
			else
				refused=$((refused + 1))
				echo "$number $call $error: $(cat fault.err)"
			fi
		done
	done <$mode.chosen
	echo "$mode: $tried tried, $went_on went on, $refused refused, $bad bad"
	expect "all-$mode" test "$tried" -gt 0 -a "$bad" = 0
done
# one mode asked for by name, and a step of it that fails: no other is tried
forced() {
	fault "$(awk '$2 == "CREATE_DEVICE" { print $1; exit }' auto.calls)" ENODEV --irqchip aia "$@" && [ "$status" = 1 ] &&
		grep -q 'AIA (in kernel): create: No such device' fault.err
}
expect forced forced "$@"
# the interrupt files can't be laid out: the next mode, in a machine that is new
next_mode() {
	number=$(awk '$2 == "SET_DEVICE_ATTR" && ++n == 2 { print $1; exit }' auto.calls)
	timeout -k 5 $((40 * PATIENCE)) strace -e trace=ioctl -e "inject=ioctl:error=EINVAL:when=$number" -o /dev/null "$SAMPAN" run \
		--console file:console --log-level info "$@" </dev/null 2>next.err || return 1
	cat next.err
	grep -q 'AIA (auto): .*trying the next mode' next.err && grep -q 'interrupt controller: split' next.err
}
expect next-mode next_mode "$@"
