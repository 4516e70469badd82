/* How full a volume is, for the kubelet's figures: statfs(2) of its mount point in the guest. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/vfs.h>

#include "agent/agent.h"
#include "agent/mount_path.h"
#include "agent/rpc.h"

static int open_volume(const char *run_dir, const char *path)
{
	const char *rel = path_below(run_dir, path);
	AUTO_FD root = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	return path_open(root, rel, O_PATH);
}

static Grpc__VolumeUsage *usage_new(Grpc__VolumeUsage__Unit unit, uint64_t total, uint64_t free,
	uint64_t available)
{
	Grpc__VolumeUsage *u = malloc(sizeof(*u));

	if (!u)
		return NULL;
	grpc__volume_usage__init(u);
	u->unit = unit;
	u->total = total;
	u->used = total > free ? total - free : 0;
	u->available = available;
	return u;
}

static uint64_t bytes(uint64_t blocks, uint64_t size)
{
	uint64_t n;

	return mul_ok(blocks, size, &n) ? n : UINT64_MAX;
}

int rpc_get_volume_stats(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__VolumeStatsRequest *r = request;
	Grpc__VolumeStatsResponse *out = response;
	AUTO_FD fd = -1;
	struct statfs fs;
	uint64_t block;

	if (!path_below(a->config.run_dir, r->volume_guest_path))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "the volume %s is not below %s",
			r->volume_guest_path, a->config.run_dir);
	fd = open_volume(a->config.run_dir, r->volume_guest_path);
	if (fd < 0)
		return fail(err, fd, "open the volume %s", r->volume_guest_path);
	if (fstatfs(fd, &fs))
		return fail(err, -errno, "look at the volume %s", r->volume_guest_path);
	block = (uint64_t)(fs.f_frsize ? fs.f_frsize : fs.f_bsize);
	out->volume_condition = malloc(sizeof(*out->volume_condition));
	if (out->volume_condition)
		grpc__volume_condition__init(out->volume_condition);
	out->usage = calloc(2, sizeof(Grpc__VolumeUsage *));
	if (!out->usage || !out->volume_condition)
		return fail(err, -ENOMEM, "tell the figures of a volume");
	out->usage[0] = usage_new(GRPC__VOLUME_USAGE__UNIT__BYTES, bytes(fs.f_blocks, block),
		bytes(fs.f_bfree, block), bytes(fs.f_bavail, block));
	out->n_usage = out->usage[0] != NULL;
	out->usage[1] = usage_new(GRPC__VOLUME_USAGE__UNIT__INODES, fs.f_files, fs.f_ffree,
		fs.f_ffree);
	out->n_usage += out->n_usage && out->usage[1];
	if (out->n_usage == 2)
		return 0;
	if (!out->n_usage)
		free(out->usage[1]);
	return fail(err, -ENOMEM, "tell the figures of a volume");
}
