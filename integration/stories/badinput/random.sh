# 60 hostile command lines (200 under $SOAK), always the same ones. No kernel among them can boot, but much else is good.
hostile_want=60
[ -z "$SOAK" ] || hostile_want=200
awk -f "$STORY/random.awk" | head -n "$hostile_want" >lines
hostile_bad=
hostile_count=0
control=$(awk 'BEGIN { for (i = 1; i < 32; i++) if (i != 10) printf "%c", i; printf "%c", 127 }')
before=
mkdir scratch
cd scratch || exit 1
cp ../random random
: >empty
truncate -s 1M disk

hostile() {
	hostile_count=$((hostile_count + 1))
	[ -s random ] || cp ../random random
	status=0
	timeout -s KILL 10 "$SAMPAN" "$@" </dev/null >../out 2>../err || status=$?
	told_line='' more='' reason=''
	{
		IFS= read -r told_line
		IFS= read -r more
	} <../err
	case $status in 0) [ -z "$told_line" ] ;; 1 | 2) [ -n "$told_line" ] ;; *) false ;; esac || reason="status $status"
	case $status$1 in 1check) reason='' ;; esac
	[ -z "$more" ] || reason="$reason lines"
	case $told_line in *["$control"]*) reason="$reason control" ;; esac
	[ "$before" = "$(echo *)" ] || before=$(echo *) && [ -z "$(find . -type s)" ] || reason="$reason socket"
	[ -z "$reason" ] && return
	hostile_bad="$hostile_bad $hostile_count:$reason;"
	echo "hostile line $hostile_count: $reason"
	sed -n "${hostile_count}p" ../lines | cat -v | head -c 1000
	head -n 5 ../err
	find . -type s -exec rm {} +
}
# shellcheck disable=SC1091 # made above
. ../lines
cd ..
if [ "$hostile_count" = "$hostile_want" ] && [ -z "$hostile_bad" ]; then case_ok random; else case_fail random "$hostile_count lines;$hostile_bad"; fi
