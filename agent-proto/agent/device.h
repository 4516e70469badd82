/*
 * Devices: finds what the runtime has plugged for a container (Device.type "blk", "mmioblk"),
 * waiting for its node to appear, and says which device number it has in the guest. Blocking; any
 * thread.
 */
#ifndef SAMPAN_AGENT_DEVICE_H
#define SAMPAN_AGENT_DEVICE_H

#include "agent.pb-c.h"
#include "agent/config.h"
#include "agent/spec.h"

struct uevents;

/* out[i].container_path points into list. 0 or -errno. */
int devices_find(struct uevents *u, const struct agent_config *config, Grpc__Device *const *list,
	size_t n, struct spec_device *out, struct err *err) MUST_USE;

const char *const *device_drivers(void); /* NULL-terminated */

#endif
