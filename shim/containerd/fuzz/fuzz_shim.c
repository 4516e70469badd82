/*
 * What others write to the shim, taken apart: the first byte chooses between containerd's message
 * to `start`, the configuration, a request with its root file system, an OCI specification with
 * what is made of it, and a command line.
 */
#include <stdio.h>
#include <string.h>
#include "agent.pb-c.h"
#include "shim/containerd/args.h"
#include "shim/containerd/bootstrap.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/cgroup.h"
#include "shim/containerd/mounts.h"
#include "shim/containerd/oci.h"
#include "shim/containerd/rootfs.h"
#include "shim/containerd/size.h"
#include "task.pb-c.h"
#include "ttrpc/budget.h"

#define WORDS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A refusal has a sentence. */
static void check(int rc, const struct err *err)
{
	if (rc && !*err->msg)
		abort();
}

static void bootstrap(const uint8_t *data, size_t size)
{
	struct bootstrap b;
	struct err err = { 0 };

	check(bootstrap_parse(&b, data, size, "id", "ns", &err), &err);
	bootstrap_free(&b);
}

static void configuration(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = malloc(size + 1);
	struct config_source from = { .text = text, .len = size };
	struct config c;
	struct err err = { 0 };
	int rc;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = 0;
	rc = config_load(&c, &from, &err);
	check(rc, &err);
	if (rc)
		return;
	if (!c.vcpus || c.vcpus > c.max_vcpus || c.memory > c.max_memory || !c.image == !c.initrd)
		abort();
	config_free(&c);
}

static void flags(const Containerd__Types__Mount *m)
{
	struct mount_flags f;
	struct err err = { 0 };

	check(mount_flags_parse(&f, m->options, m->n_options, &err), &err);
	free(f.data);
}

static void plan(const Containerd__Task__V2__CreateTaskRequest *r)
{
	AUTO_FREE struct rootfs_mount *m = calloc(r->n_rootfs + 1, sizeof(*m));
	AUTO_FREE struct rootfs_plan *p = malloc(sizeof(*p));
	struct err err = { 0 };
	int rc;

	if (!m || !p)
		return;
	for (size_t i = 0; i < r->n_rootfs; i++) {
		m[i] = (struct rootfs_mount){ r->rootfs[i]->type, r->rootfs[i]->source,
			r->rootfs[i]->options, r->rootfs[i]->n_options };
		flags(r->rootfs[i]);
	}
	rc = rootfs_plan(p, m, r->n_rootfs, &err);
	check(rc, &err);
	for (unsigned i = 0; !rc && i < p->nlower; i++)
		if (p->lower[i] >= p->ndisks)
			abort();
	if (!rc && (p->upper >= (int)p->ndisks || strstr(p->upperdir, "..")))
		abort();
}

static void request(const uint8_t *data, size_t size)
{
	struct budget budget = { .left = BUDGET_MESSAGE };
	size_t taken;
	ProtobufCMessage *m = budget_unpack(&budget,
		&containerd__task__v2__create_task_request__descriptor, data, size, &taken);

	if (!m)
		return;
	plan((const Containerd__Task__V2__CreateTaskRequest *)m);
	protobuf_c_message_free_unpacked(m, NULL);
}

static void use_specification(const json_t *spec)
{
	const char *path = bundle_text(spec, "linux", "cgroupsPath", NULL);
	const struct config_source none = { .text = "{}", .len = 2 };
	ProtobufCMessage *m = NULL;
	struct bundle_group group;
	struct config config;
	struct size size;
	struct err err = { 0 };
	char dir[CGROUP_PATH];

	check(bundle_group(&group, spec, "id", &err), &err);
	check(cgroup_directory(dir, path ? path : "", &err), &err);
	if (strstr(dir, ".."))
		abort();
	if (!config_load(&config, &none, &err)) {
		check(size_pod(&size, &config, spec, &err), &err);
		check(config_annotate(&config, spec, &err), &err);
		config_free(&config);
	}
	check(oci_message(&m, &grpc__spec__descriptor, spec, &err), &err);
	protobuf_c_message_free_unpacked(m, NULL);
}

static void specification(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	json_t *spec;
	int rc = bundle_parse(&spec, (const char *)data, size, "it", &err);

	check(rc, &err);
	if (rc)
		return;
	use_specification(spec);
	json_decref(spec);
}

static void command_line(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = malloc(size + 1);
	char *argv[WORDS];
	struct err err = { 0 };
	struct args a;
	int argc = 0, rc;

	if (!copy)
		return;
	memcpy(copy, data, size);
	copy[size] = 0;
	for (size_t at = 0; at < size && argc < WORDS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	rc = args_parse(&a, argc, argv, &err);
	check(rc, &err);
	if (!rc && !a.info && !a.version && !a.help && (strchr(a.id, '/') || !a.action))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(const uint8_t *data, size_t size) = { bootstrap, configuration,
		request, specification, command_line };

	if (size)
		parts[*data % ARRAY_SIZE(parts)](data + 1, size - 1);
	return 0;
}
