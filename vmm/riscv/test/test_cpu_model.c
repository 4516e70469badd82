/*
 * CPU models: what their words mean on hosts of several kinds, as ISA strings, and the sentences
 * for what is malformed or missing.
 */
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "riscv/cpu_model.h"

/* What KVM's hosts give unasked; a word after '?' is possible, and not given unasked. */
#define RV64GC "i m a f d c zicntr zicsr zifencei zihpm"
#define RVA22                                                                                      \
	RV64GC " zicbom zicboz zihintpause zfhmin zca zcd zba zbb zbs zkt ssaia sstc svinval "     \
	       "svpbmt"
#define RVA23                                                                                      \
	RVA22 " v zicond zihintntl zimop zawrs zfa zcb zcmop zvbb zvfhmin zvkb zvkt sscofpmf "     \
	      "svnapot svade ?svadu ?zacas"

static unsigned ext_named(const char *name, size_t len)
{
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		if (strlen(isa_ext_name(i)) == len && !memcmp(isa_ext_name(i), name, len))
			return i;
	fail_msg("no extension %.*s", (int)len, name);
	return 0;
}

static void read_host(const char *text, struct isa_set *possible, struct isa_set *given)
{
	*possible = *given = (struct isa_set){ 0 };
	for (const char *p = text; *p; p += strspn(p, " ")) {
		bool asked = *p == '?';
		size_t len = strcspn(p += asked, " ");
		unsigned ext = ext_named(p, len);

		isa_put(possible, ext, true);
		isa_put(given, ext, !asked);
		p += len;
	}
}

static const struct {
	const char *host, *model, *result; /* an ISA string, or the error's sentence */
} cases[] = {
	{ RV64GC, NULL, "rv64imafdc_zicntr_zicsr_zifencei_zihpm" },
	{ RV64GC, "", "rv64imafdc_zicntr_zicsr_zifencei_zihpm" },
	{ RV64GC, "host", "rv64imafdc_zicntr_zicsr_zifencei_zihpm" },
	{ RV64GC, "host,-zihpm", "rv64imafdc_zicntr_zicsr_zifencei" },
	{ RV64GC, "-zihpm", "rv64imafdc_zicntr_zicsr_zifencei" },
	{ RV64GC, "min", "rv64imafdc_zicntr_zicsr_zifencei" },
	{ "i m a c zicsr", "min", "rv64imac_zicsr" },
	{ RV64GC, "rva20", "rv64imafdc_zicntr_zicsr_zifencei" },
	{ "i m a c zicsr", "rva20",
		"this host can't give its guests the CPU extensions: f d zicntr zifencei" },
	{ RV64GC, "rva22",
		"this host can't give its guests the CPU extensions: zicbom zicboz zihintpause "
		"zfhmin zba zbb zbs zkt svinval svpbmt" },
	{ RVA22, "rva22",
		"rv64imafdc_zicbom_zicboz_zicntr_zicsr_zifencei_zihintpause_zihpm_zfhmin_zca_zcd_"
		"zba_zbb_zbs_zkt_ssaia_svinval_svpbmt" },
	{ RVA22, "rva20", "rv64imafdc_zicntr_zicsr_zifencei_zca_zcd_ssaia" },
	{ RVA22, "rva20,+zba,+sstc", "rv64imafdc_zicntr_zicsr_zifencei_zca_zcd_zba_ssaia_sstc" },
	{ RVA22, "rva23,-v,-zvkt",
		"this host can't give its guests the CPU extensions: zicond zihintntl zimop zawrs "
		"zfa zcb zcmop zvbb zvfhmin svnapot" },
	{ RVA23, "host,-v",
		"rv64imafdc_zicbom_zicboz_zicntr_zicond_zicsr_zifencei_zihintntl_zihintpause_zihpm_"
		"zimop_zawrs_zfa_zfhmin_zca_zcb_zcd_zcmop_zba_zbb_zbs_zkt_ssaia_sscofpmf_sstc_svade_"
		"svinval_svnapot_svpbmt" },
	{ RVA23, "rva20,+svadu", "rv64imafdc_zicntr_zicsr_zifencei_zca_zcd_ssaia_svadu" },
	{ RV64GC " svade ?svadu ?zacas", "max",
		"rv64imafdc_zicntr_zicsr_zifencei_zihpm_zacas_svadu" },
	{ RV64GC, "host,-f", "rv64imac_zicntr_zicsr_zifencei_zihpm" },
	{ RVA23, "rva20,+v,-d", "CPU extension v needs d" },
	{ RV64GC, "host,+v", "this host can't give its guests the CPU extensions: v" },
	{ RVA23, "rv64imac_zicsr_zba", "rv64imac_zicsr_zba_ssaia" },
	{ RVA23, "rv64gc_zba", "rv64imafdc_zicsr_zifencei_zba_ssaia" },
	{ RVA22, "rv64imac_ssaia", "rv64imac_ssaia" },
	{ RV64GC, "rv64imac_zba_zvkg",
		"this host can't give its guests the CPU extensions: zba zvkg" },
	{ RVA23, "rv64imac_zfa", "CPU extension zfa needs f" },
	{ RV64GC, "rv64mac", "the CPU's ISA string lacks i" },
	{ RV64GC, "rv64ih", "CPU extension h: KVM gives it to no guest" },
	{ RV64GC, "host,+h", "CPU extension h: KVM gives it to no guest" },
	{ RV64GC, "host,-ssaia", "CPU extension ssaia comes with the interrupt mode" },
	{ RV64GC, "rv64i_zz", "CPU extension \"zz\" is unknown" },
	{ RV64GC, "rv64i_", "CPU extension \"\" is unknown" },
	{ RV64GC, "host,+zz", "CPU extension \"zz\" is unknown" },
	{ RV64GC, "host,+", "CPU extension \"\" is unknown" },
	{ RV64GC, "host,+zba,-zba", "CPU extension zba is given twice" },
	{ RV64GC, "rva21",
		"CPU \"rva21\" is none of host, max, min, rva20, rva22, rva23, rv64..." },
	{ RV64GC, "rv64", "CPU \"rv64\" is none of host, max, min, rva20, rva22, rva23, rv64..." },
	{ RV64GC, "host,zba",
		"CPU \"zba\" is none of +EXT, -EXT, mvendorid=N, marchid=N, mimpid=N" },
	{ RV64GC, "host,", "CPU \"\" is none of +EXT, -EXT, mvendorid=N, marchid=N, mimpid=N" },
	{ RV64GC, "host,marchid=12x", "CPU marchid=12x is not a number" },
	{ RV64GC, "host,marchid=", "CPU marchid= is not a number" },
	{ RV64GC, "host,mimpid=-1", "CPU mimpid=-1 is not a number" },
	{ RV64GC, "host,mimpid=18446744073709551616",
		"CPU mimpid=18446744073709551616 is not a number" },
};

static void models(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct isa_set possible, given, wanted;
		struct cpu_model m;
		struct err err = { 0 };
		char text[1024];

		read_host(cases[i].host, &possible, &given);
		if (!cpu_model_parse(&m, cases[i].model, &err) &&
			!cpu_model_resolve(&m, &possible, &given, &wanted, &err))
			isa_string(&wanted, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", err.msg);
		if (strcmp(text, cases[i].result))
			fail_msg("%s: %s\nnot %s", cases[i].model ? cases[i].model : "(none)", text,
				cases[i].result);
	}
}

/* What a string gives on one host it gives on each that can: that is what makes it a mask. */
static void a_string_is_the_same_everywhere(void **state UNUSED)
{
	static const char *const hosts[] = { RVA22, RVA23 };
	char first[1024] = "";

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct isa_set possible, given, wanted;
		struct cpu_model m;
		char text[1024];

		read_host(hosts[i], &possible, &given);
		assert_int_equal(cpu_model_parse(&m, "rv64imafdc_zicsr_zifencei_zba_zbb", NULL), 0);
		assert_int_equal(cpu_model_resolve(&m, &possible, &given, &wanted, NULL), 0);
		isa_string(&wanted, text, sizeof(text));
		assert_true(!*first || !strcmp(first, text));
		strcpy(first, text);
	}
}

static void what_it_insists_on(void **state UNUSED)
{
	static const struct {
		const char *model;
		enum isa_ext ext;
		bool insists;
	} wishes[] = {
		{ "max", EXT_ZACAS, false },
		{ "max,+zacas", EXT_ZACAS, true },
		{ "rva23", EXT_V, true },
		{ "rva23", EXT_SSCOFPMF, false },
		{ "rva23,+sscofpmf", EXT_SSCOFPMF, true },
		{ "rv64imac_sscofpmf", EXT_SSCOFPMF, true },
		{ "min", EXT_ZICNTR, false },
		{ "host", EXT_I, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		struct cpu_model m;

		assert_int_equal(cpu_model_parse(&m, wishes[i].model, NULL), 0);
		assert_int_equal(cpu_model_insists(&m, wishes[i].ext), wishes[i].insists);
	}
}

static void ids(void **state UNUSED)
{
	struct cpu_model m;

	assert_int_equal(cpu_model_parse(&m, "max,mvendorid=0x489,marchid=0x8000000000000007",
				 NULL),
		0);
	assert_int_equal(m.base, CPU_MAX);
	assert_true(m.has_id[CPU_VENDORID] && m.id[CPU_VENDORID] == 0x489);
	assert_true(m.has_id[CPU_ARCHID] && m.id[CPU_ARCHID] == UINT64_C(0x8000000000000007));
	assert_false(m.has_id[CPU_IMPID]);
}

static void names_are_cut(void **state UNUSED)
{
	struct isa_set all;
	char small[16];

	memset(&all, 0xff, sizeof(all));
	isa_names(&all, small, sizeof(small));
	assert_string_equal(small, "i m a f d c v z");
	isa_string(&all, small, sizeof(small));
	assert_string_equal(small, "rv64imafdcv_zic");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(models),
		cmocka_unit_test(a_string_is_the_same_everywhere),
		cmocka_unit_test(what_it_insists_on),
		cmocka_unit_test(ids),
		cmocka_unit_test(names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
