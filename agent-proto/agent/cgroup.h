/*
 * The guest's cgroup v2 tree: /init holds the agent, /kata/ID a container each; every controller is
 * delegated down to the containers. Blocking (file system); any thread.
 */
#ifndef SAMPAN_AGENT_CGROUP_H
#define SAMPAN_AGENT_CGROUP_H

#include "agent.pb-c.h"
#include "core/err.h"

/* As pid 1: moves the agent to ROOT/init and delegates. Otherwise ROOT is what was given to us. */
int cgroup_setup(const char *root, bool init, struct err *err) MUST_USE;

/* The plain path below the root for a container: "/kata/ID". */
void cgroup_container_path(char *buf, size_t len, const char *container_id);

/* All of cgroup_stats of the response; what the kernel does not offer stays zero. path is below
 * root. */
int cgroup_stats(const char *root, const char *path, Grpc__CgroupStats *stats, struct err *err)
	MUST_USE;

/* The interfaces' counters, read through /proc/PID/net/dev. */
int cgroup_network_stats(pid_t pid, Grpc__StatsContainerResponse *response, struct err *err)
	MUST_USE;

/* Freezes or thaws and waits until it is so; kills every process inside. */
int cgroup_freeze(const char *root, const char *path, bool frozen, struct err *err) MUST_USE;
int cgroup_kill(const char *root, const char *path, struct err *err) MUST_USE;

/* Sends a signal to the processes of the group itself (not of groups in it), except one. */
void cgroup_signal(const char *root, const char *path, pid_t except, int sig);

/* Widens cpuset limits after CPUs came online; removes a container's group (what is in it has
 * ended). */
int cgroup_refresh_cpus(const char *root, struct err *err) MUST_USE;
int cgroup_remove(const char *root, const char *path, struct err *err) MUST_USE;

#endif
