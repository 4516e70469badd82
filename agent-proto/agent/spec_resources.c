/*
 * Limits, for cgroup v2. On the wire a limit that is not set is 0 and is left out; "unlimited" is
 * -1 and stays. What cgroup v2 has no file for (kernel memory, swappiness, real-time shares, leaf
 * weights, network classes, disabling the OOM killer) is left out too: crun would refuse the
 * container for it, and the host's runtime has accepted it.
 */
#include <string.h>
#include "agent/spec_build.h"

static void put_memory(struct build *b, json_t *parent, const Grpc__LinuxMemory *m)
{
	json_t *object = build_object(b, parent, "memory");

	if (m->limit)
		build_int(b, object, "limit", m->limit);
	if (m->reservation)
		build_int(b, object, "reservation", m->reservation);
	/* the sum of memory and swap: without a limit of memory it limits nothing */
	if (m->swap && (m->limit || m->swap < 0))
		build_int(b, object, "swap", m->swap);
}

static void put_cpu(struct build *b, json_t *parent, const Grpc__LinuxCPU *cpu)
{
	json_t *object = build_object(b, parent, "cpu");

	if (cpu->shares)
		build_unsigned(b, object, "shares", cpu->shares);
	if (cpu->quota)
		build_int(b, object, "quota", cpu->quota);
	if (cpu->period)
		build_unsigned(b, object, "period", cpu->period);
	build_string(b, object, "cpus", cpu->cpus);
	build_string(b, object, "mems", cpu->mems);
}

/* The numbers of a block device in the guest. */
static json_t *put_disk(struct build *b, json_t *array, int64_t major, int64_t minor,
	const Grpc__Linux *spec, const struct spec_place *place)
{
	json_t *object = build_object(b, array, NULL);
	char type = 'b';

	spec_guest_device(spec, place, &type, &major, &minor);
	build_int(b, object, "major", major);
	build_int(b, object, "minor", minor);
	return object;
}

static void put_throttle(struct build *b, json_t *parent, const char *key,
	Grpc__LinuxThrottleDevice *const *list, size_t n, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	json_t *array;

	if (n > SPEC_MAX_DEVICES)
		build_refuse(b, "there are more than %u limits in %s", SPEC_MAX_DEVICES, key);
	if (!n || b->code)
		return;
	array = build_array(b, parent, key);
	for (size_t i = 0; i < n && !b->code; i++)
		build_unsigned(b, put_disk(b, array, list[i]->major, list[i]->minor, spec, place),
			"rate", list[i]->rate);
}

static void put_block_io(struct build *b, json_t *parent, const Grpc__LinuxBlockIO *io,
	const Grpc__Linux *spec, const struct spec_place *place)
{
	json_t *object = build_object(b, parent, "blockIO");
	json_t *array;

	if (io->weight)
		build_int(b, object, "weight", io->weight);
	if (io->n_weightdevice > SPEC_MAX_DEVICES)
		build_refuse(b, "there are more than %u weights of devices", SPEC_MAX_DEVICES);
	array = io->n_weightdevice ? build_array(b, object, "weightDevice") : NULL;
	for (size_t i = 0; i < io->n_weightdevice && !b->code; i++) {
		const Grpc__LinuxWeightDevice *d = io->weightdevice[i];

		build_int(b, put_disk(b, array, d->major, d->minor, spec, place), "weight",
			d->weight);
	}
	put_throttle(b, object, "throttleReadBpsDevice", io->throttlereadbpsdevice,
		io->n_throttlereadbpsdevice, spec, place);
	put_throttle(b, object, "throttleWriteBpsDevice", io->throttlewritebpsdevice,
		io->n_throttlewritebpsdevice, spec, place);
	put_throttle(b, object, "throttleReadIOPSDevice", io->throttlereadiopsdevice,
		io->n_throttlereadiopsdevice, spec, place);
	put_throttle(b, object, "throttleWriteIOPSDevice", io->throttlewriteiopsdevice,
		io->n_throttlewriteiopsdevice, spec, place);
}

/* crun makes a file name of the size. */
static bool is_page_size(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits && digits < 8 &&
		(!strcmp(s + digits, "KB") || !strcmp(s + digits, "MB") ||
			!strcmp(s + digits, "GB"));
}

/* A limit of 0 is left out: kubelet sends one for every page size of the host, the guest need not
 * have that size, and has no huge page that nobody reserved. */
static void put_huge_pages(struct build *b, json_t *parent, const Grpc__LinuxResources *r)
{
	json_t *array = NULL;

	for (size_t i = 0; i < r->n_hugepagelimits && !b->code; i++) {
		const Grpc__LinuxHugepageLimit *limit = r->hugepagelimits[i];
		json_t *object;

		if (!is_page_size(limit->pagesize))
			build_refuse(b, "%s is no size of huge pages", limit->pagesize);
		if (!limit->limit)
			continue;
		if (!array)
			array = build_array(b, parent, "hugepageLimits");
		object = build_object(b, array, NULL);
		build_string(b, object, "pageSize", limit->pagesize);
		build_unsigned(b, object, "limit", limit->limit);
	}
}

void spec_put_limits(struct build *b, json_t *parent, const Grpc__LinuxResources *resources,
	const Grpc__Linux *spec, const struct spec_place *place)
{
	if (resources->memory)
		put_memory(b, parent, resources->memory);
	if (resources->cpu)
		put_cpu(b, parent, resources->cpu);
	if (resources->pids && resources->pids->limit)
		build_int(b, build_object(b, parent, "pids"), "limit", resources->pids->limit);
	if (resources->blockio)
		put_block_io(b, parent, resources->blockio, spec, place);
	put_huge_pages(b, parent, resources);
}

int spec_resources(json_t **out, const Grpc__LinuxResources *resources, struct err *err)
{
	struct build b = { .err = err, .left = SPEC_MAX_VALUES };
	json_t *object = json_object();

	if (resources)
		spec_put_limits(&b, object, resources, NULL, NULL);
	return build_end(&b, object, out);
}
