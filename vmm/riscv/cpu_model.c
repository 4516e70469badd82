/* CPU models; see cpu_model.h. The profiles are those of the RVA profiles specification. */
#include "riscv/cpu_model.h"

#include <stdio.h>
#include <string.h>

#include "vm.h"

enum profile { NO, P20, P22, P23 };
enum need { MAY, MUST };

#define ENTRY(id, ext_name, ext_profile, ext_need) { ext_name, ext_profile, ext_need },
static const struct {
	const char *name;
	enum profile profile;
	enum need need;
} exts[] = { ISA_EXTS(ENTRY) };
#undef ENTRY

/* An extension and what it can't be without (unprivileged specification, each one's own chapter).
 */
static const struct {
	enum isa_ext ext, needs;
} needs[] = {
	{ EXT_D, EXT_F },
	{ EXT_ZFA, EXT_F },
	{ EXT_ZFBFMIN, EXT_F },
	{ EXT_ZFHMIN, EXT_F },
	{ EXT_ZFH, EXT_F },
	{ EXT_ZCD, EXT_D },
	{ EXT_ZCD, EXT_C },
	{ EXT_ZCB, EXT_C },
	{ EXT_ZCMOP, EXT_C },
	{ EXT_V, EXT_D },
	{ EXT_ZVBB, EXT_V },
	{ EXT_ZVBC, EXT_V },
	{ EXT_ZVFBFMIN, EXT_V },
	{ EXT_ZVFBFWMA, EXT_ZVFBFMIN },
	{ EXT_ZVFHMIN, EXT_V },
	{ EXT_ZVFH, EXT_ZVFHMIN },
	{ EXT_ZVKB, EXT_V },
	{ EXT_ZVKG, EXT_V },
	{ EXT_ZVKNED, EXT_V },
	{ EXT_ZVKNHA, EXT_V },
	{ EXT_ZVKNHB, EXT_V },
	{ EXT_ZVKSED, EXT_V },
	{ EXT_ZVKSH, EXT_V },
	{ EXT_ZVKT, EXT_V },
	{ EXT_ZABHA, EXT_A },
	{ EXT_ZACAS, EXT_A },
};

static const char *const bases[] = { "host", "max", "min", "rva20", "rva22", "rva23" };
static const char *const ids[] = { "mvendorid", "marchid", "mimpid" };

const char *isa_ext_name(unsigned ext)
{
	return exts[ext].name;
}

static void append(char *buf, size_t size, size_t *len, const char *between, const char *name)
{
	int n = snprintf(buf + *len, size - *len, "%s%s", between, name);

	*len = MIN(*len + (size_t)MAX(n, 0), size - 1);
}

void isa_names(const struct isa_set *s, char *buf, size_t size)
{
	size_t len = 0;

	*buf = 0;
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		if (isa_has(s, i))
			append(buf, size, &len, len ? " " : "", exts[i].name);
}

/* Single letters together, the others each after '_'. */
void isa_string(const struct isa_set *s, char *buf, size_t size)
{
	size_t len = 0;

	append(buf, size, &len, "", "rv64");
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		if (isa_has(s, i))
			append(buf, size, &len, exts[i].name[1] ? "_" : "", exts[i].name);
}

/* parsing */

static int find_ext(const char *name, size_t len)
{
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		if (strlen(exts[i].name) == len && !memcmp(exts[i].name, name, len))
			return (int)i;
	return -1;
}

static int known_ext(unsigned *ext, const char *name, size_t len, struct err *err)
{
	int found = find_ext(name, len);

	if (len == 1 && *name == 'h')
		return failx(err, -EINVAL, "CPU extension h: KVM gives it to no guest");
	if (found == EXT_SSAIA)
		return failx(err, -EINVAL, "CPU extension ssaia comes with the interrupt mode");
	if (found < 0)
		return failx(err, -EINVAL, "CPU extension \"%.*s\" is unknown", (int)MIN(len, 32U),
			name);
	*ext = (unsigned)found;
	return 0;
}

/* "imafdc_zicsr_...", after "rv64". 'g' is imafd with zicsr and zifencei. */
static int parse_string(struct cpu_model *m, const char *p, size_t len, struct err *err)
{
	static const enum isa_ext general[] = { EXT_I, EXT_M, EXT_A, EXT_F, EXT_D, EXT_ZICSR,
		EXT_ZIFENCEI };
	const char *end = p + len;
	unsigned ext;

	for (; p < end && *p != '_'; p++) {
		for (size_t i = 0; *p == 'g' && i < ARRAY_SIZE(general); i++)
			isa_put(&m->string, general[i], true);
		if (*p == 'g')
			continue;
		if (known_ext(&ext, p, 1, err))
			return -EINVAL;
		isa_put(&m->string, ext, true);
	}
	while (p < end) {
		const char *name = ++p;

		while (p < end && *p != '_')
			p++;
		if (p - name == 5 && !memcmp(name, "ssaia", 5))
			continue;
		if (known_ext(&ext, name, (size_t)(p - name), err))
			return -EINVAL;
		isa_put(&m->string, ext, true);
	}
	if (!isa_has(&m->string, EXT_I))
		return failx(err, -EINVAL, "the CPU's ISA string lacks i");
	m->base = CPU_STRING;
	return 0;
}

static int parse_base(struct cpu_model *m, const char *word, size_t len, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		if (strlen(bases[i]) == len && !memcmp(bases[i], word, len)) {
			m->base = (enum cpu_base)i;
			return 0;
		}
	if (len > 4 && !memcmp(word, "rv64", 4))
		return parse_string(m, word + 4, len - 4, err);
	return failx(err, -EINVAL,
		"CPU \"%.*s\" is none of host, max, min, rva20, rva22, rva23, rv64...",
		(int)MIN(len, 32U), word);
}

static int parse_number(const char *text, size_t len, uint64_t *value)
{
	char buf[24], *end;

	if (!len || len >= sizeof(buf) || *text < '0' || *text > '9')
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = 0;
	errno = 0;
	*value = strtoull(buf, &end, 0);
	return *end || errno ? -EINVAL : 0;
}

static int parse_id(struct cpu_model *m, const char *word, size_t len, struct err *err)
{
	for (unsigned i = 0; i < CPU_IDS; i++) {
		size_t n = strlen(ids[i]);

		if (len <= n || memcmp(word, ids[i], n) || word[n] != '=')
			continue;
		m->has_id[i] = true;
		if (!parse_number(word + n + 1, len - n - 1, &m->id[i]))
			return 0;
		return failx(err, -EINVAL, "CPU %s=%.*s is not a number", ids[i],
			(int)MIN(len - n - 1, 32U), word + n + 1);
	}
	return failx(err, -EINVAL,
		"CPU \"%.*s\" is none of +EXT, -EXT, mvendorid=N, marchid=N, mimpid=N",
		(int)MIN(len, 32U), word);
}

static int parse_word(struct cpu_model *m, const char *word, size_t len, struct err *err)
{
	unsigned ext;
	int rc;

	if (!len || (*word != '+' && *word != '-'))
		return parse_id(m, word, len, err);
	rc = known_ext(&ext, word + 1, len - 1, err);
	if (rc)
		return rc;
	if (isa_has(&m->plus, ext) || isa_has(&m->minus, ext))
		return failx(err, -EINVAL, "CPU extension %s is given twice", exts[ext].name);
	isa_put(*word == '+' ? &m->plus : &m->minus, ext, true);
	return 0;
}

int cpu_model_parse(struct cpu_model *m, const char *text, struct err *err)
{
	bool first = true;
	int rc = 0;

	*m = (struct cpu_model){ .base = CPU_HOST };
	if (!text || !*text)
		return 0;
	for (const char *p = text; p && !rc; first = false) {
		size_t len = strcspn(p, ",");

		rc = first && (!len || !strchr("+-", *p)) ? parse_base(m, p, len, err)
							  : parse_word(m, p, len, err);
		p = p[len] ? p + len + 1 : NULL;
	}
	return rc;
}

/* meaning */

static bool in_profile(unsigned ext, enum profile p)
{
	return exts[ext].profile != NO && exts[ext].profile <= p;
}

/* What the base wants of what is possible, and what it can't be without and is not. */
static void base_set(const struct cpu_model *m, const struct isa_set *possible,
	const struct isa_set *given, struct isa_set *wanted, struct isa_set *missing)
{
	static const enum profile profiles
		[] = { [CPU_MIN] = P20, [CPU_RVA20] = P20, [CPU_RVA22] = P22, [CPU_RVA23] = P23 };

	for (unsigned i = 0; i < ISA_EXT_COUNT; i++) {
		bool want = false, must = false;

		switch (m->base) {
		case CPU_HOST:
			want = isa_has(given, i);
			break;
		case CPU_MAX: /* of Svade and Svadu a guest has one */
			want = i != EXT_SVADE || !isa_has(possible, EXT_SVADU);
			break;
		case CPU_STRING:
			want = must = isa_has(&m->string, i);
			break;
		default:
			want = in_profile(i, profiles[m->base]);
			must = want && exts[i].need == MUST && m->base != CPU_MIN;
		}
		isa_put(wanted, i, want && isa_has(possible, i));
		if (must && !isa_has(possible, i))
			isa_put(missing, i, true);
	}
}

bool cpu_model_insists(const struct cpu_model *m, enum isa_ext ext)
{
	bool of_profile = m->base == CPU_RVA20 || m->base == CPU_RVA22 || m->base == CPU_RVA23;

	return isa_has(&m->plus, ext) || isa_has(&m->string, ext) ||
		(of_profile && exts[ext].need == MUST);
}

/* What is left without something it needs goes too, unless it was asked for by name. */
static int drop_orphans(const struct cpu_model *m, struct isa_set *wanted, struct err *err)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
			unsigned ext = needs[i].ext, need = needs[i].needs;

			if (!isa_has(wanted, ext) || isa_has(wanted, need))
				continue;
			if (isa_has(&m->plus, ext) || isa_has(&m->string, ext))
				return failx(err, -EINVAL, "CPU extension %s needs %s",
					exts[ext].name, exts[need].name);
			isa_put(wanted, ext, false);
			again = true;
		}
	}
	return 0;
}

int cpu_model_resolve(const struct cpu_model *m, const struct isa_set *possible,
	const struct isa_set *given, struct isa_set *wanted, struct err *err)
{
	struct isa_set missing = { 0 };
	char names[256];

	*wanted = (struct isa_set){ 0 };
	base_set(m, possible, given, wanted, &missing);
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++) {
		if (isa_has(&m->plus, i) && !isa_has(possible, i))
			isa_put(&missing, i, true);
		if (isa_has(&m->minus, i))
			isa_put(&missing, i, false);
		if (isa_has(&m->plus, i) || isa_has(&m->minus, i))
			isa_put(wanted, i, isa_has(&m->plus, i));
	}
	isa_names(&missing, names, sizeof(names));
	if (*names)
		return failx(err, -ENOTSUP,
			"this host can't give its guests the CPU extensions: %s", names);
	if (isa_has(&m->plus, EXT_SVADU))
		isa_put(wanted, EXT_SVADE, false);
	isa_put(wanted, EXT_SSAIA, isa_has(given, EXT_SSAIA));
	return drop_orphans(m, wanted, err);
}

int vm_check_cpu(const char *text, struct err *err)
{
	struct cpu_model m;

	return cpu_model_parse(&m, text, err);
}
