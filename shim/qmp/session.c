/*
 * Bytes -> messages (split.c) -> checked requests -> commands -> replies; see session.h.
 *
 * What a session answers itself: qmp_capabilities, query-version, query-commands. A message that is
 * no valid request gets a GenericError and the session goes on; one that is too long or too deep
 * gets its error and ends the session, as where the next one begins can't be known.
 */
#include "shim/qmp/session.h"

#include <string.h>

static void send_json(struct qmp_session *s, const json_t *json)
{
	AUTO_FREE char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0, waiting = s->out_len - s->out_at;

	if (!text || waiting + len + 2 > QMP_OUTPUT_MAX) {
		s->dead = true;
		return;
	}
	if (s->out_at) {
		memmove(s->out, s->out + s->out_at, waiting);
		s->out_at = 0;
		s->out_len = waiting;
	}
	if (waiting + len + 2 > s->out_size) {
		char *grown = realloc(s->out, waiting + len + 2);

		if (!grown) {
			s->dead = true;
			return;
		}
		s->out = grown;
		s->out_size = waiting + len + 2;
	}
	memcpy(s->out + waiting, text, len);
	memcpy(s->out + waiting + len, "\r\n", 2);
	s->out_len = waiting + len + 2;
}

json_t *qmp_error(const char *class, const char *desc)
{
	return json_pack("{s:{s:s,s:o}}", "error", "class", class, "desc", qmp_text(desc));
}

/* Takes over reply; id is borrowed, NULL: none. */
static void reply(struct qmp_session *s, json_t *message, json_t *id)
{
	if (message && id && json_object_set(message, "id", id))
		s->dead = true;
	send_json(s, message);
	json_decref(message);
}

void qmp_session_init(struct qmp_session *s, const struct qmp_dialect *dialect)
{
	*s = (struct qmp_session){ .dialect = dialect };
	qmp_split_init(&s->split, QMP_MESSAGE_MAX);
	reply(s,
		json_pack("{s:{s:o,s:[]}}", "QMP", "version", qmp_version(dialect), "capabilities"),
		NULL);
}

void qmp_session_fini(struct qmp_session *s)
{
	qmp_split_fini(&s->split);
	qmp_inbox_clear(&s->inbox);
	if (s->dialect->fds)
		qmp_fds_forget(s->dialect->fds, &s->inbox);
	free(s->out);
	s->out = NULL;
}

const char *qmp_session_output(const struct qmp_session *s, size_t *len)
{
	*len = s->out_len - s->out_at;
	return *len ? s->out + s->out_at : NULL;
}

void qmp_session_sent(struct qmp_session *s, size_t len)
{
	s->out_at += len;
	if (s->out_at < s->out_len)
		return;
	free(s->out);
	s->out = NULL;
	s->out_at = s->out_len = s->out_size = 0;
}

void qmp_session_event(struct qmp_session *s, const json_t *event)
{
	if (s->negotiated && !s->closing && !s->dead)
		send_json(s, event);
}

/* commands of the protocol itself; ctx is the session */

static int run_capabilities(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	struct qmp_session *s = ctx;
	const json_t *wanted = json_array_get(json_object_get(args, "enable"), 0);

	if (wanted)
		return failx(err, -EINVAL, "capability \"%.64s\" is not offered",
			json_is_string(wanted) ? json_string_value(wanted) : "?");
	s->negotiated = true;
	return 0;
}

static int run_version(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	struct qmp_session *s = ctx;

	*ret = qmp_version(s->dialect);
	return *ret ? 0 : -ENOMEM;
}

static int run_commands(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err);

static const struct qmp_command own_commands[] = {
	{ "qmp_capabilities", run_capabilities, { { "enable", true, JSON_ARRAY } }, false },
	{ "query-version", run_version, { { 0 } }, false },
	{ "query-commands", run_commands, { { 0 } }, false },
};

static int list_table(json_t *list, const struct qmp_table *table)
{
	for (size_t i = 0; i < table->ncommands; i++)
		if (json_array_append_new(list,
			    json_pack("{s:s}", "name", table->commands[i].name)))
			return -ENOMEM;
	return 0;
}

static int run_commands(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err)
{
	const struct qmp_session *s = ctx;
	const struct qmp_table own = { own_commands, ARRAY_SIZE(own_commands), NULL };
	int rc;

	*ret = json_array();
	rc = *ret ? list_table(*ret, &own) : -ENOMEM;
	for (size_t t = 0; !rc && t < s->dialect->ntables; t++)
		rc = list_table(*ret, &s->dialect->tables[t]);
	return rc ? fail(err, rc, "list the commands") : 0;
}

/* requests */

static const struct qmp_command *find_command(struct qmp_session *s, const char *name, void **ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_commands); i++) {
		if (strcmp(own_commands[i].name, name))
			continue;
		*ctx = s;
		return &own_commands[i];
	}
	return qmp_find(s->dialect, name, ctx);
}

static const char *error_class(int rc)
{
	switch (rc) {
	case -ENXIO:
		return "DeviceNotFound";
	case -ENOTCONN:
		return "DeviceNotActive";
	default:
		return "GenericError";
	}
}

/* The command is known and allowed now: runs it. Gives the reply. */
static json_t *execute(const struct qmp_command *c, void *ctx, json_t *args)
{
	json_t *ret = NULL;
	struct err err = { 0 };
	int rc = qmp_check_args(c, args, &err);

	if (!rc)
		rc = c->run(ctx, args, &ret, &err);
	if (rc) {
		json_decref(ret);
		return qmp_error(error_class(rc), *err.msg ? err.msg : "out of memory");
	}
	return json_pack("{s:o}", "return", ret ? ret : json_object());
}

/* Gives the reply to a request whose members are known to be sound. */
static json_t *dispatch(struct qmp_session *s, const char *name, json_t *args)
{
	void *ctx = NULL;
	const struct qmp_command *c = find_command(s, name, &ctx);
	bool capabilities = !strcmp(name, own_commands[0].name);
	struct err err = { 0 };
	json_t *none, *answer;

	if (!s->negotiated && !capabilities)
		return qmp_error("CommandNotFound",
			"capabilities come first: send qmp_capabilities");
	if (s->negotiated && capabilities)
		return qmp_error("CommandNotFound", "capabilities were negotiated already");
	if (!c) {
		failx(&err, 0, "there is no command \"%.64s\"", name);
		return qmp_error("CommandNotFound", err.msg);
	}
	if (s->dialect->fds)
		s->dialect->fds->inbox = &s->inbox;
	if (args)
		return execute(c, ctx, args);
	none = json_object();
	answer = none ? execute(c, ctx, none) : NULL;
	json_decref(none);
	return answer;
}

/* Members other than execute, arguments and id; "execute" missing; wrong types. */
static int check_request(json_t *request, struct err *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(request))
		return failx(err, -EINVAL, "a request is an object");
	json_object_foreach (request, key, value) {
		bool name = !strcmp(key, "execute"), args = !strcmp(key, "arguments");

		if (!name && !args && strcmp(key, "id"))
			return failx(err, -EINVAL, "a request has no member \"%.64s\"", key);
		if (name && !json_is_string(value))
			return failx(err, -EINVAL, "\"execute\" must be a string");
		if (args && !json_is_object(value))
			return failx(err, -EINVAL, "\"arguments\" must be an object");
	}
	if (!json_object_get(request, "execute"))
		return failx(err, -EINVAL, "a request has a member \"execute\"");
	return 0;
}

static void handle_message(struct qmp_session *s, const char *text, size_t len)
{
	json_error_t where;
	struct err err = { 0 };
	json_t *request = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where), *answer;

	if (!request) {
		failx(&err, 0, "invalid JSON: %s", where.text);
		reply(s, qmp_error("GenericError", err.msg), NULL);
		return;
	}
	if (check_request(request, &err))
		answer = qmp_error("GenericError", err.msg);
	else
		answer = dispatch(s, json_string_value(json_object_get(request, "execute")),
			json_object_get(request, "arguments"));
	reply(s, answer, json_object_get(request, "id"));
	json_decref(request);
}

static void refuse_and_close(struct qmp_session *s, const char *why)
{
	reply(s, qmp_error("GenericError", why), NULL);
	s->closing = true;
}

static bool takes_input(const struct qmp_session *s)
{
	return !s->closing && !s->dead && s->out_len - s->out_at <= QMP_OUTPUT_HIGH;
}

void qmp_session_fds(struct qmp_session *s, const int *fds, size_t n)
{
	qmp_inbox_put(&s->inbox, fds, n);
}

/* All bytes that were received are used: what came with them, or with blanks before them, and was
 * not taken belongs to nothing that may still come. */
static void close_leftovers(struct qmp_session *s)
{
	if (s->inbox.heard && qmp_split_is_between(&s->split))
		qmp_inbox_clear(&s->inbox);
}

size_t qmp_session_input(struct qmp_session *s, const char *data, size_t len)
{
	size_t taken = 0;

	while (taken < len && takes_input(s)) {
		size_t used = 0;

		switch (qmp_split_feed(&s->split, data + taken, len - taken, &used)) {
		case QMP_SPLIT_MORE:
			break;
		case QMP_SPLIT_MESSAGE:
			s->inbox.heard = true;
			handle_message(s, s->split.text, s->split.len);
			break;
		case QMP_SPLIT_TOO_LONG:
			refuse_and_close(s, "the message is longer than 65536 bytes");
			break;
		case QMP_SPLIT_TOO_DEEP:
			refuse_and_close(s, "the message is nested deeper than 32 levels");
			break;
		case QMP_SPLIT_NO_MEMORY:
			s->dead = true;
			break;
		}
		taken += used;
	}
	if (taken == len)
		close_leftovers(s);
	return taken;
}
