/*
 * The guest's pid 1: what a process needs to find when it starts, and the end of the machine.
 * Before there are threads, and after.
 */
#ifndef SAMPAN_AGENT_INIT_H
#define SAMPAN_AGENT_INIT_H

#include "core/err.h"

/* The least that must be there to serve: /proc, and descriptors 0 to 2. On an initramfs also moves
 * the root onto a mount of itself, because pivot_root, which crun needs, refuses the first root. */
void init_first(void);

/* All else: /sys, /dev, /run, cgroups, the loopback interface. What is there already is left. */
void init_rest(void);

/* As a service of another init: orphans below us come to us. */
int init_subreaper(struct err *err) MUST_USE;

NORETURN void init_power_off(void);

#endif
