# Kernels, initrds, disks, sockets and other paths.
refuse kernel-missing 1 'open kernel nowhere: No such file' --kernel nowhere
refuse kernel-empty 1 'open kernel empty: the file is empty' --kernel empty
refuse kernel-directory 1 'open kernel dir: Is a directory' --kernel dir
refuse kernel-fifo 1 'open kernel fifo: it is not a regular file' --kernel fifo
refuse kernel-device 1 'open kernel /dev/zero: it is not a regular file' --kernel /dev/zero
refuse kernel-under-file 1 'open kernel file/x: Not a directory' --kernel file/x
refuse kernel-truncated 1 'load truncated: the file is truncated' --kernel truncated
refuse kernel-truncated-gz 1 'load truncated.gz: the compressed file is truncated' --kernel truncated.gz
refuse kernel-truncated-elf 1 'load truncated.elf: ' --kernel truncated.elf
refuse kernel-x86 1 'load x86: it is a kernel for x86, not for riscv64' --kernel x86
refuse kernel-x86-elf 1 'load x86.elf: it is an ELF file for machine 62, not for riscv64' --kernel x86.elf
refuse kernel-arm64 1 'load arm64: it is a kernel for arm64, not for riscv64' --kernel arm64
refuse kernel-big-endian 1 'load big-endian: it is a big-endian kernel' --kernel big-endian
refuse kernel-random 1 'load random: it is no RISC-V kernel' --kernel random
refuse kernel-short 1 'load file: the file is too short' --kernel file
refuse kernel-terminal-bytes 1 'open kernel a?\[31mb?c: No such file' --kernel "$(printf 'a\033[31mb\001c')"
refuse initrd-missing 1 'open initrd nowhere: No such file' --initrd nowhere
refuse initrd-empty 1 'open initrd empty: the file is empty' --initrd empty
refuse initrd-fifo 1 'open initrd fifo: it is not a regular file' --initrd fifo
refuse initrd-large 1 "load initrd big-initrd: * don't fit in the guest's 64 MiB" --initrd big-initrd

refuse disk-missing 1 'disk nowhere: No such file' --disk nowhere
refuse disk-second-missing 1 'disk nowhere: No such file' --disk disk --disk nowhere
refuse disk-directory 1 'disk dir is a directory' --disk dir
refuse disk-empty 1 'disk empty is empty' --disk empty
refuse disk-fifo 1 'disk fifo is a FIFO' --disk fifo
refuse disk-fifo-ro 1 'disk fifo is a FIFO' --disk fifo,ro
refuse disk-character-device 1 'disk /dev/zero is a character device' --disk /dev/zero
refuse disk-twice 1 'disk disk is in use' --disk disk --disk disk
refuse disk-comma 1 'disk a,b: No such file' --disk a,,b

long_path=$(head -c 120 /dev/zero | tr '\0' s)
refuse api-too-long 1 "$long_path is longer than the 107 bytes" --api "$long_path"
refuse api-no-directory 1 'nowhere/s: No such file' --api nowhere/s
refuse api-directory 1 'dir: the path exists and is no socket' --api dir
refuse api-file 1 'file: the path exists and is no socket' --api file
refuse api-fifo 1 'fifo: the path exists and is no socket' --api fifo
refuse uds-too-long 1 "$long_path is longer than" --vsock uds="$long_path"
refuse uds-no-directory 1 'nowhere/s: No such file' --vsock uds=nowhere/s
refuse uds-file 1 'file: the path exists and is no socket' --vsock uds=file
refuse console-socket-too-long 1 "$long_path is longer than" --console socket:"$long_path"
refuse console-socket-file 1 'file: the path exists and is no socket' --console socket:file
refuse console-file-directory 1 'dir for writing: Is a directory' --console file:dir
refuse console-file-no-directory 1 'nowhere/x for writing: No such file' --console file:nowhere/x
ln -s target link
refuse console-file-link 1 'link for writing: it is a symbolic link' --console file:link
refuse port-file-directory 1 'dir for writing: Is a directory' --virtio-console file:dir
refuse same-socket-twice 1 'one.sock: another process is listening there' --console socket:one.sock --virtio-console socket:one.sock
refuse log-file-directory 1 'open log file dir: Is a directory' --log-file dir
refuse log-file-no-directory 1 'open log file nowhere/x: No such file' --log-file nowhere/x
refuse pid-file-directory 1 'pid file dir: ' --pid-file dir
refuse pid-file-no-directory 1 'pid file nowhere/x: No such file' --pid-file nowhere/x
refuse pid-file-fifo 1 'pid file fifo: it exists and is no regular file' --pid-file fifo
expect files-untouched eval '[ "$(cat file)" = precious ] && [ ! -e target ] && cmp -n 1048576 disk /dev/zero'
