/*
 * Storages that begin empty and last as long as the pod: tmpfs, huge pages, plain directories; and
 * the RPC that gives a tmpfs another size.
 */
#define _GNU_SOURCE
#include "agent/storage_driver.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/mount_path.h"
#include "agent/rpc.h"
#include "core/log.h"

/* Group and mode of the directory that path names; the group's bit makes new files inherit it. */
static int set_owner(const char *run_dir, const char *path, const struct mount_opts *opts,
	bool set_mode, struct err *err)
{
	const char *rel = path_below(run_dir, path);
	AUTO_FD root = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = root >= 0 && rel ? path_open(root, rel, O_PATH | O_DIRECTORY) : -1;
	struct stat st;
	mode_t mode;

	if (fd < 0 || fstat(fd, &st))
		return fail(err, -errno, "open %s", path);
	mode = set_mode && opts->has_mode ? opts->mode : st.st_mode & 07777;
	if (opts->has_fsgid)
		mode |= S_ISGID;
	if (opts->has_fsgid && fchownat(fd, "", (uid_t)-1, opts->fsgid, AT_EMPTY_PATH))
		return fail(err, -errno, "give %s to the group %u", path, opts->fsgid);
	if (mode != (st.st_mode & 07777) && chmod(path_fd(fd).text, mode))
		return fail(err, -errno, "set the mode of %s", path);
	return 0;
}

static int open_pages(const struct storage_env *env, uint64_t page_size, int flags, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
		env->places->sys, page_size / KiB);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return failx(err, -EINVAL, "this guest has no pages of %" PRIu64 " KiB",
			page_size / KiB);
	return fd < 0 ? fail(err, -errno, "open %s", path) : fd;
}

static int read_pages(const struct storage_env *env, uint64_t page_size, uint64_t *n,
	struct err *err)
{
	AUTO_FD fd = open_pages(env, page_size, O_RDONLY, err);
	char text[32] = "";

	if (fd < 0)
		return fd;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return fail(err, -EIO, "read the number of huge pages");
	*n = strtoull(text, NULL, 10);
	return 0;
}

static int write_pages(const struct storage_env *env, uint64_t page_size, uint64_t n,
	struct err *err)
{
	AUTO_FD fd = open_pages(env, page_size, O_WRONLY | O_TRUNC, err);

	if (fd < 0)
		return fd;
	return dprintf(fd, "%" PRIu64, n) < 0 ? fail(err, -errno, "ask for huge pages") : 0;
}

/* Under the lock of the pages: want more than there are. */
static int add_pages(const struct storage_env *env, uint64_t page_size, uint64_t want,
	struct err *err)
{
	uint64_t before, after = 0, all;
	int rc = read_pages(env, page_size, &before, err);

	if (rc)
		return rc;
	if (!add_ok(before, want, &all))
		return failx(err, -EINVAL, "the size of the huge pages is out of range");
	rc = write_pages(env, page_size, all, err);
	if (!rc)
		rc = read_pages(env, page_size, &after, err);
	if (rc || after >= all)
		return rc;
	rc = failx(err, -ENOMEM,
		"the guest has memory for %" PRIu64 " of %" PRIu64 " huge pages of %" PRIu64 " KiB",
		after > before ? after - before : 0, want, page_size / KiB);
	return write_pages(env, page_size, before, NULL) ? -ENOMEM : rc;
}

static uint64_t pages_of(const struct mount_opts *opts)
{
	return opts->size / opts->page_size + (opts->size % opts->page_size != 0);
}

static int reserve_pages(const struct storage_env *env, const struct mount_opts *opts,
	struct err *err)
{
	int rc;

	if (!opts->page_size || opts->page_size % KiB || !opts->size)
		return failx(err, -EINVAL, "huge pages need the options pagesize= and size=");
	pthread_mutex_lock(env->pages);
	rc = add_pages(env, opts->page_size, pages_of(opts), err);
	pthread_mutex_unlock(env->pages);
	return rc;
}

static void give_pages_back(const struct storage_env *env, const struct mount_opts *opts)
{
	const uint64_t n = pages_of(opts);
	uint64_t now;

	pthread_mutex_lock(env->pages);
	if (!read_pages(env, opts->page_size, &now, NULL) && now >= n &&
		write_pages(env, opts->page_size, now - n, NULL))
		log_warn("%" PRIu64 " huge pages stay reserved", n);
	pthread_mutex_unlock(env->pages);
}

static int mount_ephemeral(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	const Grpc__Storage *r = job->request;
	int rc = storage_mount(env, job, *r->source ? r->source : "none", r->fstype, err);

	if (rc || !job->opts->has_fsgid)
		return rc;
	rc = set_owner(env->config->run_dir, job->path, job->opts, false, err);
	if (rc)
		mount_end(env->config->run_dir, job->path, job->made);
	return rc;
}

int storage_start_ephemeral(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	const bool huge = !strcmp(job->request->fstype, "hugetlbfs");
	int rc = huge ? reserve_pages(env, job->opts, err) : 0;

	if (rc)
		return rc;
	rc = mount_ephemeral(env, job, err);
	if (rc && huge)
		give_pages_back(env, job->opts);
	return rc;
}

int storage_start_local(const struct storage_env *env, struct storage_job *job, struct err *err)
{
	struct mount_point point;
	int rc = mount_point_open(&point, env->config->run_dir, job->path, false, err);

	if (rc)
		return rc;
	close(point.fd);
	return set_owner(env->config->run_dir, job->path, job->opts, true, err);
}

static int update_one(const struct agent_config *config, const Grpc__Storage *r, struct err *err)
{
	struct mount_opts opts;
	int rc;

	if (strcmp(r->driver, "ephemeral") != 0)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT,
			"the storage %s has the driver \"%s\": only ephemeral ones can be updated",
			r->mount_point, r->driver);
	if (!r->n_options)
		return 0;
	rc = mount_opts_parse(&opts, r->options, r->n_options, err);
	if (rc)
		return rc;
	rc = mount_change(config->run_dir, r->mount_point, r->fstype, &opts, err);
	mount_opts_free(&opts);
	return rc;
}

int rpc_update_ephemeral_mounts(struct agent *a, const void *request, void *response UNUSED,
	struct err *err)
{
	const Grpc__UpdateEphemeralMountsRequest *r = request;

	for (size_t i = 0; i < r->n_storages; i++) {
		int rc = update_one(&a->config, r->storages[i], err);

		if (rc)
			return rc;
	}
	return 0;
}
