/*
 * What the sub-commands of `sampan` share: exit statuses, how they speak. Each cmd_ function gets
 * the words after its own name and returns the exit status.
 */
#ifndef SAMPAN_CLI_H
#define SAMPAN_CLI_H

#include "shim/opts/opts.h"

/* Documented in sampan.1; a signal that ended `run` is 128 + its number. */
enum cli_status {
	CLI_OK = 0, /* run: the guest powered off, or was told to quit */
	CLI_ERROR = 1,
	CLI_USAGE = 2,
	CLI_REBOOT = 3, /* run: the guest rebooted */
	CLI_PANIC = 4,	/* run: the guest's kernel panicked */
	CLI_SIGNAL = 128,
};

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_agent(int argc, char **argv);

/* One line on stderr: "sampan: SENTENCE". Returns CLI_ERROR. */
int cli_error(const char *sentence);
/* The same with a hint at the help of command (NULL: sampan's own). Returns CLI_USAGE. */
int cli_usage(const char *command, const char *sentence);

/* True when the words ask for help. */
bool cli_wants_help(int argc, char *const *argv);

#endif
