/*
 * The registers of a PLIC (RISC-V PLIC specification 1.0.0) with one context a hart, its
 * supervisor's.
 *
 * A pure model, like aplic.h: the owner holds a lock and is called back when a hart's line changes.
 * A source's gateway forwards one request at a time: from its pending bit on until the completion
 * there is no other. All state is in the struct.
 */
#ifndef SAMPAN_RISCV_PLIC_H
#define SAMPAN_RISCV_PLIC_H

#include "core/util.h"

#ifndef PLIC_MAX_SOURCES /* proofs have fewer */
#define PLIC_MAX_SOURCES  127
#define PLIC_MAX_CONTEXTS 64
#endif
#define PLIC_PRIORITY_MAX 7

/* Bytes of address space that a PLIC with n contexts takes. */
#define PLIC_SIZE(n) (0x200000UL + (n) * 0x1000UL)

#define PLIC_WORDS ((PLIC_MAX_SOURCES + 1) / 32)

struct plic {
	void (*line)(void *arg, unsigned context, bool level); /* at each change */
	void *arg;
	unsigned nsources, ncontexts;
	uint32_t priority[PLIC_MAX_SOURCES + 1];
	uint32_t edge[PLIC_WORDS]; /* sources whose gateway takes rises, not levels */
	uint32_t input[PLIC_WORDS], pending[PLIC_WORDS];
	uint32_t claimed[PLIC_WORDS]; /* and not yet completed */
	uint32_t again[PLIC_WORDS];   /* edge: a rise meanwhile */
	uint32_t enabled[PLIC_MAX_CONTEXTS][PLIC_WORDS];
	uint32_t threshold[PLIC_MAX_CONTEXTS];
	uint64_t asserted; /* lines, a bit a context */
};

/* nsources 1..PLIC_MAX_SOURCES, ncontexts 1..PLIC_MAX_CONTEXTS. All level-sensitive, priority 0. */
void plic_init(struct plic *p, unsigned nsources, unsigned ncontexts,
	void (*line)(void *arg, unsigned context, bool level), void *arg);
void plic_set_edge(struct plic *p, unsigned source, bool edge); /* before it is used */

/* Source (1..nsources; others are ignored) as its device drives it. */
void plic_set_input(struct plic *p, unsigned source, bool level);

/* A register at byte offset off. Anything but an aligned 32-bit register that exists reads 0 and
 * ignores writes. */
uint32_t plic_read(struct plic *p, uint64_t off);
void plic_write(struct plic *p, uint64_t off, uint32_t value);

#endif
