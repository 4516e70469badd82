# what: bad input gives one line that names the object, status 1 or 2, and leaves nothing behind
# timeout: 420

mkdir dir
mkfifo fifo
: >empty
echo precious >file
head -c 300000 /dev/urandom >random
head -c 3000000 "$KERNEL" >truncated
head -c 1000000 "$KERNELS/Image.gz" >truncated.gz
head -c 3000000 "$KERNELS/vmlinux" >truncated.elf
truncate -s 1M disk
cp disk disk0444
chmod 444 disk0444
truncate -s 400M big-initrd

# patch FILE OFFSET BYTES (as printf writes them): a copy of the kernel's first bytes that says it is something else
patch() {
	head -c 65536 "$KERNEL" >"$1"
	# shellcheck disable=SC2059 # a format it is
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
patch x86 56 '\0\0\0\0'
printf 'HdrS' | dd of=x86 bs=1 seek=514 conv=notrunc 2>/dev/null
printf '\125\252' | dd of=x86 bs=1 seek=510 conv=notrunc 2>/dev/null
patch arm64 56 'ARM\144'
patch big-endian 24 '\001'
printf '\177ELF\002\001\001' >x86.elf
head -c 100 /dev/zero >>x86.elf
printf '\002\0\076\0' | dd of=x86.elf bs=1 seek=16 conv=notrunc 2>/dev/null

sh "$STORY/without" true || exit 1 # the means that cases need

# told STATUS PATTERN: sets $reason to why out, err and $status are not those of a refusal; empty if they are. The shell alone
# does it: a process more in each of 180 cases would be half the story's time.
told() {
	sentence='' more=''
	{
		IFS= read -r sentence
		IFS= read -r more
	} <err
	reason=''
	# shellcheck disable=SC2254 # a pattern it is
	case $sentence in
	*[![:print:]]*) reason="a control byte on stderr" ;;
	"sampan: "*$2*) ;;
	*) reason="stderr lacks \"$2\"" ;;
	esac
	[ -z "$more" ] || reason="more than a line on stderr"
	[ "$status" = "$1" ] || reason="status $status, not $1"
	[ ! -s out ] || reason="something on stdout"
	[ ! -e case.sock ] && [ ! -e case.pid ] || reason="the API socket or pid file is left"
	[ "$links" = "$(echo /sys/class/net/*)" ] || reason="network interfaces differ"
}

# refuse NAME STATUS PATTERN ARGS...: "sampan run ARGS", with a kernel, an API socket and so on where ARGS has none
# of its own, ends with that status and one line that has PATTERN (a shell's) in it, within 10 s. $with is what to run it under, words.
with=
links=$(echo /sys/class/net/*)
refuse() {
	name=$1 want=$2 pattern=$3
	shift 3
	for pair in --kernel="$KERNEL" --api=case.sock --pid-file=case.pid --console=none --mem=64M; do
		case " $* " in *" ${pair%%=*}"[\ =]*) ;; *) set -- "$@" "$pair" ;; esac
	done
	sampan_fails "$name" "$want" "$pattern" run "$@"
}

# sampan_fails NAME STATUS PATTERN WORDS...: the same for any sub-command
sampan_fails() {
	name=$1 want=$2 pattern=$3
	shift 3
	status=0
	# shellcheck disable=SC2086 # words
	timeout -s KILL 10 $with "$SAMPAN" "$@" </dev/null >out 2>err || status=$?
	told "$want" "$pattern"
	if [ -z "$reason" ]; then
		case_ok "$name"
	else
		echo "$reason: sampan $*" | head -c 400
		echo
		cat out err
		case_fail "$name" "$reason"
		rm -f case.sock case.pid
	fi
}

# What told must catch.
status=1
: >out
printf 'sampan: a\033b\n' >err
told 1 a
[ -n "$reason" ] || case_fail self-test "a control byte passes"
printf 'sampan: a\nb\n' >err
told 1 a
[ -n "$reason" ] || case_fail self-test "two lines pass"
printf 'sampan: a\n' >err
told 1 a
[ -z "$reason" ] || case_fail self-test "$reason"

for part in words files devices host random; do
	# shellcheck disable=SC1090 # beside this one
	. "$STORY/$part.sh"
done
expect nothing-left leftovers
