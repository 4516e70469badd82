/*
 * What is mounted read-only in the guest stays so in a container. crun remounts what it binds with
 * the options that it is told and no others, so a read-only storage would become writable where the
 * container's mount does not say "ro" itself. Blocking, as a share may be; any thread.
 */
#ifndef SAMPAN_AGENT_READONLY_H
#define SAMPAN_AGENT_READONLY_H

#include <jansson.h>
#include "core/err.h"

/* Adds "ro" to those bind mounts of config (of spec_config()) whose source is mounted read-only. */
int readonly_keep(json_t *config, struct err *err) MUST_USE;

#endif
