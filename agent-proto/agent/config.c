/*
 * Both kinds of settings are tables of name, kind and place: a word of the kernel's command line
 * that does not fit its kind is logged and leaves the default (a guest that boots with a worse
 * setting can still say so), an option that does not fit is an error. A time may carry a unit, as
 * runtimes write it: "3" and "3s" are seconds, "500ms" is half of one. See config.h.
 */
#include "agent/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum kind { KIND_FLAG, KIND_NUMBER, KIND_TIME, KIND_LEVEL, KIND_TEXT };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset, size; /* size of a text's place */
};

#define FIELD(f) offsetof(struct agent_config, f), sizeof(((struct agent_config *)0)->f)

static const struct setting words[] = {
	{ "log", KIND_LEVEL, FIELD(log_level) },
	{ "server_addr", KIND_TEXT, FIELD(server) },
	{ "debug_console", KIND_FLAG, FIELD(debug_console) },
	{ "debug_console_vport", KIND_NUMBER, FIELD(debug_console_port) },
	{ "log_vport", KIND_NUMBER, FIELD(log_port) },
	{ "relay_vport", KIND_NUMBER, FIELD(relay_port) },
	{ "container_pipe_size", KIND_NUMBER, FIELD(pipe_size) },
	{ "hotplug_timeout", KIND_TIME, FIELD(hotplug_timeout_ms) },
	{ "launch_process_timeout", KIND_TIME, FIELD(launch_timeout_ms) },
	{ "devmode", KIND_FLAG, FIELD(dev_mode) },
};

static const struct setting options[] = {
	{ "--listen", KIND_TEXT, FIELD(server) },
	{ "--log", KIND_LEVEL, FIELD(log_level) },
	{ "--run-dir", KIND_TEXT, FIELD(run_dir) },
	{ "--cgroup-root", KIND_TEXT, FIELD(cgroup_root) },
	{ "--crun", KIND_TEXT, FIELD(crun) },
};

const char *agent_config_help(void)
{
	return "  --listen ADDRESS    vsock://-1:PORT or unix:///PATH (vsock://-1:1024)\n"
	       "  --log LEVEL         error, warn, info, debug (warn)\n"
	       "  --run-dir DIR       where it keeps its files (/run/kata-containers)\n"
	       "  --cgroup-root DIR   the cgroup v2 tree it may use (/sys/fs/cgroup)\n"
	       "  --crun PROGRAM      the OCI runtime (crun)\n";
}

static bool parse_number(const char *text, uint32_t *out, const char **end)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)n;
	*end = p;
	return p != text;
}

static bool parse_time(const char *text, uint32_t *out)
{
	const char *unit;
	uint32_t n;

	if (!parse_number(text, &n, &unit))
		return false;
	if (strcmp(unit, "ms") != 0 &&
		((*unit && strcmp(unit, "s") != 0) || !mul_ok(n, (uint32_t)1000, &n)))
		return false;
	*out = n;
	return true;
}

/* The levels of agents written elsewhere have a finer one and longer names for two. */
static int parse_level(const char *text)
{
	if (!strcmp(text, "trace"))
		return LOG_DEBUG;
	if (!strcmp(text, "warning"))
		return LOG_WARN;
	if (!strcmp(text, "critical"))
		return LOG_ERROR;
	return log_level_parse(text);
}

static bool set_flag(bool *out, const char *value)
{
	bool on = !value || !strcmp(value, "true") || !strcmp(value, "1");

	if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return false;
	*out = on;
	return true;
}

/* value is NULL when the word has no "=". */
static bool set(struct agent_config *c, const struct setting *s, const char *value)
{
	void *place = (char *)c + s->offset;
	const char *end;
	uint32_t n;
	int level;

	if (s->kind == KIND_FLAG)
		return set_flag(place, value);
	if (!value || !*value)
		return false;
	switch (s->kind) {
	case KIND_NUMBER:
		if (!parse_number(value, &n, &end) || *end)
			return false;
		*(uint32_t *)place = n;
		return true;
	case KIND_TIME:
		return parse_time(value, place);
	case KIND_LEVEL:
		level = parse_level(value);
		if (level < 0)
			return false;
		*(enum log_level *)place = (enum log_level)level;
		return true;
	default:
		if (strlen(value) >= s->size)
			return false;
		memcpy(place, value, strlen(value) + 1);
		return true;
	}
}

static const struct setting *find(const struct setting *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

static void take_word(struct agent_config *c, char *word)
{
	char *value;
	const struct setting *s;

	if (strncmp(word, "agent.", 6) != 0)
		return;
	value = strchr(word, '=');
	if (value)
		*value++ = 0;
	s = find(words, ARRAY_SIZE(words), word + 6);
	if (!s)
		log_debug("%s on the kernel's command line is not for us", word);
	else if (!set(c, s, value))
		log_warn("%s=%s on the kernel's command line has no meaning", word,
			value ? value : "");
}

void agent_config_init(struct agent_config *c, const char *cmdline)
{
	static const struct agent_config defaults = {
		.log_level = LOG_WARN,
		.hotplug_timeout_ms = 3000,
		.launch_timeout_ms = 60000,
		.server = "vsock://-1:1024",
		.run_dir = "/run/kata-containers",
		.cgroup_root = "/sys/fs/cgroup",
		.crun = "crun",
	};

	memcpy(c, &defaults, sizeof(*c));
	while (*cmdline) {
		char word[160];
		size_t len = strcspn(cmdline, " \t\n");

		if (len && len < sizeof(word)) {
			memcpy(word, cmdline, len);
			word[len] = 0;
			take_word(c, word);
		}
		cmdline += len;
		cmdline += strspn(cmdline, " \t\n");
	}
}

int agent_config_options(struct agent_config *c, int argc, char *const *argv, struct err *err)
{
	for (int i = 1; i < argc; i += 2) {
		const struct setting *s = find(options, ARRAY_SIZE(options), argv[i]);

		if (!s)
			return failx(err, -EINVAL, "%s: no such option", argv[i]);
		if (i + 1 == argc)
			return failx(err, -EINVAL, "%s wants a value", argv[i]);
		if (!set(c, s, argv[i + 1]))
			return failx(err, -EINVAL, "%s %s: not a value for it", argv[i],
				argv[i + 1]);
	}
	return 0;
}
