/*
 * What of a specification holds in the guest. The pod's namespaces are the machine itself (network,
 * time) or the agent's (ipc, uts, pid); numbers of the host's devices, CPUs and block devices mean
 * nothing there; hooks name programs of the host; labels are of the host's policies.
 */
#include <stdio.h>
#include <string.h>
#include "core/log.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/file.h"
#include "shim/containerd/workload_inner.h"

/* --- block devices --- */

/* The name below /dev of the block device with these numbers: DEVNAME in its uevent file. */
static int device_node(char *path, size_t size, int64_t major, int64_t minor, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char file[80], *name, *end;
	size_t len;
	int rc;

	snprintf(file, sizeof(file), "/sys/dev/block/%lld:%lld/uevent", (long long)major,
		(long long)minor);
	rc = file_read(file, 4096, &text, &len, err);
	if (rc)
		return rc;
	name = strstr(text, "DEVNAME=");
	if (!name)
		return failx(err, -ENODEV, "%s names no device", file);
	name += strlen("DEVNAME=");
	end = strchr(name, '\n');
	snprintf(path, size, "/dev/%.*s", (int)(end ? end - name : (long)strlen(name)), name);
	return 0;
}

/* Whether a rule of the device cgroup lets it be read only. */
static bool is_readonly(const struct workload *w, int64_t major, int64_t minor)
{
	const json_t *list = json_object_get(json_object_get(json_object_get(w->wish->spec,
								     "linux"),
						     "resources"),
		"devices");
	const json_t *rule;
	bool readonly = false;
	size_t i;

	json_array_foreach (list, i, rule) {
		const char *access = bundle_text(rule, "access", NULL);

		if (access && json_is_true(json_object_get(rule, "allow")) &&
			bundle_number(rule, -1, "major", NULL) == major &&
			bundle_number(rule, -1, "minor", NULL) == minor)
			readonly = !strchr(access, 'w');
	}
	return readonly;
}

static int add_block_device(struct workload *w, const json_t *device, struct err *err)
{
	int64_t major = bundle_number(device, 0, "major", NULL);
	int64_t minor = bundle_number(device, 0, "minor", NULL);
	const char *path = bundle_text(device, "path", NULL);
	char node[160], name[16];
	int rc = path ? device_node(node, sizeof(node), major, minor, err)
		      : failx(err, -EINVAL, "a device of the specification has no path");

	if (!rc)
		rc = workload_plug(w, node, is_readonly(w, major, minor), name, err);
	if (rc)
		return err_prefix(err, rc, "device %s", path ? path : "");
	return workload_device(w, name, path) ? 0 : fail(err, -ENOMEM, "device %s", path);
}

/* A privileged container has all devices of the host in its specification: what is in use there
 * (a disk with a mounted file system) is left out. */
int workload_devices(struct workload *w, struct err *err)
{
	json_t *list = json_object_get(json_object_get(w->spec, "linux"), "devices");
	size_t i = 0;

	while (i < json_array_size(list)) {
		const json_t *device = json_array_get(list, i);
		const char *type = bundle_text(device, "type", NULL);
		int rc = type && !strcmp(type, "b") ? add_block_device(w, device, err) : 0;

		if (rc == -EBUSY || rc == -ENOENT || rc == -ENXIO) {
			log_warn("container %s does without it: %s", w->wish->id, err->msg);
			json_array_remove(list, i);
			*err = (struct err){ 0 };
			continue;
		}
		if (rc)
			return rc;
		i++;
	}
	return 0;
}

/* --- what is taken out --- */

static void drop(json_t *object, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_object_del(object, names[i]);
}

/* Those that the agent knows what to do with; it has the paths itself. */
static void set_namespaces(struct workload *w, json_t *linux_part)
{
	static const char *const kept[] = { "ipc", "uts", "mount" };
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (bundle_namespace(w->wish->spec, kept[i]))
			json_array_append_new(list, json_pack("{s:s}", "type", kept[i]));
	json_object_set_new(linux_part, "namespaces", list);
}

/* A pod's sysctls are in its sandbox's specification; nothing runs there. */
static void add_sysctls(const struct workload *w, json_t *linux_part)
{
	json_t *pods = json_object_get(json_object_get(w->wish->sandbox, "linux"), "sysctl");
	json_t *own = json_object_get(linux_part, "sysctl");

	if (!json_object_size(pods))
		return;
	if (own)
		json_object_update_missing(own, pods);
	else
		json_object_set_new(linux_part, "sysctl", json_deep_copy(pods));
}

void workload_constrain(struct workload *w)
{
	static const char *const top[] = { "hooks", "annotations", "solaris", "windows", "vm",
		"zos", "domainname" };
	static const char *const process[] = { "apparmorProfile", "selinuxLabel", "ioPriority",
		"scheduler", "execCPUAffinity" };
	static const char *const kernel[] = { "uidMappings", "gidMappings", "intelRdt",
		"mountLabel", "timeOffsets", "personality" };
	static const char *const resources[] = { "devices", "network", "blockIO", "hugepageLimits",
		"rdma", "unified" };
	static const char *const cpu[] = { "cpus", "mems", "realtimeRuntime", "realtimePeriod" };
	json_t *linux_part = json_object_get(w->spec, "linux");
	json_t *limits = json_object_get(linux_part, "resources");

	drop(w->spec, top, ARRAY_SIZE(top));
	drop(json_object_get(w->spec, "process"), process, ARRAY_SIZE(process));
	drop(linux_part, kernel, ARRAY_SIZE(kernel));
	drop(limits, resources, ARRAY_SIZE(resources));
	drop(json_object_get(limits, "cpu"), cpu, ARRAY_SIZE(cpu));
	if (!w->wish->seccomp)
		json_object_del(linux_part, "seccomp");
	if (!json_is_object(linux_part))
		return;
	set_namespaces(w, linux_part);
	add_sysctls(w, linux_part);
}
