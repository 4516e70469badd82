/*
 * GetIPTables and SetIPTables: the guest's rules as text, through the programs that know the
 * format. What iptables-save writes is given whole or not at all, because it may be restored later.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "agent/agent.h"
#include "agent/rpc.h"

#define RULES_MAX  (3 * MiB) /* an answer has 4 MiB at most */
#define TIMEOUT_MS 20000

/* With the first line that it said of a failure in the sentence: the last one is advice. */
static int run(struct agent *a, struct command *cmd, struct err *err)
{
	AUTO_FD said = memfd_create("iptables", MFD_CLOEXEC);
	char line[256];
	ssize_t n;
	int r;

	if (said < 0)
		return fail(err, -errno, "run %s", cmd->argv[0]);
	cmd->err = &said;
	r = command_run(a->reaper, cmd, err);
	n = r == -EIO ? pread(said, line, sizeof(line) - 1, 0) : 0;
	if (n <= 0)
		return r;
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	return failx(err, r, "%s: %s", cmd->argv[0], line);
}

int rpc_get_ip_tables(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__GetIPTablesRequest *req = request;
	Grpc__GetIPTablesResponse *answer = response;
	const char *const argv[] = { req->is_ipv6 ? "ip6tables-save" : "iptables-save", NULL };
	AUTO_FREE char *rules = NULL;
	struct command cmd = {
		.argv = argv,
		.in = -1,
		.out = -1,
		.output = &rules,
		.output_max = RULES_MAX,
		.timeout_ms = TIMEOUT_MS,
	};
	int r = run(a, &cmd, err);

	if (r)
		return r;
	answer->data.len = rules ? strlen(rules) : 0;
	if (answer->data.len >= RULES_MAX) {
		answer->data.len = 0;
		return rpc_fail(err, TTRPC_RESOURCE_EXHAUSTED, "the rules are longer than %u MiB",
			(unsigned)(RULES_MAX / MiB));
	}
	answer->data.data = (uint8_t *)take(&rules);
	return 0;
}

int rpc_set_ip_tables(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__SetIPTablesRequest *req = request;
	Grpc__SetIPTablesResponse *answer = response;
	const char *const argv[] = { req->is_ipv6 ? "ip6tables-restore" : "iptables-restore",
		"--wait=10", NULL };
	AUTO_FREE char *said = NULL;
	struct command cmd = {
		.argv = argv,
		.in = -1,
		.out = -1,
		.input = req->data.len ? (const void *)req->data.data : "",
		.input_len = req->data.len,
		.output = &said,
		.timeout_ms = TIMEOUT_MS,
	};
	int r = run(a, &cmd, err);

	if (r)
		return r;
	answer->data.len = said ? strlen(said) : 0;
	answer->data.data = (uint8_t *)take(&said);
	return 0;
}
