/*
 * Hooks of the guest: programs of the guest image that crun runs around each container. They lie in
 * a directory that the runtime names, in subdirectories by kind. Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_HOOKS_H
#define SAMPAN_AGENT_HOOKS_H

#include <jansson.h>
#include "core/err.h"

/* Adds to config (of spec_config()) what lies in dir/prestart, dir/poststart and dir/poststop, by
 * name. A directory that is not there has none. */
int hooks_add(json_t *config, const char *dir, struct err *err) MUST_USE;

#endif
