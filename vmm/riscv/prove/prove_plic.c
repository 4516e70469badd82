/* The PLIC's registers, with up to three sources and two contexts in any state, and any access. */
#include "integration/checks/prove.h"

#define PLIC_MAX_SOURCES  31
#define PLIC_MAX_CONTEXTS 2
#include "riscv/plic.c"

#define SOURCES 3

static void line(void *arg, unsigned context, bool level)
{
	const struct plic *p = arg;

	(void)level;
	prove(context < p->ncontexts, "a line of a context that is there");
}

static void any_plic(struct plic *p)
{
	uint32_t all;

	__CPROVER_havoc_object(p);
	p->line = line;
	p->arg = p;
	assume(p->nsources && p->nsources <= SOURCES && p->ncontexts &&
		p->ncontexts <= PLIC_MAX_CONTEXTS);
	all = sources_of(p, 0);
	assume(!(p->pending[0] & ~all) && !(p->claimed[0] & ~all));
	for (unsigned c = 0; c < PLIC_MAX_CONTEXTS; c++)
		assume(!(p->enabled[c][0] & ~all) && p->threshold[c] <= PLIC_PRIORITY_MAX);
	for (unsigned i = 0; i <= SOURCES; i++)
		assume(p->priority[i] <= PLIC_PRIORITY_MAX);
}

static void check_plic(const struct plic *p)
{
	uint32_t all = sources_of(p, 0);

	prove(!(p->pending[0] & ~all), "only sources that are there are pending");
	for (unsigned c = 0; c < PLIC_MAX_CONTEXTS; c++)
		prove(!(p->enabled[c][0] & ~all), "only sources that are there are enabled");
}

/* prove: plic_read unwind=5 */
void prove_plic_read(void)
{
	uint64_t off = nondet_u64();
	struct plic p;
	unsigned top;

	any_plic(&p);
	top = plic_read(&p, off);
	if (off >= CONTEXT && off % CONTEXT_SIZE == CLAIM && off < PLIC_SIZE(p.ncontexts))
		prove(top <= p.nsources, "a claim names a source that is there, or 0");
	check_plic(&p);
}

/* prove: plic_write unwind=5 */
void prove_plic_write(void)
{
	struct plic p;

	any_plic(&p);
	plic_write(&p, nondet_u64(), nondet_u32());
	check_plic(&p);
}

/* prove: plic_input unwind=5 */
void prove_plic_input(void)
{
	struct plic p;

	any_plic(&p);
	plic_set_input(&p, nondet_unsigned(), nondet_bool());
	check_plic(&p);
}
