/* What the parts of guest.c are tested by; its RPCs are in rpc.h. */
#ifndef SAMPAN_AGENT_GUEST_H
#define SAMPAN_AGENT_GUEST_H

#include <jansson.h>

/* The guest's file behind a container's termination log, from its config.json (into which the
 * result points); NULL when it has none. */
const char *guest_termination_log(const json_t *bundle);

#endif
