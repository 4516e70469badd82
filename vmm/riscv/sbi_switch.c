/* SBI extensions by name; see sbi_switch.h. */
#include "riscv/sbi_switch.h"

#include <string.h>

#include "vm.h"

static const char *const names[SBI_EXT_COUNT] = {
	[SBI_V01] = "v01",
	[SBI_TIME] = "time",
	[SBI_IPI] = "ipi",
	[SBI_RFENCE] = "rfence",
	[SBI_SRST] = "srst",
	[SBI_HSM] = "hsm",
	[SBI_PMU] = "pmu",
	[SBI_DBCN] = "dbcn",
	[SBI_STA] = "sta",
	[SBI_SUSP] = "susp",
	[SBI_FWFT] = "fwft",
};

const char *sbi_ext_name(unsigned ext)
{
	return names[ext];
}

static int parse_one(struct sbi_switches *s, const char *word, size_t len, struct err *err)
{
	if (len < 2 || (*word != '+' && *word != '-'))
		return failx(err, -EINVAL, "SBI \"%.*s\" is neither +EXT nor -EXT",
			(int)MIN(len, 32U), word);
	for (unsigned i = 0; i < SBI_EXT_COUNT; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if (strlen(names[i]) != len - 1 || memcmp(names[i], word + 1, len - 1))
			continue;
		if ((s->on | s->off) & bit)
			return failx(err, -EINVAL, "SBI extension %s is given twice", names[i]);
		*(*word == '+' ? &s->on : &s->off) |= bit;
		return 0;
	}
	return failx(err, -EINVAL, "SBI extension \"%.*s\" is unknown", (int)MIN(len - 1, 32U),
		word + 1);
}

int sbi_switches_parse(struct sbi_switches *s, const char *text, struct err *err)
{
	int rc = 0;

	*s = (struct sbi_switches){ 0 };
	if (!text || !*text)
		return 0;
	for (const char *p = text; p && !rc;) {
		size_t len = strcspn(p, ",");

		rc = parse_one(s, p, len, err);
		p = p[len] ? p + len + 1 : NULL;
	}
	return rc;
}

int vm_check_sbi(const char *text, struct err *err)
{
	struct sbi_switches s;

	return sbi_switches_parse(&s, text, err);
}
