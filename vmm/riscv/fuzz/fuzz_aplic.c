/*
 * The APLIC under any sequence of register accesses and wires. After each step every hart's line is
 * what a plain reading of the registers says, no MSI goes where nobody is, and no level that is
 * high, enabled and on its way by direct delivery is forgotten.
 *
 * Input: a byte for the delivery modes, then records: a byte (bits 0-1: write, read, wire, wire
 * high), two bytes of offset or source, and for a write four bytes of value.
 */
#include <string.h>
#include "riscv/aplic.h"

#define SOURCES 40
#define HARTS	3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void line(void *arg, unsigned hart, bool level)
{
	uint64_t *lines = arg;

	must(hart < HARTS && (*lines >> hart & 1) != level);
	*lines ^= UINT64_C(1) << hart;
}

static void msi(void *arg UNUSED, unsigned hart, unsigned guest, unsigned id)
{
	must(hart < HARTS && guest < 64 && id && id < 2048);
}

static uint32_t word(struct aplic *a, uint32_t array, unsigned i)
{
	return aplic_read(a, array + i / 32 * 4) >> (i % 32) & 1;
}

/* The line of a hart from what the registers read. */
static bool expected(struct aplic *a, unsigned hart)
{
	uint32_t idc = APLIC_IDC + hart * APLIC_IDC_SIZE, cfg = aplic_read(a, 0);
	uint32_t threshold = aplic_read(a, idc + 8);

	if (!(cfg & 0x100) || cfg & 4 || !aplic_read(a, idc))
		return false;
	if (aplic_read(a, idc + 4))
		return true;
	for (unsigned i = 1; i <= SOURCES; i++) {
		uint32_t target = aplic_read(a, 0x3000 + 4 * i);

		if (word(a, 0x1c00, i) && word(a, 0x1e00, i) && target >> 18 == hart &&
			(!threshold || (target & 0xff) < threshold))
			return true;
	}
	return false;
}

static void check(struct aplic *a, uint64_t lines)
{
	bool by_msi = aplic_read(a, 0) & 4, on = aplic_read(a, 0) & 0x100;

	for (unsigned h = 0; h < HARTS; h++)
		must(expected(a, h) == (lines >> h & 1));
	for (unsigned i = 1; i <= SOURCES; i++) {
		uint32_t mode = aplic_read(a, 4 * i);

		must(mode || (!word(a, 0x1c00, i) && !word(a, 0x1e00, i)));
		if (by_msi)
			must(!on || !word(a, 0x1c00, i) || !word(a, 0x1e00, i));
		else if (mode >= 6)
			must(word(a, 0x1c00, i) == word(a, 0x1d00, i));
	}
}

static uint32_t take_bytes(const uint8_t **data, size_t *size, unsigned n)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n && *size; i++, ++*data, --*size)
		value |= (uint32_t)**data << (8 * i);
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t lines = 0;
	struct aplic_output out = { .line = line, .msi = msi, .arg = &lines };
	struct aplic a;

	aplic_init(&a, SOURCES, HARTS, 1 + take_bytes(&data, &size, 1) % 3, &out);
	while (size) {
		uint32_t what = take_bytes(&data, &size, 1) & 3;
		uint32_t off = take_bytes(&data, &size, 2);

		if (what == 0)
			aplic_write(&a, off, take_bytes(&data, &size, 4));
		else if (what == 1)
			aplic_read(&a, off);
		else
			aplic_set_input(&a, off, what & 1);
		check(&a, lines);
	}
	return 0;
}
