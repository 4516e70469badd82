/* Bit maps of registers, 32 to a word: what interrupt controllers have one bit a source in. */
#ifndef SAMPAN_RISCV_BITS_H
#define SAMPAN_RISCV_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool bit(const uint32_t *map, unsigned i)
{
	return map[i / 32] >> (i % 32) & 1;
}

static inline void set_bit(uint32_t *map, unsigned i, bool on)
{
	if (on)
		map[i / 32] |= UINT32_C(1) << (i % 32);
	else
		map[i / 32] &= ~(UINT32_C(1) << (i % 32));
}

#endif
