/* The APLIC's registers, with up to three sources and two harts in any state, in each mode, and any
 * access. */
#include "integration/checks/prove.h"

#define APLIC_MAX_SOURCES 31
#define APLIC_MAX_HARTS	  2
#include "riscv/aplic.c"

#define SOURCES 3

static void line(void *arg, unsigned hart, bool level)
{
	const struct aplic *a = arg;

	(void)level;
	prove(hart < a->nharts, "a line of a hart that is there");
}

static void msi(void *arg, unsigned hart, unsigned guest, unsigned id)
{
	const struct aplic *a = arg;

	prove(hart < a->nharts && guest <= 0x3f && id && id <= EIID_MASK,
		"an MSI to a hart that is there");
}

static uint32_t sources(const struct aplic *a)
{
	return (UINT32_C(2) << a->nsources) - 2;
}

static void any_aplic(struct aplic *a)
{
	__CPROVER_havoc_object(a);
	a->out = (struct aplic_output){ line, msi, a };
	assume(a->nsources && a->nsources <= SOURCES && a->nharts && a->nharts <= APLIC_MAX_HARTS);
	assume(a->modes && a->modes <= (APLIC_DIRECT | APLIC_MSI));
	assume(!(a->pending[0] & ~sources(a)) && !(a->enabled[0] & ~sources(a)));
}

static void check_aplic(const struct aplic *a)
{
	prove(!(a->pending[0] & ~sources(a)), "only sources that are there are pending");
	prove(!(a->enabled[0] & ~sources(a)), "only sources that are there are enabled");
}

/* prove: aplic_read unwind=4 read_inputs.0:33 */
void prove_aplic_read(void)
{
	struct aplic a;

	any_aplic(&a);
	(void)aplic_read(&a, nondet_u64());
	check_aplic(&a);
}

static bool is_bits(uint64_t off)
{
	return off >= SETIP && off < SETIPNUM_LE;
}

/* A write, and whether the state still holds. */
static void write_at(struct aplic *a, uint64_t off)
{
	aplic_write(a, off, nondet_u32());
	check_aplic(a);
}

/* prove: aplic_domain unwind=4 write_bits.0:5 */
void prove_aplic_domain(void)
{
	struct aplic a;

	any_aplic(&a);
	write_at(&a, nondet_bool() ? DOMAINCFG : GENMSI);
}

/* prove: aplic_source unwind=4 write_bits.0:5 */
void prove_aplic_source(void)
{
	uint64_t off = nondet_u64();
	struct aplic a;

	any_aplic(&a);
	assume((off >= SOURCECFG && off < SETIP) || (off >= TARGET && off < END));
	write_at(&a, off);
}

/* prove: aplic_hart unwind=4 write_bits.0:5 */
void prove_aplic_hart(void)
{
	uint64_t off = nondet_u64();
	struct aplic a;

	any_aplic(&a);
	assume(off >= END);
	write_at(&a, off);
}

/* A word of bits is written source by source: three bits stand for all.
 * prove: aplic_bits unwind=4 write_bits.0:5 */
void prove_aplic_bits(void)
{
	uint64_t off = nondet_u64();
	uint32_t value = nondet_u32();
	struct aplic a;

	any_aplic(&a);
	assume(is_bits(off) && off % 0x100 < BITMAP_BYTES && value <= 7);
	aplic_write(&a, off, value);
	check_aplic(&a);
}

/* The registers that take a source's number.
 * prove: aplic_number unwind=4 write_bits.0:5 */
void prove_aplic_number(void)
{
	uint64_t off = nondet_u64();
	struct aplic a;

	any_aplic(&a);
	assume(is_bits(off) ? off % 0x100 >= BITMAP_BYTES
			    : off == SETIPNUM_LE || off == SETIPNUM_BE);
	write_at(&a, off);
}

/* prove: aplic_input unwind=4 */
void prove_aplic_input(void)
{
	struct aplic a;

	any_aplic(&a);
	aplic_set_input(&a, nondet_unsigned(), nondet_bool());
	check_aplic(&a);
}
