/*
 * pvpanic ("qemu,pvpanic-mmio"): one byte in which a guest's kernel tells that it panicked. No
 * state but what was told already; any vCPU thread.
 */
#ifndef SAMPAN_DEV_PVPANIC_H
#define SAMPAN_DEV_PVPANIC_H

#include "core/err.h"

#define PVPANIC_SIZE 2 /* bytes of address space; the second is reserved */

struct pvpanic;

/* on_panic is called in the vCPU's thread, once until pvpanic_reset(), however often the guest says
 * it. */
int pvpanic_new(struct pvpanic **out, void (*on_panic)(void *arg), void *arg, struct err *err)
	MUST_USE;
void pvpanic_free(struct pvpanic *p);

void pvpanic_read(struct pvpanic *p, uint64_t off, void *data, unsigned len);
void pvpanic_write(struct pvpanic *p, uint64_t off, const void *data, unsigned len);
void pvpanic_reset(struct pvpanic *p);

#endif
