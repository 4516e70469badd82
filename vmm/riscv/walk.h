/*
 * A guest's virtual addresses, as a hart's satp has them (privileged specification, chapter "Sv39",
 * and those of Sv48, Sv57 and Svnapot). Pure, over guest memory; the tables are the guest's and may
 * say anything.
 */
#ifndef SAMPAN_RISCV_WALK_H
#define SAMPAN_RISCV_WALK_H

#include "mem/mem.h"

/* 0, or -EFAULT where nothing is mapped. Without translation (satp 0) an address is what it is. */
int walk(const struct mem *mem, uint64_t satp, uint64_t va, uint64_t *gpa) MUST_USE;

#endif
