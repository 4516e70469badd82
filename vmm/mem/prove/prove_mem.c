/* Guest addresses: what mem_at() lets through lies in RAM, whatever the table and the guest say. */
#define _GNU_SOURCE
#include <string.h>
#include "mem/mem.h"

#include "integration/checks/prove.h"

/* The table's entries move whole: by structs, which CBMC follows far more cheaply than by bytes. */
static void *move_regions(void *dst, const void *src, size_t len)
{
	struct mem_region *to = dst;
	const struct mem_region *from = src;

	prove(len % sizeof(*to) == 0, "whole entries are moved");
	for (size_t i = len / sizeof(*to); i-- > 0;)
		to[i] = from[i];
	return dst;
}

#define memmove move_regions
#include "mem/mem.c"
#undef memmove

int fail(struct err *err, int code, const char *fmt, ...)
{
	(void)err, (void)fmt;
	return code;
}

int failx(struct err *err, int code, const char *fmt, ...)
{
	(void)err, (void)fmt;
	return code;
}

#define REGIONS 2
#define BYTES	16

static char ram[REGIONS][BYTES];

static void check_table(const struct mem *mem)
{
	for (unsigned i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		prove(r->size && r->gpa + r->size > r->gpa, "a region has bytes and does not wrap");
		if (i)
			prove(r[-1].gpa + r[-1].size <= r->gpa, "regions are sorted and apart");
	}
}

/* A table as check_table() wants one, with RAM behind it. */
static void any_table(struct mem *mem)
{
	uint64_t end = 0;

	*mem = (struct mem){ .nregions = nondet_unsigned() };
	assume(mem->nregions <= REGIONS);
	for (unsigned i = 0; i < REGIONS; i++) {
		struct mem_region *r = &mem->region[i];

		*r = (struct mem_region){ .gpa = nondet_u64(),
			.size = nondet_u64(),
			.hva = ram[i] };
		assume(r->size && r->size <= BYTES && r->gpa >= end && r->gpa + r->size > r->gpa);
		end = r->gpa + r->size;
	}
}

/* One more region: the table stays sorted, its regions stay apart.
 * prove: mem_table unwind=4 */
void prove_mem_table(void)
{
	struct mem mem;

	any_table(&mem);
	(void)!mem_add_borrowed(&mem, nondet_u64(), nondet_u64(), NULL);
	check_table(&mem);
}

/* prove: mem_at unwind=3 */
void prove_mem_at(void)
{
	struct mem mem;
	uint64_t gpa = nondet_u64(), len = nondet_u64();
	const char *p;
	bool inside = false;

	any_table(&mem);
	p = plain(mem_at(&mem, gpa, len));
	for (unsigned i = 0; i < mem.nregions; i++) {
		const struct mem_region *r = &mem.region[i];

		if (gpa < r->gpa || gpa >= r->gpa + r->size || len > r->gpa + r->size - gpa)
			continue;
		inside = true;
		prove(p == ram[i] + (gpa - r->gpa), "the pointer is that of the address");
	}
	prove(inside == (p != NULL), "a pointer for ranges in RAM, and for no other");
}

/* prove: mem_read unwind=3 */
void prove_mem_read(void)
{
	char buf[8];
	struct mem mem;
	size_t len = nondet_size();

	assume(len <= sizeof(buf));
	any_table(&mem);
	(void)!mem_read(&mem, nondet_u64(), buf, len);
}

/* prove: mem_write unwind=3 */
void prove_mem_write(void)
{
	char buf[8] = { 0 };
	struct mem mem;
	size_t len = nondet_size();

	assume(len <= sizeof(buf));
	any_table(&mem);
	(void)!mem_write(&mem, nondet_u64(), buf, len);
}
