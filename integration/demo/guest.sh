# Runs in the guest, from a disk of its own.
say() { echo; echo "== $*"; }
tree() { (cd "$1" && find . -maxdepth 1 -mindepth 1 | sed 's/^/  /' | sort); }
say "/proc/cpuinfo"; grep -E "hart|isa|mmu" /proc/cpuinfo
say "/proc/interrupts"; cat /proc/interrupts
say "/proc/device-tree/soc"; tree /proc/device-tree/soc
for node in /proc/device-tree/soc/interrupt-controller@*; do
	echo "  ${node##*/}: $(tr '\0' ' ' <"$node/compatible")"
done
say "root file system"; grep " / " /proc/mounts
say "memory"; grep -E "MemTotal|MemAvailable" /proc/meminfo
say "a container, by crun from the OCI bundle in /bundle"; crun run -b /bundle demo
