/*
 * The registers of an APLIC with one interrupt domain, a supervisor's (RISC-V AIA 1.0 chapter 4):
 * wired sources in, lines to harts or MSIs out.
 *
 * A pure model: no lock, no ioctl, no thread. Whoever owns it calls it under a lock of its own and
 * is called back, within that call, when a hart's line changes or an MSI is to be sent. Which
 * delivery modes there are is said at the start; with both, domaincfg.DM chooses. All state is in
 * the struct, so that it can be saved as it lies.
 */
#ifndef SAMPAN_RISCV_APLIC_H
#define SAMPAN_RISCV_APLIC_H

#include "core/util.h"

#ifndef APLIC_MAX_SOURCES /* proofs have fewer */
#define APLIC_MAX_SOURCES 127
#define APLIC_MAX_HARTS	  64
#endif
#define APLIC_IDC      0x4000U /* hart n's registers for direct delivery at + n * 0x20 */
#define APLIC_IDC_SIZE 0x20U

enum { APLIC_DIRECT = 1, APLIC_MSI = 2 }; /* delivery modes, a mask */

struct aplic_output {
	void (*line)(void *arg, unsigned hart, bool level); /* direct delivery; at each change */
	void (*msi)(void *arg, unsigned hart, unsigned guest, unsigned id);
	void *arg;
};

struct aplic {
	struct aplic_output out;
	unsigned nsources, nharts, modes;
	uint32_t domaincfg; /* IE and DM only */
	uint32_t sourcecfg[APLIC_MAX_SOURCES + 1], target[APLIC_MAX_SOURCES + 1], genmsi;
	uint32_t input[(APLIC_MAX_SOURCES + 1) / 32]; /* the wires as they are, not rectified */
	uint32_t pending[(APLIC_MAX_SOURCES + 1) / 32];
	uint32_t enabled[(APLIC_MAX_SOURCES + 1) / 32];
	struct {
		uint32_t delivery, force, threshold;
	} idc[APLIC_MAX_HARTS];
	uint64_t asserted; /* lines, a bit a hart */
};

/* nsources 1..APLIC_MAX_SOURCES, nharts 1..APLIC_MAX_HARTS. All sources inactive, nothing enabled.
 */
void aplic_init(struct aplic *a, unsigned nsources, unsigned nharts, unsigned modes,
	const struct aplic_output *out);

/* Source (1..nsources; others are ignored) as its device drives it. */
void aplic_set_input(struct aplic *a, unsigned source, bool level);

/* A register at byte offset off. Anything but an aligned 32-bit register that exists reads 0 and
 * ignores writes. */
uint32_t aplic_read(struct aplic *a, uint64_t off);
void aplic_write(struct aplic *a, uint64_t off, uint32_t value);

#endif
