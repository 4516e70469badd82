# bash completion for sampan(1)
_sampan() {
	local cur=$2 prev=$3
	local options='--kernel --initrd --append --cpus --cpu --sbi --mem --disk --disk-slots --net --vsock --fs --console --virtio-console
		--api --name --irqchip --reboot --no-rng --rng-rate --gdb --log-level --log-file --pid-file
		--jail-user --no-jail --help'
	local words=''
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='run check ctl agent --help --version --print-policy'
	elif [ "${COMP_WORDS[1]}" = check ]; then
		words='--json --cpu --help'
	elif [ "${COMP_WORDS[1]}" = ctl ]; then
		[ "$COMP_CWORD" -eq 2 ] || [ "$prev" = plug ] ||
			words='status pause resume stop reset powerdown cpus devices disks plug unplug version
				raw --json'
	elif [ "${COMP_WORDS[1]}" = agent ]; then
		case $cur in
		-*) words='--timeout --list --help' ;;
		*) [ "$COMP_CWORD" -eq 2 ] && words='vsock:// hvsock:// unix://' ||
			words="stdin stdout stderr batch $("$1" agent --list 2>/dev/null | cut -d ' ' -f 1)" ;;
		esac
	elif [ "${COMP_WORDS[1]}" = run ]; then
		case $prev in
		--irqchip) words='auto aia aia-hwaccel aia-emul split aplic plic' ;;
		--cpu) words='host max min rva20 rva22 rva23' ;;
		--reboot) words='exit reset' ;;
		--log-level) words='error warn info debug' ;;
		--console | --virtio-console) words='stdio none file: socket: fd:' ;;
		--net) words='tap= fd=' ;;
		--vsock) words='cid= uds=' ;;
		--fs) words='socket=' ;;
		--kernel | --initrd | --disk | --api | --log-file | --pid-file) ;;
		*) words=$options ;;
		esac
	fi
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -F _sampan sampan
