#!/bin/sh
# Runs on the RISC-V host, in a directory that holds bin/ and guest.sh.
cache=${CACHE:-/cache}
echo "== the host: $(uname -srm)"
bin/sampan check
work=$(mktemp -d)
cp "$cache/guest/current/root.ext4" "$work/root.ext4"
set -- run --kernel "$cache/kernel/current/Image" --cpus 2 --mem 512M --append "console=ttyS0 root=/dev/vda rw init=/init quiet panic=-1" \
	--disk "$work/root.ext4" --disk "guest.sh,ro,id=script"
echo
echo "== the microVM: sampan $*"
began=$(cut -d' ' -f1 /proc/uptime)
bin/sampan "$@" </dev/null | while IFS= read -r line; do
	echo "$line"
	case $line in
	"guest: up after "*) echo "host: from exec to init in $(echo "$began $(cut -d' ' -f1 /proc/uptime)" | awk '{ printf "%.2f", $2 - $1 }') s" ;;
	esac
done
rm -rf "$work"
