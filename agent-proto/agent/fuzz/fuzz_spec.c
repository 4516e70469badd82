/*
 * Any CreateContainerRequest through the translation. The first byte chooses where the container is
 * placed (its bits: rootfs, ipc, uts, pid, number of devices), the rest is the message. What comes
 * out must be JSON that can be read again.
 */
#include <stdlib.h>
#include <string.h>
#include "agent/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(json_t *config)
{
	char *text = json_dumps(config, JSON_COMPACT);
	json_t *again = text ? json_loads(text, 0, NULL) : NULL;

	if (!again || !json_equal(config, again))
		abort();
	json_decref(again);
	json_decref(config);
	free(text);
}

static void translate(const Grpc__CreateContainerRequest *r, uint8_t choice)
{
	static const struct spec_device devices[] = {
		{ .container_path = "/dev/xvda", .type = 'b', .major = 254, .minor = 16 },
		{ .container_path = "/dev/a", .type = 'c', .major = 1, .minor = 2 },
		{ .container_path = "/dev/xvdb", .type = 'b', .major = 254, .minor = 32 },
	};
	const struct spec_place place = {
		.container_id = r->container_id,
		.rootfs = choice & 1 ? "/rootfs" : NULL,
		.cgroup_path = "/kata/c",
		.ipc_ns = choice & 2 ? "/run/ns/ipc" : NULL,
		.uts_ns = choice & 4 ? "/run/ns/uts" : NULL,
		.pid_ns = choice & 8 ? "/proc/7/ns/pid" : NULL,
		.devices = devices,
		.ndevices = choice >> 4 & 3,
	};
	struct err err = { 0 };
	json_t *out = NULL;

	if (!spec_config(&out, r->oci, &place, &err))
		check(out);
	else if (!*err.msg)
		abort();
	if (r->oci && !spec_process(&out, r->oci->process, &err))
		check(out);
	if (r->oci && r->oci->linux && !spec_resources(&out, r->oci->linux->resources, &err))
		check(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Grpc__CreateContainerRequest *r;

	if (!size)
		return 0;
	r = grpc__create_container_request__unpack(NULL, size - 1, data + 1);
	if (!r)
		return 0;
	translate(r, *data);
	grpc__create_container_request__free_unpacked(r, NULL);
	return 0;
}
