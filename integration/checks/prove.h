/*
 * What proofs are written with. A proof is a function prove_NAME() in AREA/prove/prove_X.c, which
 * includes the source that it is about, so that it reaches its static functions; `make prove` has
 * CBMC look at every run of it, for any values that nondet_...() may give. Beside what a proof
 * asserts, CBMC checks each access, shift, sum and conversion in all code that it reaches. A
 * proof's bounds (queue sizes, loops) stand in a "prove:" comment before it: "prove: NAME unwind=N
 * [FUNCTION.LOOP:N]".
 */
#ifndef SAMPAN_PROVE_H
#define SAMPAN_PROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No body: any value. */
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
unsigned nondet_unsigned(void);
size_t nondet_size(void);
bool nondet_bool(void);
int nondet_int(void);

#define assume(condition)      __CPROVER_assume(condition)
#define prove(condition, what) __CPROVER_assert(condition, what)

#endif
