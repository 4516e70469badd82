/*
 * A container's volumes. What the guest has of its own (/proc, a tmpfs, /dev/shm) it mounts itself;
 * a file or directory of the host is shared; a block device becomes a disk. Three kinds of the
 * kubelet's volumes are told by their paths (kubernetes.io~...): an emptyDir in memory is made in
 * the guest's memory, and of ConfigMaps, Secrets and the like the agent keeps a copy that follows
 * the host's, so that a program can wait for changes by inotify, which the share can't tell.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include "shim/containerd/share.h"
#include "shim/containerd/workload_inner.h"

struct mount {
	json_t *json;
	const char *source, *destination;
	json_t *options;
	bool readonly;
	unsigned number;
};

static bool has_option(const json_t *options, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach (options, i, item)
		if (json_is_string(item) && !strcmp(json_string_value(item), word))
			return true;
	return false;
}

static bool is_bind(const json_t *m, const json_t *options)
{
	const char *type = json_string_value(json_object_get(m, "type"));

	return (type && !strcmp(type, "bind")) || has_option(options, "bind") ||
		has_option(options, "rbind");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : "dir";
}

static void set_source(struct mount *m, const char *source)
{
	json_object_set_new(m->json, "source", json_string(source));
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

/* --- kinds --- */

static bool is_memory_dir(const char *path)
{
	struct statfs fs;

	return strstr(path, "/kubernetes.io~empty-dir/") && !statfs(path, &fs) &&
		(unsigned long)fs.f_type == TMPFS_MAGIC;
}

static bool is_watched(const char *path, const struct stat *st)
{
	static const char *const kinds[] = { "/kubernetes.io~configmap/", "/kubernetes.io~secret/",
		"/kubernetes.io~projected/", "/kubernetes.io~downward-api/" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strstr(path, kinds[i]))
			return S_ISDIR(st->st_mode);
	return false;
}

/* A tmpfs of the guest's, of the size and group that the kubelet gave the host's. */
static int use_memory(struct workload *w, struct mount *m, const struct stat *st, struct err *err)
{
	char path[GUEST_PATH];
	struct statfs fs;
	Grpc__Storage *s;
	int rc = 0;

	snprintf(path, sizeof(path), GUEST_RUN "sandbox/ephemeral/%.200s", base_name(m->source));
	s = workload_storage(w, "ephemeral", "tmpfs", "tmpfs", path);
	if (!s)
		return fail(err, -ENOMEM, "make the volume %s", m->destination);
	if (!statfs(m->source, &fs) && fs.f_blocks)
		rc = workload_option(&s->options, &s->n_options, "size=%llu",
			(unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize);
	if (!rc)
		rc = workload_option(&s->options, &s->n_options, "mode=%o",
			(unsigned)st->st_mode & 07777);
	if (!rc && st->st_gid)
		rc = workload_option(&s->options, &s->n_options, "fsgid=%u", st->st_gid);
	if (rc)
		return fail(err, -ENOMEM, "make the volume %s", m->destination);
	set_source(m, path);
	return 0;
}

static int watch(struct workload *w, const char *source, const char *name, char path[GUEST_PATH],
	struct err *err)
{
	Grpc__Storage *s;

	snprintf(path, GUEST_PATH, SHARE_GUEST "watchable/%.300s", name);
	s = workload_storage(w, "watchable-bind", source, "bind", path);
	return !s || workload_option(&s->options, &s->n_options, "rbind") ||
			workload_option(&s->options, &s->n_options, "ro")
		? fail(err, -ENOMEM, "make a volume")
		: 0;
}

/* Without a share: what the container changes in its copy is not seen on the host. */
static int copy(struct workload *w, struct mount *m, const char *name, const struct stat *st,
	struct err *err)
{
	char path[GUEST_PATH];
	int rc;

	if (!S_ISREG(st->st_mode))
		return failx(err, -EOPNOTSUPP,
			"mount %s on %s: only files can be had where \"shared_files\" is false",
			m->source, m->destination);
	snprintf(path, sizeof(path), SHARE_GUEST "%.400s", name);
	rc = workload_copy(w, m->source, path, err);
	set_source(m, path);
	return rc;
}

static int share(struct workload *w, struct mount *m, const struct stat *st, struct err *err)
{
	char name[GUEST_PATH], path[GUEST_PATH];
	int rc;

	snprintf(name, sizeof(name), "%s-%u-%.200s", w->wish->id, m->number, base_name(m->source));
	if (!w->wish->shared_files)
		return copy(w, m, name, st, err);
	rc = workload_shared(w, name, err);
	if (!rc)
		rc = share_bind(name, m->source, m->readonly, err);
	snprintf(path, sizeof(path), SHARE_GUEST "%.400s", name);
	if (!rc && m->readonly && w->wish->watch_config_maps && is_watched(m->source, st)) {
		char source[GUEST_PATH];

		memcpy(source, path, sizeof(source));
		rc = watch(w, source, name, path, err);
	}
	set_source(m, path);
	return rc;
}

/* Told to the agent as a device; the mount itself goes. */
static int use_disk(struct workload *w, const struct mount *m, struct err *err)
{
	char name[16];
	int rc = workload_plug(w, m->source, m->readonly, name, err);

	if (!rc && !workload_device(w, name, m->destination))
		rc = fail(err, -ENOMEM, "make the volume %s", m->destination);
	return rc;
}

/* 1: the mount is to be left out. */
static int rewrite_bind(struct workload *w, struct mount *m, struct err *err)
{
	struct stat st;
	int rc;

	if (!strcmp(m->destination, "/dev/shm")) {
		set_source(m, GUEST_SHM);
		return 0;
	}
	if (is_below(m->source, "/proc") || is_below(m->source, "/sys") ||
		!strcmp(m->source, "/dev"))
		return 0; /* the guest's own */
	if (stat(m->source, &st))
		return fail(err, -errno, "mount %s on %s", m->source, m->destination);
	if (S_ISBLK(st.st_mode)) {
		rc = use_disk(w, m, err);
		return rc ? rc : 1;
	}
	if (S_ISCHR(st.st_mode))
		return 0; /* the guest's device of this name */
	if (S_ISDIR(st.st_mode) && is_memory_dir(m->source))
		return use_memory(w, m, &st, err);
	return share(w, m, &st, err);
}

static int rewrite(struct workload *w, json_t *json, unsigned number, struct err *err)
{
	struct mount m = { .json = json,
		.source = json_string_value(json_object_get(json, "source")),
		.destination = json_string_value(json_object_get(json, "destination")),
		.options = json_object_get(json, "options"),
		.number = number };

	if (!is_bind(json, m.options))
		return 0;
	m.readonly = has_option(m.options, "ro");
	if (!m.source || *m.source != '/' || !m.destination)
		return failx(err, -EINVAL, "the mount on %.80s has no absolute source",
			m.destination ? m.destination : "nothing");
	return rewrite_bind(w, &m, err);
}

int workload_mounts(struct workload *w, struct err *err)
{
	json_t *list = json_object_get(w->spec, "mounts");
	size_t i = 0;

	for (unsigned number = 0; i < json_array_size(list); number++) {
		int rc = rewrite(w, json_array_get(list, i), number, err);

		if (rc < 0)
			return rc;
		if (rc)
			json_array_remove(list, i);
		else
			i++;
	}
	return 0;
}
