# what: a host with an APLIC and no interrupt files: machines get an APLIC or a PLIC in user space, and say why
# host: --aia aplic
# timeout: 300
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
mode_boots plic 4
if [ -n "$SOAK" ]; then
	modes_with debian
	mode_boots aplic 1
fi
modes_down
expect chosen eval '"$SAMPAN" check >check.out && grep -q "^ok  interrupt mode chosen  *aplic\$" check.out'
expect nothing-left leftovers
