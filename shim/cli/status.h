/*
 * How a program that runs a machine ends: the exit statuses of sampan and sampan-stratovirt, as
 * their man pages tell them. A signal that ended the machine is 128 + its number.
 */
#ifndef SAMPAN_CLI_STATUS_H
#define SAMPAN_CLI_STATUS_H

#include "vm.h"

enum exit_status {
	STATUS_OK = 0, /* the guest powered off, or was told to quit */
	STATUS_ERROR = 1,
	STATUS_USAGE = 2,
	STATUS_REBOOT = 3,
	STATUS_PANIC = 4,
	STATUS_SIGNAL = 128,
};

/* Of a machine that has ended; signal: the one that ended it, or 0. */
int exit_status(const struct vm *vm, int signal);

#endif
