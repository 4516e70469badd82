/*
 * CPUs and memory that the monitor has plugged: brought into use through sysfs. Blocking; any
 * thread. sys is "/sys", or a test's.
 */
#ifndef SAMPAN_AGENT_HOTPLUG_H
#define SAMPAN_AGENT_HOTPLUG_H

#include "core/err.h"

struct uevents;

/*
 * Writes 1 to the "online" of CPUs that are not in use until count are, waiting for more to appear
 * (uevents may be NULL: looks again every 50 ms) up to timeout_ms. -ETIMEDOUT with a sentence.
 */
int hotplug_cpus(const char *sys, struct uevents *uevents, unsigned count, unsigned timeout_ms,
	struct err *err) MUST_USE;

/* All memory blocks that there are. A kernel without memory hot-plug has none. */
int hotplug_memory(const char *sys, struct err *err) MUST_USE;

/* Tells the kernel of memory blocks at these addresses. */
int hotplug_probe(const char *sys, const uint64_t *addrs, size_t n, struct err *err) MUST_USE;

/* The size of a memory block in bytes; never 0. */
uint64_t hotplug_block_size(const char *sys);
bool hotplug_can_probe(const char *sys);

#endif
