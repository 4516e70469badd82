/*
 * What a caller may say of the guest's CPUs, and what that means on a host: which extensions are
 * on, which are refused. Pure functions over names and sets, tested natively; isa.c carries it out.
 *
 *	host | max | min | rva20 | rva22 | rva23 | rv64imafdc_...
 *		[,+ext | ,-ext]... [,mvendorid=N] [,marchid=N] [,mimpid=N]
 *
 * host: what KVM gives by itself; max: all that it can give; min: rv64gc or what there is of it; a
 * profile: its mandatory extensions, or a refusal that names what is missing (RVA23 comes without
 * H, which KVM gives to no guest); an ISA string: these and no others, the same on every host.
 */
#ifndef SAMPAN_RISCV_CPU_MODEL_H
#define SAMPAN_RISCV_CPU_MODEL_H

#include "core/err.h"
#include "riscv/isa_exts.h"

struct isa_set {
	uint64_t bit[(ISA_EXT_COUNT + 63) / 64];
};

enum cpu_base { CPU_HOST, CPU_MAX, CPU_MIN, CPU_RVA20, CPU_RVA22, CPU_RVA23, CPU_STRING };
enum cpu_id { CPU_VENDORID, CPU_ARCHID, CPU_IMPID, CPU_IDS };

struct cpu_model {
	enum cpu_base base;
	struct isa_set string; /* CPU_STRING: what it names */
	struct isa_set plus, minus;
	bool has_id[CPU_IDS];
	uint64_t id[CPU_IDS];
};

static inline bool isa_has(const struct isa_set *s, unsigned ext)
{
	return s->bit[ext / 64] >> (ext % 64) & 1;
}

static inline void isa_put(struct isa_set *s, unsigned ext, bool on)
{
	if (on)
		s->bit[ext / 64] |= UINT64_C(1) << (ext % 64);
	else
		s->bit[ext / 64] &= ~(UINT64_C(1) << (ext % 64));
}

const char *isa_ext_name(unsigned ext);

/* Names in canonical order with a space between, or as an ISA string ("rv64imac_zba"). Cut when
 * size is too small. */
void isa_names(const struct isa_set *s, char *buf, size_t size);
void isa_string(const struct isa_set *s, char *buf, size_t size);

/* NULL and "" are "host". */
int cpu_model_parse(struct cpu_model *m, const char *text, struct err *err) MUST_USE;

/* possible: what this host's KVM knows and can give; given: what it gives unasked. Fills wanted, or
 * fails naming what is missing. SSAIA stays as it is given: it comes with the interrupt mode. */
int cpu_model_resolve(const struct cpu_model *m, const struct isa_set *possible,
	const struct isa_set *given, struct isa_set *wanted, struct err *err) MUST_USE;

/* Whether the model is not there without an extension that is possible: else it is left out where
 * KVM refuses it (Sscofpmf on a host without AIA). */
bool cpu_model_insists(const struct cpu_model *m, enum isa_ext ext);

#endif
