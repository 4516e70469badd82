/*
 * The drivers that mount what exists already: a virtio-fs share by its tag, a disk, an overlay of
 * directories, a directory or file of the guest, and a copy that follows its source.
 */
#define _GNU_SOURCE
#include "agent/storage_driver.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/mount_path.h"
#include "agent/watch.h"

#define CREATE_DIRECTORY "io.katacontainers.volume.overlayfs.create_directory="

static int mount_at(const struct storage_env *env, struct storage_job *job, const char *source,
	const char *fstype, bool file, struct err *err)
{
	struct mount_point point;
	int rc = mount_point_open(&point, env->config->run_dir, job->path, file, err);

	if (rc)
		return rc;
	rc = mount_on(&point, source, fstype, job->opts, err);
	close(point.fd);
	job->made = point.made;
	job->mounted = !rc;
	if (rc && point.made)
		mount_end(env->config->run_dir, job->path, true);
	return rc;
}

int storage_mount(const struct storage_env *env, struct storage_job *job, const char *source,
	const char *fstype, struct err *err)
{
	if (!*fstype)
		return failx(err, -EINVAL, "the storage %s has no file system type", job->path);
	return mount_at(env, job, source, fstype, false, err);
}

int storage_start_mount(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	return storage_mount(env, job, job->request->source, job->request->fstype, err);
}

int storage_start_disk(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	struct disk disk;
	int rc = disk_find(&disk, env->places, env->uevents, job->request->source,
		env->config->hotplug_timeout_ms, err);

	return rc ? rc : storage_mount(env, job, disk.node, job->request->fstype, err);
}

/* A directory below run_dir, by its absolute path. */
static int make_directory(const struct storage_env *env, const char *path, struct err *err)
{
	const struct path_dirs dirs = { .mode = 0755 };
	const char *rel = path_below(env->config->run_dir, path);
	AUTO_FD root = -1;
	int fd;

	if (!rel || !*rel)
		return failx(err, -EINVAL, "the directory %s is not below %s", path,
			env->config->run_dir);
	root = open(env->config->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(err, -errno, "open %s", env->config->run_dir);
	fd = path_make(root, rel, &dirs, NULL);
	if (fd < 0)
		return fail(err, fd, "make the directory %s", path);
	close(fd);
	return 0;
}

/* The container's own writable layer, beside its bundle. */
static int add_writable(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	static const char *const layers[] = { "upper", "work" };
	char path[PATH_MAX];

	if (!*job->owner || strchr(job->owner, '/') || strlen(job->owner) > NAME_MAX)
		return failx(err, -EINVAL, "a writable overlay needs a container");
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		int rc;

		snprintf(path, sizeof(path), "%s/%s/%s", env->config->run_dir, job->owner,
			layers[i]);
		rc = make_directory(env, path, err);
		if (!rc)
			rc = mount_opts_add(job->opts, err, "%sdir=%s", layers[i], path);
		if (rc)
			return rc;
	}
	return 0;
}

int storage_start_overlay(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	const Grpc__Storage *r = job->request;
	const size_t prefix = strlen(CREATE_DIRECTORY);

	for (size_t i = 0; i < r->n_driver_options; i++) {
		int rc = strncmp(r->driver_options[i], CREATE_DIRECTORY, prefix)
			? 0
			: make_directory(env, r->driver_options[i] + prefix, err);

		if (rc)
			return rc;
	}
	if (job->opts->overlay_rw) {
		int rc = add_writable(env, job, err);

		if (rc)
			return rc;
	}
	return storage_mount(env, job, *r->source ? r->source : "overlay", "overlay", err);
}

int storage_start_bind(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	const char *source = job->request->source;
	struct stat st;

	if (source[0] != '/')
		return failx(err, -EINVAL, "the source \"%s\" of a bind mount is no absolute path",
			source);
	if (stat(source, &st))
		return fail(err, -errno, "look at %s", source);
	job->opts->flags |= MS_BIND;
	return mount_at(env, job, source, NULL, !S_ISDIR(st.st_mode), err);
}

/* What is too large to be copied is mounted as it is: then it changes with its source by itself. */
int storage_start_watchable(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	int rc = watch_add(env->watcher, job->request->source, job->path, err);

	job->watched = !rc;
	return rc == -EFBIG ? storage_start_bind(env, job, err) : rc;
}
