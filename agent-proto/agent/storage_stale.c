/*
 * After a container has gone, what the host took away from the share may still be held here: by
 * looking at each mount below the share, the share's server is made to forget what it no longer
 * needs, and mounts of what is gone are let go. Called after every container's removal; has no
 * effect in a guest without a share.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/mount.h"
#include "agent/rpc.h"
#include "core/log.h"

static void look_at(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) || (errno != ENOENT && errno != ESTALE))
		return;
	log_info("%s is gone on the host: unmounting it", path);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		log_debug("unmount %s: %s", path, strerror(errno));
}

int rpc_remove_stale_virtiofs_share_mounts(struct agent *a, const void *request UNUSED,
	void *response UNUSED, struct err *err)
{
	char share[PATH_MAX];
	char **paths;
	ssize_t n;

	snprintf(share, sizeof(share), "%s/shared/containers", a->config.run_dir);
	n = mount_list(share, &paths, err);
	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; i < n; i++)
		if (strcmp(paths[i], share) != 0)
			look_at(paths[i]);
	mount_list_free(paths, n);
	return 0;
}
