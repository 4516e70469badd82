/*
 * CPU models and SBI switches from any text. What is accepted resolves on a host that can do
 * everything, to a set that does not depend on what that host gives unasked when it is an ISA
 * string, and its own string is accepted again.
 */
#include <string.h>
#include "riscv/cpu_model.h"
#include "riscv/sbi_switch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void resolve(const struct cpu_model *m)
{
	struct isa_set all, none = { 0 }, one, other;
	struct cpu_model again;
	struct err err;
	char text[2048];

	memset(&all, 0xff, sizeof(all));
	if (cpu_model_resolve(m, &all, &none, &one, &err) ||
		cpu_model_resolve(m, &all, &all, &other, &err))
		return;
	isa_put(&other, EXT_SSAIA, false);
	must(m->base != CPU_STRING || !memcmp(&one, &other, sizeof(one)));
	isa_string(&one, text, sizeof(text));
	must(!isa_has(&one, EXT_I) || !cpu_model_parse(&again, text, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct sbi_switches s;
	struct cpu_model m;
	struct err err;

	must(text);
	memcpy(text, data, size);
	text[size] = 0;
	if (!cpu_model_parse(&m, text, &err))
		resolve(&m);
	if (!sbi_switches_parse(&s, text, &err))
		must(!(s.on & s.off));
	free(text);
	return 0;
}
