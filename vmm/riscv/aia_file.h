/*
 * What is in a hart's interrupt file (RISC-V AIA 1.0 §3.8), by KVM's AIA device: enough to look for
 * a pending interrupt and to carry the file over a reset of the hart, which empties it. The hart
 * must not run.
 */
#ifndef SAMPAN_RISCV_AIA_FILE_H
#define SAMPAN_RISCV_AIA_FILE_H

#include "core/util.h"

#define AIA_FILE_WORDS 32 /* of 64 identities, 2047 at most */

struct aia_file {
	unsigned words; /* in use */
	uint64_t delivery, threshold;
	uint64_t pending[AIA_FILE_WORDS], enabled[AIA_FILE_WORDS];
};

/* 0 or -errno. ids is the number of identities. */
int aia_file_read(struct aia_file *f, int device, unsigned hart, unsigned ids) MUST_USE;
int aia_file_write(const struct aia_file *f, int device, unsigned hart) MUST_USE;

/* Whether an interrupt would go to the hart by now, whose file was f when it last ran. */
bool aia_file_has_interrupt(const struct aia_file *f, int device, unsigned hart);

#endif
