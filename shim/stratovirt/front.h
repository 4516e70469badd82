/*
 * One machine for Kata's StratoVirt driver: what main.c hands the parsed words to. Lives as long as
 * life.h says; everything it made is given back when front_run() returns.
 */
#ifndef SAMPAN_STRATOVIRT_FRONT_H
#define SAMPAN_STRATOVIRT_FRONT_H

#include "shim/stratovirt/options.h"

#define FRONT_NAME "sampan-stratovirt"

/* As `sampan run` ends; a signal that ended it is 128 + its number. */
enum front_status {
	FRONT_OK = 0, /* the guest powered off, or was told to quit */
	FRONT_ERROR = 1,
	FRONT_USAGE = 2,
	FRONT_REBOOT = 3,
	FRONT_PANIC = 4,
	FRONT_SIGNAL = 128,
};

/* One line on standard output, which is all that Kata reads. Returns status. */
int front_error(int status, const char *sentence);

int front_run(struct sv_options *options);

#endif
