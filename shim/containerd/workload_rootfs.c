/* A container's root file system: what rootfs.h planned, done. */
#include <stdio.h>
#include <string.h>
#include "shim/containerd/bundle.h"
#include "shim/containerd/mounts.h"
#include "shim/containerd/share.h"
#include "shim/containerd/workload_inner.h"

static int set_root(struct workload *w, const char *path, struct err *err)
{
	json_t *root = json_object_get(w->spec, "root");

	if (!json_is_object(root))
		return failx(err, -EINVAL, "the specification has no root");
	json_object_set_new(root, "path", json_string(path));
	return 0;
}

/* --- shared --- */

static int share_name(const struct workload *w, char name[GUEST_PATH])
{
	return snprintf(name, GUEST_PATH, "%s/rootfs", w->wish->id);
}

static int set_shared_root(struct workload *w, struct err *err)
{
	char path[GUEST_PATH];

	snprintf(path, sizeof(path), SHARE_GUEST "%s/rootfs", w->wish->id);
	return set_root(w, path, err);
}

static int mount_list(struct workload *w, struct err *err)
{
	char name[GUEST_PATH], target[GUEST_PATH + 32];
	int rc;

	share_name(w, name);
	rc = workload_shared(w, name, err);
	if (!rc)
		rc = share_make(name, err);
	snprintf(target, sizeof(target), SHARE_DIR "/%s", name);
	for (size_t i = 0; i < w->wish->nrootfs && !rc; i++) {
		const struct rootfs_mount *m = &w->wish->rootfs[i];

		rc = mount_one(m->type, m->source, target, m->options, m->noptions, err);
	}
	return rc ? rc : set_shared_root(w, err);
}

/* Without mounts: the directory that the specification names, from the bundle on. */
static int bind_path(struct workload *w, struct err *err)
{
	const char *path = bundle_text(w->spec, "root", "path", NULL);
	char name[GUEST_PATH], source[4096];
	int rc;

	if (!path || !*path)
		return failx(err, -EINVAL, "the specification has no root file system");
	snprintf(source, sizeof(source), "%s%s%s", *path == '/' ? "" : w->wish->bundle,
		*path == '/' ? "" : "/", path);
	share_name(w, name);
	rc = workload_shared(w, name, err);
	if (!rc)
		rc = share_bind(name, source, false, err);
	return rc ? rc : set_shared_root(w, err);
}

/* --- disks --- */

/* "device=FILE" of an erofs names one more disk: the guest's name takes its place. */
static int pass_option(struct workload *w, Grpc__Storage *s, const char *option, struct err *err)
{
	static const char device[] = "device=";
	char name[16];
	int rc = 0;

	if (strncmp(option, device, strlen(device)) != 0)
		return workload_option(&s->options, &s->n_options, "%s", option)
			? fail(err, -ENOMEM, "make a container")
			: 0;
	rc = workload_plug(w, option + strlen(device), true, name, err);
	if (!rc && workload_option(&s->options, &s->n_options, "device=%s", name))
		rc = fail(err, -ENOMEM, "make a container");
	return rc;
}

static int pass_options(struct workload *w, Grpc__Storage *s, const struct rootfs_disk *d,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < d->noptions && !rc; i++) {
		const char *o = d->options[i];

		if (strcmp(o, "loop") != 0 && strcmp(o, "rw") != 0 && strcmp(o, "ro") != 0 &&
			strncmp(o, "X-", 2) != 0)
			rc = pass_option(w, s, o, err);
	}
	if (!rc && d->readonly && workload_option(&s->options, &s->n_options, "ro"))
		rc = fail(err, -ENOMEM, "make a container");
	return rc;
}

static int add_disk(struct workload *w, const struct rootfs_disk *d, const char *mount_point,
	struct err *err)
{
	Grpc__Storage *s;
	char name[16];
	int rc = workload_plug(w, d->source, d->readonly, name, err);

	if (rc)
		return rc;
	s = workload_storage(w, "mmioblk", name, d->type, mount_point);
	return s ? pass_options(w, s, d, err) : fail(err, -ENOMEM, "make a container");
}

static void layer_path(const struct workload *w, char path[GUEST_PATH], unsigned i)
{
	snprintf(path, GUEST_PATH, GUEST_RUN "layer/%u/%u", w->wish->number, i);
}

/* The layers' mount points, topmost first. */
static char *lower_option(const struct workload *w, const struct rootfs_plan *plan)
{
	size_t room = 16 + plan->nlower * (size_t)64;
	char *text = malloc(room), path[GUEST_PATH];
	size_t at;

	if (!text)
		return NULL;
	at = (size_t)snprintf(text, room, "lowerdir=");
	for (unsigned i = 0; i < plan->nlower; i++) {
		layer_path(w, path, plan->lower[i]);
		at += (size_t)snprintf(text + at, room - at, "%s%s", i ? ":" : "", path);
	}
	return text;
}

/* upperdir and workdir, made by the agent: on the writable disk, or in the guest's memory. */
static int add_writable(struct workload *w, const struct rootfs_plan *plan, Grpc__Storage *s)
{
	const char *const names[] = { "upperdir", "workdir" };
	const char *const dirs[] = { plan->upperdir, plan->workdir };
	char path[GUEST_PATH];
	int rc = 0;

	if (plan->readonly)
		return 0;
	if (plan->upper < 0)
		return workload_option(&s->options, &s->n_options,
			"io.katacontainers.fs-opt.overlay-rw");
	layer_path(w, path, (unsigned)plan->upper);
	for (size_t i = 0; i < ARRAY_SIZE(names) && !rc; i++) {
		rc = workload_option(&s->options, &s->n_options, "%s=%s/%s", names[i], path,
			dirs[i]);
		if (!rc)
			rc = workload_option(&s->driver_options, &s->n_driver_options,
				"io.katacontainers.volume.overlayfs.create_directory=%s/%s", path,
				dirs[i]);
	}
	return rc;
}

static int add_overlay(struct workload *w, const struct rootfs_plan *plan, const char *mount_point,
	struct err *err)
{
	Grpc__Storage *s = workload_storage(w, "overlayfs", "overlay", "overlay", mount_point);
	AUTO_FREE char *lower = lower_option(w, plan);

	if (!s || !lower || workload_option(&s->options, &s->n_options, "%s", lower) ||
		add_writable(w, plan, s))
		return fail(err, -ENOMEM, "make a container");
	return 0;
}

/* One layer needs no overlay when nothing, or the layer itself, is written. */
static bool is_plain(const struct rootfs_plan *plan)
{
	return plan->nlower == 1 && (plan->readonly || (plan->upper >= 0 && !*plan->workdir));
}

static int add_layers(struct workload *w, const struct rootfs_plan *plan, struct err *err)
{
	char path[GUEST_PATH], layer[GUEST_PATH];
	int rc = 0;

	for (unsigned i = 0; i < plan->ndisks && !rc; i++) {
		layer_path(w, layer, i);
		rc = add_disk(w, &plan->disks[i], layer, err);
	}
	if (rc)
		return rc;
	layer_path(w, layer, plan->lower[0]);
	snprintf(path, sizeof(path), GUEST_RUN "rootfs/%s", w->wish->id);
	if (is_plain(plan))
		snprintf(path, sizeof(path), "%.400s%s%s", layer, *plan->upperdir ? "/" : "",
			plan->upperdir);
	else
		rc = add_overlay(w, plan, path, err);
	return rc ? rc : set_root(w, path, err);
}

static int add_one_disk(struct workload *w, const struct rootfs_plan *plan, struct err *err)
{
	char path[GUEST_PATH];
	int rc;

	snprintf(path, sizeof(path), GUEST_RUN "rootfs/%s", w->wish->id);
	rc = add_disk(w, &plan->disks[0], path, err);
	return rc ? rc : set_root(w, path, err);
}

int workload_rootfs(struct workload *w, struct err *err)
{
	AUTO_FREE struct rootfs_plan *plan = malloc(sizeof(*plan));
	int rc = plan ? rootfs_plan(plan, w->wish->rootfs, w->wish->nrootfs, err)
		      : fail(err, -ENOMEM, "make a container");

	if (!rc && !w->wish->shared_files && plan->kind <= ROOTFS_SHARED)
		rc = failx(err, -EOPNOTSUPP,
			"the root file system is a directory: where \"shared_files\" is false it "
			"must be a disk, as of the blockfile or erofs snapshotter");
	if (rc)
		return rc;
	switch (plan->kind) {
	case ROOTFS_PATH:
		return bind_path(w, err);
	case ROOTFS_SHARED:
		return mount_list(w, err);
	case ROOTFS_DISK:
		return add_one_disk(w, plan, err);
	case ROOTFS_OVERLAY:
		break;
	}
	return add_layers(w, plan, err);
}
