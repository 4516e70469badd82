/*
 * A container's figures: from the agent's message (cgroup v1's terms, filled from a guest with v2)
 * to io.containerd.cgroups.v2.Metrics. Pure.
 */
#ifndef SAMPAN_CONTAINERD_STATS_H
#define SAMPAN_CONTAINERD_STATS_H

#include "agent.pb-c.h"
#include "core/err.h"

#define STATS_URL "io.containerd.cgroups.v2.Metrics"

/* stats NULL: nothing is known: no usage, no limit. oom_kills goes into memory_events. *data is
 * malloc'ed: the packed message. */
int stats_pack(const Grpc__StatsContainerResponse *stats, uint64_t oom_kills, uint8_t **data,
	size_t *len, struct err *err) MUST_USE;

#endif
