/*
 * What the sub-commands of `sampan` share: how they speak. Each cmd_ function gets
 * the words after its own name and returns the exit status.
 */
#ifndef SAMPAN_CLI_H
#define SAMPAN_CLI_H

#include "shim/cli/status.h"
#include "shim/opts/opts.h"

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_agent(int argc, char **argv);

/* One line on stderr: "sampan: SENTENCE". Returns STATUS_ERROR. */
int cli_error(const char *sentence);
/* The same with a hint at the help of command (NULL: sampan's own). Returns STATUS_USAGE. */
int cli_usage(const char *command, const char *sentence);

/* True when the words ask for help. */
bool cli_wants_help(int argc, char *const *argv);

#endif
