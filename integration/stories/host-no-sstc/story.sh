# what: a host without Sstc, Svadu, Zicbom and Zicboz: a guest with every device boots
# host: --cpu rv64,h=true,sstc=false,svadu=false,zicbom=false,zicboz=false --aia aplic --cpus 1
# timeout: 200
. "$TOP/lib/told.sh"
. "$TOP/lib/modes.sh"

modes_guest script
modes_up
mode_boots aplic 2
[ -z "$SOAK" ] || mode_boots plic 1
modes_down
expect nothing-left leftovers
