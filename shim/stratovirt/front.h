/*
 * One machine for Kata's StratoVirt driver: what main.c hands the parsed words to. Lives as long as
 * life.h says; everything it made is given back when front_run() returns.
 */
#ifndef SAMPAN_STRATOVIRT_FRONT_H
#define SAMPAN_STRATOVIRT_FRONT_H

#include "shim/cli/status.h"
#include "shim/stratovirt/options.h"

#define FRONT_NAME "sampan-stratovirt"

/* One line on standard output, which is all that Kata reads. Returns status. */
int front_error(int status, const char *sentence);

int front_run(struct sv_options *options);

#endif
