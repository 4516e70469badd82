/*
 * Storages: what the runtime wants mounted in the guest before a container (or the sandbox) is
 * made. Each has a driver (virtio-fs, blk, mmioblk, ephemeral, local, overlayfs, bind,
 * watchable-bind), a mount point below run_dir that names it, and its users. What is called shared,
 * "ephemeral" and "local" stay until the sandbox ends: a container that is made again in the pod
 * finds its files. Blocking; any thread (one lock inside).
 */
#ifndef SAMPAN_AGENT_STORAGE_H
#define SAMPAN_AGENT_STORAGE_H

#include "agent.pb-c.h"
#include "agent/config.h"

struct storages;
struct uevents;
struct workers;
struct loop;

int storages_new(struct storages **out, const struct agent_config *config, struct uevents *uevents,
	struct loop *loop, struct workers *workers, struct err *err) MUST_USE;

/* Unmounts what is left. Loop thread, after workers_free(). */
void storages_free(struct storages *s);

/* Mounts (or counts one more user of) the storages for owner, a container's id or "" for the
 * sandbox, in order. On failure those that this call added are undone. Returns 0 or -errno. */
int storages_add(struct storages *s, const char *owner, Grpc__Storage *const *list, size_t n,
	struct err *err) MUST_USE;

/* Takes owner's use away from all of its storages, the last use unmounts. "" ends everything. */
void storages_remove(struct storages *s, const char *owner);

/* Drivers by name, for GetGuestDetails: NULL-terminated. */
const char *const *storage_drivers(void);

#endif
