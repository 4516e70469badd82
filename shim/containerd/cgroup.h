/*
 * The cgroup of a pod on the host (version 2 only): where its monitor and virtiofsd are, so that
 * the guest's memory and CPU time count for the pod. Blocking; any thread.
 */
#ifndef SAMPAN_CONTAINERD_CGROUP_H
#define SAMPAN_CONTAINERD_CGROUP_H

#include "core/err.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_PATH 1024

/* The directory for a specification's cgroupsPath: a plain path, or systemd's SLICE:PREFIX:NAME.
 * "": there is none. */
int cgroup_directory(char dir[CGROUP_PATH], const char *cgroups_path, struct err *err) MUST_USE;

int cgroup_make(const char *dir, struct err *err) MUST_USE;

/* Kills who is in it and removes it; fine when it is not there. */
void cgroup_remove(const char *dir);

#endif
