/*
 * Waiting for devices to appear: the kernel's uevents by netlink, no polling. The socket is served
 * by the loop; waiting happens in worker threads.
 */
#ifndef SAMPAN_AGENT_UEVENT_H
#define SAMPAN_AGENT_UEVENT_H

#include "core/loop.h"

struct uevents;

int uevents_new(struct uevents **out, struct loop *loop, struct err *err) MUST_USE;
void uevents_free(struct uevents *u);

/* Until ready(arg) is true, looked at first and after each uevent. 0 or -ETIMEDOUT. */
int uevents_wait(struct uevents *u, bool (*ready)(void *arg), void *arg, unsigned timeout_ms)
	MUST_USE;

/* One message of the kernel, "ACTION@DEVPATH" and then KEY=VALUE, each ended by a NUL. The strings
 * point into it; one that is missing is "". */
struct uevent {
	const char *action, *devpath, *subsystem, *devname;
};

/* False when the bytes are no such message. */
bool uevent_parse(const char *msg, size_t len, struct uevent *e);

#endif
