/*
 * What the storage drivers have in common: each starts one storage in its own way; the table and
 * the users are storage.c's. Blocking; any thread, each storage in one at a time.
 */
#ifndef SAMPAN_AGENT_STORAGE_DRIVER_H
#define SAMPAN_AGENT_STORAGE_DRIVER_H

#include <pthread.h>
#include "agent.pb-c.h"
#include "agent/config.h"
#include "agent/device_find.h"
#include "agent/mount.h"

struct watcher;

struct storage_env {
	const struct agent_config *config;
	const struct device_places *places;
	struct uevents *uevents;
	struct watcher *watcher;
	pthread_mutex_t *pages; /* held while the number of huge pages is changed */
};

/* One that is being started, and afterwards what there is to end. */
struct storage_job {
	const Grpc__Storage *request; /* while starting */
	const char *owner;	      /* while starting */
	const char *path;	      /* the mount point without trailing slashes */
	struct mount_opts *opts;      /* while starting; the driver may change them */
	bool made;		      /* the mount point was made for it */
	bool mounted, watched;
};

struct storage_driver {
	const char *name;
	bool pod; /* lives as long as the sandbox */
	int (*start)(const struct storage_env *env, struct storage_job *job, struct err *err);
};

typedef int storage_start(const struct storage_env *env, struct storage_job *job, struct err *err);

storage_start storage_start_mount, storage_start_disk, storage_start_overlay, storage_start_bind,
	storage_start_watchable;			    /* storage_mount.c */
storage_start storage_start_ephemeral, storage_start_local; /* storage_ephemeral.c */

/* Makes the mount point and mounts source on it; fstype and options are the request's. */
int storage_mount(const struct storage_env *env, struct storage_job *job, const char *source,
	const char *fstype, struct err *err) MUST_USE;

/* The group that the runtime wants a volume's files to have (storage_fsgroup.c). */
int storage_fs_group(const char *path, const Grpc__FSGroup *group, bool read_only, struct err *err)
	MUST_USE;

#endif
