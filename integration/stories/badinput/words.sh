# Refused by the command line alone.
long=$(head -c 5000 /dev/zero | tr '\0' x)

sampan_fails no-command 2 'no command is given'
sampan_fails unknown-command 2 'unknown command "frobnicate"' frobnicate
sampan_fails check-unknown-option 2 'unknown option --bogus' check --bogus
sampan_fails check-argument 2 'unexpected argument "x"' check x
sampan_fails ctl-nothing 2 'ctl' ctl
sampan_fails ctl-no-socket 1 'nowhere.sock: No such file' ctl nowhere.sock status
sampan_fails ctl-unknown 2 'frobnicate' ctl nowhere.sock frobnicate
sampan_fails no-kernel 2 'no kernel is given' run
refuse unknown-option 2 'unknown option --frobnicate' --frobnicate
refuse unknown-option-value 2 'unknown option --frobnicate' --frobnicate=7
refuse one-dash 2 'unknown option -kernel' -kernel x
refuse argument 2 'unexpected argument "stray"' stray
refuse repeated-cpus 2 'option --cpus is given twice' --cpus 1 --cpus 2
refuse repeated-kernel 2 'option --kernel is given twice' --kernel "$KERNEL" --kernel "$KERNEL"
refuse repeated-flag 2 'option --no-rng is given twice' --no-rng --no-rng
refuse repeated-key 2 'disk: key "id" is given twice' --disk disk,id=a,id=b
refuse unknown-key 2 'disk: unknown key "rw"' --disk disk,rw
refuse no-value 2 'option --cpus needs a value' --mem 64M --cpus
refuse no-value-between 2 'option --cpus needs a value' --cpus --no-rng
refuse flag-with-value 2 'option --no-rng takes no value' --no-rng=1
refuse empty-kernel 2 'kernel: the path is empty' --kernel ''
refuse empty-disk 2 'disk: the value is empty' --disk ''
refuse empty-disk-id 2 'disk: key "id" needs a value' --disk disk,id=
refuse empty-key 2 'disk: a key is missing' --disk disk,,,ro,
refuse empty-api 2 'api: the path is empty' --api ''
refuse empty-pid-file 2 'pid-file: the path is empty' --pid-file=
refuse empty-cpus 2 'cpus: ' --cpus ''
refuse empty-name 2 'name: ' --name ''

refuse mem-0 2 'mem: 0 bytes are too few' --mem 0
refuse mem-1 2 'mem: 1 bytes are too few' --mem 1
refuse mem-word 2 'mem: "lots" is not a size' --mem lots
refuse mem-unit 2 'mem: "64X" is not a size' --mem 64X
refuse mem-negative 2 'mem: "-64M" is not a size' --mem -64M
refuse mem-fraction 2 'mem: "1.5G" is not a size' --mem 1.5G
refuse mem-hex 2 'mem: "0x10000000" is not a size' --mem 0x10000000
refuse mem-overflow 2 'mem: "99999999999999999999" is not a size' --mem 99999999999999999999
refuse mem-overflow-unit 2 'mem: "99999999999T" is not a size' --mem 99999999999T
refuse mem-odd 2 'mem: 67108865 bytes are not a multiple of 2M' --mem 67108865
refuse mem-key 2 'mem: unknown key "fast"' --mem 64M,fast

refuse cpus-0 2 'cpus: 0 is out of range (1 to 64)' --cpus 0
refuse cpus-10000 2 'cpus: 10000 is out of range' --cpus 10000
refuse cpus-65 2 'cpus: 65 is out of range' --cpus 65
refuse cpus-word 2 'cpus: "abc" is not a number' --cpus abc
refuse cpus-negative 2 'cpus: "-1" is not a number' --cpus -1
refuse cpus-overflow 2 'cpus: *99999999999999999999' --cpus 99999999999999999999
refuse cpus-max-less 2 'cpus: max=2 is less than the 4' --cpus 4,max=2
refuse cpus-max-huge 2 'cpus: max: 65 is out of range' --cpus 4,max=65

refuse cid-0 2 'vsock: cid: 0 is out of range' --vsock cid=0
refuse cid-1 2 'vsock: cid: 1 is out of range' --vsock cid=1
refuse cid-2 2 'vsock: cid: 2 is out of range' --vsock cid=2
refuse cid-huge 2 'vsock: cid: 4294967295 is out of range' --vsock cid=4294967295
refuse cid-huger 2 'vsock: cid: 99999999999 is out of range' --vsock cid=99999999999
refuse cid-word 2 'vsock: cid: "abc" is not a number' --vsock cid=abc
refuse vsock-nothing 2 'vsock: ' --vsock ''
refuse vsock-both 2 'fd= and uds= exclude each other' --vsock uds=v.sock,fd=0

refuse irqchip 2 'irqchip: *"pic"' --irqchip pic
refuse reboot 2 'reboot: *"maybe"' --reboot maybe
refuse log-level 2 'log-level: "loud" is none of' --log-level loud
refuse console 2 'console: "tty" is none of' --console tty
refuse console-no-path 2 'console: "file:" is none of' --console file:
refuse two-on-stdio 2 'more than one console is to be on stdio' --console stdio --virtio-console stdio
refuse append-long 2 'append: 5000 bytes are more than' --append "$long"
refuse name-long 2 'name: ' --name "$long"
refuse name-control 2 'name: ' --name "$(printf 'a\033]0;b\007')"
refuse control-bytes 2 'unknown option --?\[31m' "$(printf -- '--\033[31m')"
refuse mac 2 'net: mac: "zz" is not a MAC address' --net tap=t,mac=zz
refuse net-nothing 2 'net: either tap=NAME or fd=N' --net mtu=1500
refuse net-both 2 'net: either tap=NAME or fd=N' --net tap=t,fd=0
refuse tap-name-long 2 'net: tap: "abcdefghijklmnopq" is longer than' --net tap=abcdefghijklmnopq
refuse fd-closed 2 'net: fd: descriptor 77 is not open' --net fd=77
refuse fd-word 2 'net: fd: "x" is not a' --net fd=x
refuse fd-twice 2 'descriptor 0 is given twice' --net fd=0 --console fd:0

set -- # 100 disks
while [ $# -lt 200 ]; do set -- "$@" --disk disk,ro; done
refuse disks-100 2 'disk: more than 26 disks' "$@"
