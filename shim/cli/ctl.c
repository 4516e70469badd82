/*
 * `sampan ctl PATH COMMAND`: one word becomes one QMP request, its reply a few lines for a reader,
 * or with --json the reply's value as it came. `raw` sends what it is given, `plug` is in
 * ctl_plug.c.
 */
#include "shim/cli/cli.h"

#include <string.h>
#include "shim/cli/ctl_plug.h"

#define TIMEOUT_MS 5000

struct ctl {
	const char *path, *command, *argument;
	bool json, help;
};

struct ctl_command {
	const char *name, *execute, *about;
	void (*show)(const json_t *value); /* NULL: nothing to show */
	const char *argument;		   /* what the word behind it is; NULL: none */
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void show_status(const json_t *value)
{
	printf("%s\n", text_of(value, "status"));
}

static void show_cpus(const json_t *value)
{
	const json_t *cpu;
	size_t i;

	printf("CPU  THREAD\n");
	json_array_foreach (value, i, cpu)
		printf("%-3lld  %lld\n", number_of(cpu, "cpu-index"), number_of(cpu, "thread-id"));
}

static void show_devices(const json_t *value)
{
	const json_t *device;
	size_t i;

	printf("ID                   KIND             ADDRESS     IRQ\n");
	json_array_foreach (value, i, device)
		printf("%-20s %-16s 0x%08llx  %lld\n", text_of(device, "id"),
			text_of(device, "kind"), (unsigned long long)number_of(device, "address"),
			number_of(device, "irq"));
}

static void show_disks(const json_t *value)
{
	const json_t *disk, *inserted;
	size_t i;

	printf("ID                       FILE\n");
	json_array_foreach (value, i, disk) {
		inserted = json_object_get(disk, "inserted");
		printf("%-20s %s %s\n", text_of(disk, "qdev"),
			json_is_true(json_object_get(inserted, "ro")) ? "ro " : "rw ",
			text_of(inserted, "file"));
	}
}

static void show_version(const json_t *value)
{
	const json_t *qemu = json_object_get(value, "qemu");

	printf("%s (QMP of QEMU %lld.%lld.%lld)\n", text_of(value, "package"),
		number_of(qemu, "major"), number_of(qemu, "minor"), number_of(qemu, "micro"));
}

static void show_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

static void show_id(const json_t *value)
{
	printf("%s\n", text_of(value, "id"));
}

static const struct ctl_command commands[] = {
	{ "status", "query-status", "running, paused, shutdown, ...", .show = show_status },
	{ "pause", "stop", "no vCPU runs and no request is in flight afterwards", .show = NULL },
	{ "resume", "cont", "goes on, or wakes a guest that sleeps", .show = NULL },
	{ "stop", "quit", "ends the VM and its monitor at once", .show = NULL },
	{ "reset", "system_reset", "starts the guest anew", .show = NULL },
	{ "powerdown", "system_powerdown", "asks the guest to power off, where it can be asked",
		.show = NULL },
	{ "cpus", "query-cpus-fast", "the vCPUs and their threads", .show = show_cpus },
	{ "devices", "x-query-devices", "the devices, their addresses and interrupts",
		.show = show_devices },
	{ "disks", "query-block", "the disks that are in", .show = show_disks },
	{ "plug", NULL, "plug FILE[,ro][,id=S]: puts a disk into a free place, shows its id",
		.show = show_id, .argument = "a file" },
	{ "unplug", "device_del", "unplug ID: takes it out again", .argument = "an id" },
	{ "version", "query-version", "of the monitor that answers", .show = show_version },
	{ "raw", NULL, "raw JSON: sends a request as it is, shows the reply", .show = show_json,
		.argument = "a request" },
};

static const struct ctl_command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* The words that are no options: path, command, its argument. */
static int set_word(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct ctl *c = into;
	const struct ctl_command *known = c->command ? find(c->command) : NULL;

	if (!c->path)
		c->path = value;
	else if (!c->command)
		c->command = value;
	else if (known && known->argument && !c->argument)
		c->argument = value;
	else
		return failx(err, -EINVAL, "unexpected argument \"%s\"", value);
	return 0;
}

static const struct opt words[] = {
	{ "", .many = true, .set = set_word },
	{ "json", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct ctl, json),
		.help = "the reply's value as JSON" },
	{ "help", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct ctl, help) },
};

static int help(void)
{
	printf("usage: sampan ctl PATH COMMAND [--json]\n\n"
	       "Talks to the VM whose monitor was started with --api PATH; waits at most 5 s.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].about);
	putchar('\n');
	opts_help(stdout, words, ARRAY_SIZE(words), "--");
	return STATUS_OK;
}

/* Shows the reply, or says the monitor's own sentence. */
static int show(const struct ctl *ctl, const struct ctl_command *c, const json_t *reply,
	struct err *err)
{
	const json_t *error = json_object_get(reply, "error"),
		     *value = json_object_get(reply, "return");

	if (ctl->json)
		show_json(error ? error : value);
	if (error)
		return failx(err, -EIO, "%s: %s", ctl->command, text_of(error, "desc"));
	if (!ctl->json && c->show)
		c->show(value);
	return 0;
}

/* Either request or plug is NULL. */
static int talk(const struct ctl *ctl, const struct ctl_command *c, const json_t *request,
	const struct plug *plug)
{
	json_t *reply = NULL;
	struct client client;
	struct err err = { 0 };
	int rc = client_open(&client, ctl->path, TIMEOUT_MS, &err);

	if (!rc && plug)
		rc = plug_run(plug, &client, &reply, &err);
	else if (!rc)
		rc = client_call(&client, request, -1, &reply, &err);
	client_close(&client);
	if (!rc)
		rc = show(ctl, c, reply, &err);
	json_decref(reply);
	return rc ? cli_error(err.msg) : STATUS_OK;
}

/* NULL, with a sentence, when the words make no request. */
static json_t *parse_raw(const char *text, struct err *err)
{
	json_error_t where;
	json_t *request = json_loads(text, JSON_REJECT_DUPLICATES, &where);

	if (json_is_object(request))
		return request;
	failx(err, 0, "the request is no JSON object%s%s", request ? "" : ": ",
		request ? "" : where.text);
	json_decref(request);
	return NULL;
}

static json_t *make_request(const struct ctl *ctl, const struct ctl_command *c, struct err *err)
{
	json_t *request;

	if (!c->execute)
		return parse_raw(ctl->argument, err);
	request = c->argument ? json_pack("{s:s,s:{s:s}}", "execute", c->execute, "arguments", "id",
					ctl->argument)
			      : json_pack("{s:s}", "execute", c->execute);
	if (!request)
		failx(err, 0, "%s is no text", ctl->argument);
	return request;
}

static int run_plug(const struct ctl *ctl, const struct ctl_command *c)
{
	struct plug plug;
	struct err err = { 0 };
	int status = plug_parse(&plug, ctl->argument, &err) ? cli_usage("ctl", err.msg)
							    : talk(ctl, c, NULL, &plug);

	plug_free(&plug);
	return status;
}

static int run_request(const struct ctl *ctl, const struct ctl_command *c)
{
	struct err err = { 0 };
	json_t *request = make_request(ctl, c, &err);
	int status = request ? talk(ctl, c, request, NULL) : cli_usage("ctl", err.msg);

	json_decref(request);
	return status;
}

int cmd_ctl(int argc, char **argv)
{
	const struct ctl_command *c;
	struct ctl ctl = { 0 };
	struct err err = { 0 };

	if (cli_wants_help(argc, argv))
		return help();
	if (opts_words(words, ARRAY_SIZE(words), "--", argc, argv, &ctl, &err))
		return cli_usage("ctl", err.msg);
	if (ctl.help)
		return help();
	if (!ctl.path || !ctl.command)
		return cli_usage("ctl",
			ctl.path ? "no command is given" : "no path of an API socket is given");
	c = find(ctl.command);
	if (!c)
		failx(&err, 0, "unknown command \"%s\"", ctl.command);
	else if (c->argument && !ctl.argument)
		failx(&err, 0, "%s needs %s", c->name, c->argument);
	else
		return strcmp(c->name, "plug") ? run_request(&ctl, c) : run_plug(&ctl, c);
	return cli_usage("ctl", err.msg);
}
