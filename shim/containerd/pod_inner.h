/* What the files of pod.h share. */
#ifndef SAMPAN_CONTAINERD_POD_INNER_H
#define SAMPAN_CONTAINERD_POD_INNER_H

#include "shim/containerd/cgroup.h"
#include "shim/containerd/monitor.h"
#include "shim/containerd/net/pod_net.h"
#include "shim/containerd/net/relay.h"
#include "shim/containerd/pod.h"
#include "shim/containerd/share.h"

enum pod_state { POD_BOOTING, POD_GREETING, POD_READY, POD_ENDING, POD_ENDED };

struct pod {
	struct loop *loop;
	const struct config *config;
	const char *id;
	const json_t *spec;
	const struct pod_events *events;
	void *arg;
	enum pod_state state;
	struct err why; /* when ENDED by itself */
	struct share share;
	struct watch virtiofsd; /* its process */
	struct monitor *monitor;
	struct guest *guest;
	struct disks disks;
	struct pod_net net;
	struct relay *relay;
	char cgroup[CGROUP_PATH]; /* "": none */
	int vsock;		  /* until the monitor has it */
	uint32_t cid;
	size_t greeting; /* the next of the calls before the guest is ready */
	struct pod_wait *waits;
	struct deferred tell; /* those who wait, and the end */
	struct timer patience;
	void (*ended)(void *arg);
	void *ended_arg;
};

/* Makes all that the machine needs and starts it. */
int pod_start_machine(struct pod *p, struct err *err) MUST_USE;
/* Stops it and takes away what was made. */
void pod_stop_machine(struct pod *p);

/* The first calls to the agent: network, sandbox. Ends in pod_ready() or pod_fail(). */
void pod_greet(struct pod *p);

void pod_ready(struct pod *p);
void pod_fail(struct pod *p, const char *why);
/* The same in a moment: the monitor may have the better reason to tell. */
void pod_fail_soon(struct pod *p, const char *why);

/* Of struct guest_events and monitor_events. */
extern const struct guest_events pod_guest_events;
extern const struct monitor_events pod_monitor_events;

#endif
