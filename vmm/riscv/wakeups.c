/* Lost wake-ups; see wakeups.h. */
#include "riscv/wakeups.h"

#include <stdio.h>

/* An unreadable release is taken for an old one. */
static bool older(const char *release, unsigned major, unsigned minor)
{
	unsigned a = 0, b = 0;

	if (sscanf(release, "%u.%u", &a, &b) != 2)
		return true;
	return a < major || (a == major && b < minor);
}

unsigned wakeups_lost(const char *release, bool guest_files, bool sstc_hidden)
{
	return (guest_files && older(release, 6, 18) ? WAKEUPS_FILES : 0) |
		(sstc_hidden ? WAKEUPS_TIMER : 0);
}

bool wakeups_timer_suspect(uint64_t time, uint64_t compare, uint32_t timebase)
{
	return compare > time && compare - time > timebase / WAKEUPS_PER_SECOND;
}
