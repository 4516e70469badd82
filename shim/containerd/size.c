/* See size.h. */
#include "shim/containerd/size.h"

#include <string.h>
#include "shim/containerd/bundle.h"

#define CRI "io.kubernetes.cri.sandbox-"

struct limits {
	int64_t quota, period; /* of CPU time, us */
	int64_t memory;	       /* bytes */
};

static int64_t annotated(const json_t *spec, const char *name)
{
	const char *text = bundle_annotation(spec, name);
	size_t digits = text ? strspn(text, "0123456789") : 0;

	return digits && digits < 19 && !text[digits] ? strtoll(text, NULL, 10) : 0;
}

static struct limits limits_of(const json_t *spec)
{
	struct limits l = { annotated(spec, CRI "cpu-quota"), annotated(spec, CRI "cpu-period"),
		annotated(spec, CRI "memory") };

	if (!l.quota)
		l.quota = bundle_number(spec, 0, "linux", "resources", "cpu", "quota", NULL);
	if (!l.period)
		l.period = bundle_number(spec, 0, "linux", "resources", "cpu", "period", NULL);
	if (!l.memory)
		l.memory = bundle_number(spec, 0, "linux", "resources", "memory", "limit", NULL);
	if (l.period <= 0)
		l.period = 100000; /* the kernel's */
	return l;
}

int size_pod(struct size *size, const struct config *config, const json_t *spec, struct err *err)
{
	struct limits l = limits_of(spec);
	uint64_t memory = config->memory, vcpus = config->vcpus;

	if (l.memory > 0)
		memory += ((uint64_t)l.memory + MiB - 1) / MiB;
	if (l.quota > 0)
		vcpus = MAX(vcpus,
			((uint64_t)l.quota + (uint64_t)l.period - 1) / (uint64_t)l.period);
	memory += memory & 1;
	if (memory > config->max_memory)
		return failx(err, -E2BIG,
			"the pod needs %llu MiB of memory: max_memory in the configuration is %u",
			(unsigned long long)memory, config->max_memory);
	size->memory = (unsigned)memory;
	size->vcpus = (unsigned)MIN(vcpus, (uint64_t)config->max_vcpus);
	return 0;
}
