/*
 * `sampan check`: what the core finds out about this host, a line each, as it is found (a step may
 * take a moment); with --json as one object.
 */
#include <jansson.h>
#include <string.h>
#include "shim/cli/cli.h"
#include "shim/qmp/commands.h"
#include "vm.h"

struct check {
	bool json, help;
	const char *cpu; /* NULL: host */
	json_t *list;
};

static int set_cpu(const struct opt *o, void *into, const char *value, struct err *err)
{
	int rc = vm_check_cpu(value, err);

	return rc ? rc : opt_text(o, into, value, err);
}

static const struct opt words[] = {
	{ "cpu", .set = set_cpu, .metavar = "MODEL", .offset = offsetof(struct check, cpu),
		.help = "what of sampan run --cpu to look at (host)" },
	{ "json", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct check, json),
		.help = "one JSON object instead of lines" },
	{ "help", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct check, help) },
};

static void help(void)
{
	printf("usage: sampan check [--json] [--cpu MODEL]\n\n"
	       "Shows what this host can do for microVMs: KVM, interrupt modes, what guests\n"
	       "are offered, vhost, tap. \"ok\": there; \"--\": absent, not needed; \"NO\": "
	       "absent,\n"
	       "needed. The status is 0 when a microVM can be started here, else 1.\n\n");
	opts_help(stdout, words, ARRAY_SIZE(words), "--");
}

static void emit_line(void *arg UNUSED, int ok, const char *what, const char *detail)
{
	printf("%s  %-22s %s\n", ok > 0 ? "ok" : ok ? "NO" : "--", what, detail ? detail : "");
	fflush(stdout);
}

static void emit_json(void *arg, int ok, const char *what, const char *detail)
{
	struct check *c = arg;

	json_array_append_new(c->list,
		json_pack("{s:o,s:s,s:o}", "what", qmp_text(what), "result",
			ok > 0	     ? "ok"
				: ok ? "missing"
				     : "absent",
			"detail", qmp_text(detail ? detail : "")));
}

static int check_json(struct check *c)
{
	json_t *all;
	int rc;

	c->list = json_array();
	rc = vm_check_host(c->cpu, emit_json, c);
	all = json_pack("{s:b,s:o}", "can_start", !rc, "checks", c->list);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return rc;
}

int cmd_check(int argc, char **argv)
{
	struct check c = { 0 };
	struct err err = { 0 };
	int rc;

	c.help = cli_wants_help(argc, argv);
	if (!c.help && opts_words(words, ARRAY_SIZE(words), "--", argc, argv, &c, &err))
		return cli_usage("check", err.msg);
	if (c.help) {
		help();
		return STATUS_OK;
	}
	if (c.json)
		return check_json(&c) ? STATUS_ERROR : STATUS_OK;
	rc = vm_check_host(c.cpu, emit_line, &c);
	printf("%s\n", rc ? "no microVM can be started here" : "microVMs can be started here");
	return rc ? STATUS_ERROR : STATUS_OK;
}
