/*
 * The whole config.json: see spec.h. What is not translated, and why:
 *
 * - hooks: they name programs of the host, and the runtime has run them there;
 * - annotations: crun takes orders from some (run.oci.*), which a pod's author could then give;
 * - labels (AppArmor, SELinux) and Intel RDT: the guest has no such policy;
 * - network and time namespaces: the guest's network is the pod's.
 */
#include <string.h>
#include "agent/spec_build.h"

#define OCI_VERSION "1.0.2" /* of what is written here; crun knows it by its first digits */

bool spec_has_namespace(const Grpc__Linux *spec, const char *type)
{
	for (size_t i = 0; spec && i < spec->n_namespaces; i++)
		if (!strcmp(spec->namespaces[i]->type, type))
			return true;
	return false;
}

static const char *namespace_path(const Grpc__Linux *spec, const char *type)
{
	for (size_t i = 0; spec && i < spec->n_namespaces; i++)
		if (!strcmp(spec->namespaces[i]->type, type))
			return spec->namespaces[i]->path;
	return NULL;
}

static void put_root(struct build *b, json_t *config, const Grpc__Root *root,
	const struct spec_place *place)
{
	json_t *object = build_object(b, config, "root");
	const char *path = place->rootfs ? place->rootfs : root ? root->path : "";

	if (!*path)
		build_refuse(b, "the specification has no root file system");
	build_string(b, object, "path", path);
	build_bool(b, object, "readonly", root && root->readonly);
}

static bool has_option(const Grpc__Mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (!strcmp(m->options[i], option))
			return true;
	return false;
}

/* The runtime leaves its own words for where a directory came from ("local") as a type. */
static void put_mount(struct build *b, json_t *array, const Grpc__Mount *m)
{
	bool bound = has_option(m, "bind") || has_option(m, "rbind");
	bool bind = bound || !strcmp(m->type, "bind") || !strcmp(m->type, "local") ||
		!strcmp(m->type, "ephemeral");
	json_t *object = build_object(b, array, NULL);
	json_t *options;

	if (*m->destination != '/')
		build_refuse(b, "the mount point %s is not absolute", m->destination);
	if (bind && !*m->source)
		build_refuse(b, "there is nothing to mount on %s", m->destination);
	build_string(b, object, "destination", m->destination);
	build_string(b, object, "type", bind ? "bind" : m->type);
	build_string(b, object, "source", m->source);
	if (!m->n_options && !bind)
		return;
	options = build_array(b, object, "options");
	if (bind && !bound)
		build_string(b, options, NULL, "rbind");
	for (size_t i = 0; i < m->n_options && !b->code; i++)
		if (*m->options[i])
			build_string(b, options, NULL, m->options[i]);
}

static void put_namespace(struct build *b, json_t *array, const char *type, const char *path)
{
	json_t *object = build_object(b, array, NULL);

	build_string(b, object, "type", type);
	build_string(b, object, "path", path);
}

/* Its own mounts and view of cgroups in any case; the sandbox's where it has some. */
static void put_namespaces(struct build *b, json_t *parent, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	json_t *array = build_array(b, parent, "namespaces");

	put_namespace(b, array, "mount", namespace_path(spec, "mount"));
	put_namespace(b, array, "cgroup", NULL);
	put_namespace(b, array, "pid", place->pid_ns);
	if (place->ipc_ns || spec_has_namespace(spec, "ipc"))
		put_namespace(b, array, "ipc",
			place->ipc_ns ? place->ipc_ns : namespace_path(spec, "ipc"));
	if (place->uts_ns || spec_has_namespace(spec, "uts"))
		put_namespace(b, array, "uts",
			place->uts_ns ? place->uts_ns : namespace_path(spec, "uts"));
	if (!spec_has_namespace(spec, "user"))
		return;
	if (!*namespace_path(spec, "user") && (!spec->n_uidmappings || !spec->n_gidmappings))
		build_refuse(b, "the specification has a user namespace without mappings");
	put_namespace(b, array, "user", namespace_path(spec, "user"));
}

static void put_mappings(struct build *b, json_t *parent, const char *key,
	Grpc__LinuxIDMapping *const *list, size_t n)
{
	json_t *array = n ? build_array(b, parent, key) : NULL;

	for (size_t i = 0; i < n && !b->code; i++) {
		json_t *object = build_object(b, array, NULL);

		build_int(b, object, "containerID", list[i]->containerid);
		build_int(b, object, "hostID", list[i]->hostid);
		build_int(b, object, "size", list[i]->size);
	}
}

static void put_sysctls(struct build *b, json_t *parent, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	json_t *object = NULL;

	for (size_t i = 0; i < spec->n_sysctl && !b->code; i++) {
		const Grpc__Linux__SysctlEntry *e = spec->sysctl[i];

		if (!spec_sysctl_is_cruns(e->key, spec, place))
			continue;
		if (!object)
			object = build_object(b, parent, "sysctl");
		build_put(b, object, e->key, json_string(e->value));
	}
}

static void put_linux(struct build *b, json_t *config, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	json_t *object = build_object(b, config, "linux");
	json_t *resources;

	build_string(b, object, "cgroupsPath", place->cgroup_path);
	put_namespaces(b, object, spec, place);
	spec_put_devices(b, object, spec, place);
	resources = build_object(b, object, "resources");
	spec_put_device_rules(b, resources, spec, place);
	if (!spec)
		return;
	if (spec->resources)
		spec_put_limits(b, resources, spec->resources, spec, place);
	if (spec_has_namespace(spec, "user")) {
		put_mappings(b, object, "uidMappings", spec->uidmappings, spec->n_uidmappings);
		put_mappings(b, object, "gidMappings", spec->gidmappings, spec->n_gidmappings);
	}
	put_sysctls(b, object, spec, place);
	if (spec->seccomp)
		spec_put_seccomp(b, object, spec->seccomp);
	build_string(b, object, "rootfsPropagation", spec->rootfspropagation);
	build_strings(b, object, "maskedPaths", spec->maskedpaths, spec->n_maskedpaths);
	build_strings(b, object, "readonlyPaths", spec->readonlypaths, spec->n_readonlypaths);
}

static void put_config(struct build *b, json_t *config, const Grpc__Spec *spec,
	const struct spec_place *place)
{
	json_t *mounts;

	build_string(b, config, "ociVersion", OCI_VERSION);
	spec_put_process(b, config, spec->process);
	put_root(b, config, spec->root, place);
	if (place->uts_ns || spec_has_namespace(spec->linux, "uts"))
		build_string(b, config, "hostname", spec->hostname);
	mounts = build_array(b, config, "mounts");
	for (size_t i = 0; i < spec->n_mounts && !b->code; i++)
		put_mount(b, mounts, spec->mounts[i]);
	put_linux(b, config, spec->linux, place);
}

int spec_config(json_t **out, const Grpc__Spec *spec, const struct spec_place *place,
	struct err *err)
{
	struct build b = { .err = err, .left = SPEC_MAX_VALUES };
	json_t *config = json_object();

	if (!spec)
		build_refuse(&b, "there is no specification");
	else if (!spec->process)
		build_refuse(&b, "the specification has no process");
	else
		put_config(&b, config, spec, place);
	return build_end(&b, config, out);
}
