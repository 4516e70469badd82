/*
 * What the agent was told: words "agent.NAME[=VALUE]" of the kernel's command line (as pid 1 and
 * otherwise), then options of its own command line. Unknown agent.* words are logged and ignored: a
 * runtime may be newer. Also the places it uses, so that tests can move them.
 */
#ifndef SAMPAN_AGENT_CONFIG_H
#define SAMPAN_AGENT_CONFIG_H

#include "core/err.h"
#include "core/log.h"

#define AGENT_VSOCK_PORT 1024

struct agent_config {
	bool init;		     /* we are the guest's pid 1 */
	enum log_level log_level;    /* agent.log */
	char server[108];	     /* agent.server_addr: "vsock://-1:1024" or "unix:///path" */
	bool debug_console;	     /* agent.debug_console */
	uint32_t debug_console_port; /* agent.debug_console_vport; 0: the kernel's console */
	uint32_t log_port;	     /* agent.log_vport; 0: none */
	uint32_t relay_port;	     /* agent.relay_vport, for port forwarding; 0: none */
	uint32_t pipe_size;	     /* agent.container_pipe_size, bytes; 0: the kernel's default */
	uint32_t hotplug_timeout_ms; /* agent.hotplug_timeout; 3000 */
	uint32_t launch_timeout_ms;  /* agent.launch_process_timeout; 60000 */
	bool dev_mode;		     /* agent.devmode */

	/* Places. Without trailing slash. */
	char run_dir[64];     /* "/run/kata-containers" */
	char cgroup_root[64]; /* "/sys/fs/cgroup" */
	char crun[64];	      /* "crun" */
};

/* Defaults, then cmdline (the content of /proc/cmdline). */
void agent_config_init(struct agent_config *c, const char *cmdline);

/* The agent's own options, without --help and --version. 0 or -EINVAL with a sentence. */
int agent_config_options(struct agent_config *c, int argc, char *const *argv, struct err *err)
	MUST_USE;

/* The options, a line each. */
const char *agent_config_help(void);

#endif
