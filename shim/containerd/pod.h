/*
 * A pod: its machine, its shared files, its network, its cgroup, the agent in its guest. Made from
 * the specification of the sandbox (or of a container that is alone), it boots at once and tells
 * when the guest is ready; when the machine or the agent ends, so does the pod. Loop thread only;
 * the process has one.
 */
#ifndef SAMPAN_CONTAINERD_POD_H
#define SAMPAN_CONTAINERD_POD_H

#include <sys/types.h>
#include "shim/containerd/bundle.h"
#include "shim/containerd/config.h"
#include "shim/containerd/disks.h"
#include "shim/containerd/guest.h"

struct pod;

struct pod_events {
	void (*failed)(void *arg, const char *why); /* it has ended by itself; once */
};

/* spec is borrowed and must outlive the pod, as config. id and namespace name it. */
int pod_boot(struct pod **out, struct loop *loop, const struct config *config, const char *id,
	const json_t *spec, const struct pod_events *events, void *arg, struct err *err) MUST_USE;

/* Whoever wants the guest: embedded in its owner, called once, from the loop, with an empty
 * sentence when it is ready or else with why it never will be. */
struct pod_wait {
	void (*fn)(struct pod_wait *w, const char *why);
	struct pod_wait *next;
};
void pod_when_ready(struct pod *p, struct pod_wait *w);
void pod_forget(struct pod *p, struct pod_wait *w);

bool pod_is_ready(const struct pod *p);

/* Ends it: the agent is told, the machine stops. done(arg) is called once, from the loop. */
void pod_end(struct pod *p, void (*done)(void *arg), void *arg);

/* What is left is killed and removed. */
void pod_free(struct pod *p);

struct guest *pod_guest(struct pod *p);
struct disks *pod_disks(struct pod *p);
pid_t pod_pid(const struct pod *p); /* of the monitor */

#endif
