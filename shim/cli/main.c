/*
 * `sampan`: finds the sub-command and hands it the rest of the words. Nothing is set up here, so
 * that each sub-command can be read alone.
 */
#include "shim/cli/cli.h"

#include <string.h>
#include "core/streams.h"
#include "vm.h"

static const struct {
	const char *name, *about;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "starts a microVM and stays until it ends", cmd_run },
	{ "check", "shows what this host can do for microVMs", cmd_check },
	{ "ctl", "talks to a running one (started with --api PATH)", cmd_ctl },
	{ "agent", "calls the agent in a guest", cmd_agent },
};

int cli_error(const char *sentence)
{
	fprintf(stderr, "sampan: %s\n", sentence);
	return STATUS_ERROR;
}

int cli_usage(const char *command, const char *sentence)
{
	fprintf(stderr, "sampan: %s (try sampan %s%s--help)\n", sentence, command ? command : "",
		command ? " " : "");
	return STATUS_USAGE;
}

/* Only as the first word: behind others it is an option of theirs. */
bool cli_wants_help(int argc, char *const *argv)
{
	return argc > 0 && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"));
}

static void help(void)
{
	printf("usage: sampan COMMAND ...\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].about);
	printf("\n  sampan COMMAND --help   says more of one; sampan --version shows the version\n"
	       "  sampan --print-policy   shows what a running monitor may still ask of the kernel\n"
	       "  man sampan              says the rest\n");
}

int main(int argc, char **argv)
{
	struct err err;

	streams_fill();
	if (argc < 2)
		return cli_usage(NULL, "no command is given");
	if (cli_wants_help(argc - 1, argv + 1)) {
		help();
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("sampan %s\n", SAMPAN_VERSION);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--print-policy")) {
		vm_print_policy(stdout);
		return STATUS_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 2, argv + 2);
	failx(&err, -EINVAL, "unknown command \"%s\"", argv[1]);
	return cli_usage(NULL, err.msg);
}
