# bash completion for sampan(1)
_sampan() {
	local cur=$2 prev=$3
	local options='--kernel --initrd --append --cpus --mem --disk --net --vsock --console --virtio-console
		--api --name --irqchip --reboot --no-rng --rng-rate --log-level --log-file --pid-file --help'
	local words=''
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='run check ctl --help --version'
	elif [ "${COMP_WORDS[1]}" = check ]; then
		words='--json --help'
	elif [ "${COMP_WORDS[1]}" = ctl ]; then
		[ "$COMP_CWORD" -eq 2 ] ||
			words='status pause resume stop reset powerdown cpus devices version raw --json'
	elif [ "${COMP_WORDS[1]}" = run ]; then
		case $prev in
		--irqchip) words='auto aia aia-hwaccel aia-emul' ;;
		--reboot) words='exit reset' ;;
		--log-level) words='error warn info debug' ;;
		--console | --virtio-console) words='stdio none file: socket: fd:' ;;
		--net) words='tap= fd=' ;;
		--vsock) words='cid= uds=' ;;
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
