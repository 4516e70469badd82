/* Look-up and argument checks over command tables; see commands.h. */
#include "shim/qmp/commands.h"

#include <stdio.h>
#include <string.h>

const struct qmp_command *qmp_find(const struct qmp_dialect *d, const char *name, void **ctx)
{
	for (size_t t = 0; t < d->ntables; t++) {
		const struct qmp_table *table = &d->tables[t];

		for (size_t i = 0; i < table->ncommands; i++) {
			if (strcmp(table->commands[i].name, name))
				continue;
			*ctx = table->ctx;
			return &table->commands[i];
		}
	}
	return NULL;
}

static const struct qmp_arg *find_arg(const struct qmp_command *c, const char *name)
{
	for (size_t i = 0; i < QMP_ARGS && c->args[i].name; i++)
		if (!strcmp(c->args[i].name, name))
			return &c->args[i];
	return NULL;
}

static bool is_type(const json_t *value, json_type type)
{
	if (type == JSON_TRUE || type == JSON_FALSE)
		return json_is_boolean(value);
	if (type == JSON_NULL)
		return json_is_string(value) || json_is_integer(value) || json_is_boolean(value);
	return json_typeof(value) == type;
}

int qmp_check_args(const struct qmp_command *c, json_t *args, struct err *err)
{
	const char *key;
	json_t *value;

	if (c->any_args)
		return 0;
	json_object_foreach (args, key, value) {
		const struct qmp_arg *arg = find_arg(c, key);

		if (!arg)
			return failx(err, -EINVAL, "%s takes no argument \"%.64s\"", c->name, key);
		if (!is_type(value, arg->type))
			return failx(err, -EINVAL, "%s: argument \"%s\" has the wrong type",
				c->name, key);
	}
	for (size_t i = 0; i < QMP_ARGS && c->args[i].name; i++)
		if (!c->args[i].optional && !json_object_get(args, c->args[i].name))
			return failx(err, -EINVAL, "%s needs argument \"%s\"", c->name,
				c->args[i].name);
	return 0;
}

json_t *qmp_version(const struct qmp_dialect *d)
{
	return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", (int)d->micro, "minor",
		(int)d->minor, "major", (int)d->major, "package", d->package);
}

json_t *qmp_text(const char *text)
{
	json_t *whole = json_string(text);
	AUTO_FREE char *plain = NULL;

	if (whole)
		return whole;
	plain = strdup(text);
	if (!plain)
		return NULL;
	for (char *p = plain; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(plain);
}
