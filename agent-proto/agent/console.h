/*
 * What the agent offers beside its RPCs: the debug console (every connection to its vsock port gets
 * a shell on a pty) and the log port (a reader gets the log's lines as they come). Loop thread.
 */
#ifndef SAMPAN_AGENT_CONSOLE_H
#define SAMPAN_AGENT_CONSOLE_H

#include "agent/agent.h"

struct debug_console;
struct log_port;

/* listen_fd is taken over. Without one (-1) there is a shell on the kernel's console. */
int debug_console_new(struct debug_console **out, struct agent *a, int listen_fd, struct err *err)
	MUST_USE;
void debug_console_free(struct debug_console *c);

#define LOG_PORT_PREFIX "sampan-agent" /* as main.c has it */

/* From then on the log goes to the readers as well as to standard error. */
int log_port_new(struct log_port **out, struct agent *a, int listen_fd, struct err *err) MUST_USE;
void log_port_free(struct log_port *p);

#endif
