/*
 * From the gRPC form of an OCI runtime specification, constrained by the runtime as it is (no
 * hooks, no pid namespace, no device rules), to the config.json that crun wants in this guest. A
 * pure translation: nothing is opened or created.
 */
#ifndef SAMPAN_AGENT_SPEC_H
#define SAMPAN_AGENT_SPEC_H

#include <jansson.h>
#include "agent.pb-c.h"
#include "core/err.h"

/* A device of the guest that takes the place of one in the specification, or is added to it. */
struct spec_device {
	const char *container_path;
	char type; /* 'b' or 'c' */
	uint32_t major, minor;
};

struct spec_place {
	const char *container_id;
	const char *rootfs;	     /* root.path to write; NULL: the specification's */
	const char *cgroup_path;     /* plain, below the cgroup root: "/kata/ID" */
	const char *ipc_ns, *uts_ns; /* the sandbox's; NULL: as the specification says */
	const char *pid_ns;	     /* path of the shared one; NULL: a new one */
	const struct spec_device *devices;
	size_t ndevices;
};

/* The whole config.json; *out is the caller's. -EINVAL with a sentence when the specification can't
 * be run (no process, no args, no root...). */
int spec_config(json_t **out, const Grpc__Spec *spec, const struct spec_place *place,
	struct err *err) MUST_USE;

/* The process alone, for `crun exec --process`. */
int spec_process(json_t **out, const Grpc__Process *process, struct err *err) MUST_USE;

/* Sets those of the specification's sysctls that crun would refuse, because what they belong to is
 * the sandbox's or the guest's (spec_config() leaves them out). Before the container is made;
 * enters place's namespaces and comes back: blocking, any thread. 0 or -errno. */
int spec_set_sysctls(const Grpc__Spec *spec, const struct spec_place *place, struct err *err)
	MUST_USE;

/* Resources for `crun update --resources`: device rules are left out (the runtime sends a deny-all
 * one), limits that say "unchanged" as well. */
int spec_resources(json_t **out, const Grpc__LinuxResources *resources, struct err *err) MUST_USE;

#endif
