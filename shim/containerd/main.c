/* containerd-shim-sampan-v2: containerd's runtime v2 for microVMs. What containerd calls, and,
 * under another name, the monitor of a pod's machine. */
#include <stdio.h>
#include <string.h>
#include "core/streams.h"
#include "shim/containerd/monitor_main.h"
#include "shim/containerd/start.h"

#define USAGE 2

static int help(void)
{
	printf("usage: " SHIM_NAME " -namespace NS -id ID [-address SOCKET] start | delete\n"
	       "       " SHIM_NAME " -v | -info\n\n"
	       "containerd calls it for containers whose runtime is io.containerd.sampan.v2; see the\n"
	       "manual.\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct args a;

	streams_fill();
	if (argc == 3 && !strcmp(argv[0], MONITOR_NAME) && !strcmp(argv[1], "monitor"))
		return monitor_main(argv[2]);
	if (args_parse(&a, argc - 1, argv + 1, &err)) {
		shim_error(err.msg);
		return USAGE;
	}
	if (a.help)
		return help();
	if (a.version)
		return printf(SHIM_NAME " %s\n", SAMPAN_VERSION) < 0;
	if (a.info)
		return info_run();
	return strcmp(a.action, "start") ? delete_run(&a) : start_run(&a);
}
