/*
 * The agent's one context. Made by main.c, passed first everywhere. Its tables (containers,
 * processes) belong to the loop thread; the modules behind the other pointers take care of their
 * own locking and may be used from worker threads.
 */
#ifndef SAMPAN_AGENT_AGENT_H
#define SAMPAN_AGENT_AGENT_H

#include "agent/config.h"
#include "agent/reap.h"
#include "agent/work.h"
#include "core/loop.h"

struct agent {
	struct agent_config config;
	struct loop *loop;
	struct reaper *reaper;
	struct workers *workers;
	struct ttrpc_server *server;
	struct storages *storages; /* storage.h */
	struct uevents *uevents;   /* uevent.h */
	struct oom *oom;	   /* oom.h */
	struct sandbox *sandbox;   /* sandbox.h */
	unsigned crun_runs;	   /* numbers the files of crun's runs; atomic */
	unsigned metrics_asked;	   /* how often the metrics were asked for; atomic */
};

#endif
