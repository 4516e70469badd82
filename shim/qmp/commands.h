/*
 * Commands by table. A front serves a list of tables: what belongs to the protocol itself is in
 * every session; what speaks to the machine is in vm_commands.h; a front adds its own.
 *
 * A command gets its table's context and its arguments (an object, empty when none were sent;
 * borrowed; only members that the command names) and gives the value to return (a new reference;
 * NULL for {}) or a sentence, which becomes an error: of class DeviceNotFound where the command
 * returns -ENXIO, DeviceNotActive for -ENOTCONN, else GenericError. Loop thread only.
 */
#ifndef SAMPAN_QMP_COMMANDS_H
#define SAMPAN_QMP_COMMANDS_H

#include <jansson.h>
#include "core/err.h"

#define QMP_ARGS 12

struct qmp_fds;

struct qmp_arg {
	const char *name;
	bool optional;
	json_type type; /* JSON_TRUE: a boolean; JSON_NULL: a string, an integer or a boolean */
};

struct qmp_command {
	const char *name;
	int (*run)(void *ctx, json_t *args, json_t **ret, struct err *err);
	struct qmp_arg args[QMP_ARGS]; /* ends at a NULL name */
	bool any_args;		       /* arguments are the command's own business */
};

struct qmp_table {
	const struct qmp_command *commands;
	size_t ncommands;
	void *ctx;
};

/* What a front speaks. The version is the one of QEMU whose protocol is meant: clients look at it.
 */
struct qmp_dialect {
	unsigned major, minor, micro;
	const char *package;
	const struct qmp_table *tables;
	size_t ntables;
	struct qmp_fds *fds; /* for what clients send along; NULL: such descriptors are closed */
};

/* NULL when there is none. */
const struct qmp_command *qmp_find(const struct qmp_dialect *d, const char *name, void **ctx);

/* Missing, surplus and mistyped arguments are refused by name. */
int qmp_check_args(const struct qmp_command *c, json_t *args, struct err *err) MUST_USE;

/* {"qemu": {...}, "package": ...} */
json_t *qmp_version(const struct qmp_dialect *d);

/* A JSON string; bytes that are no UTF-8 are shown as '?'. */
json_t *qmp_text(const char *text);

#endif
