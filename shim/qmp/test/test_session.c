/* Tests of one client's conversation: session.c. */
#include "shim/qmp/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define GREETING                                                                                    \
	"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":1,\"minor\":0,\"major\":5},\"package\":\"t\"}," \
	"\"capabilities\":[]}}\r\n"
#define NEGOTIATE "{\"execute\":\"qmp_capabilities\"}\n"
#define OK	  "{\"return\":{}}\r\n"

static int echo(void *ctx UNUSED, json_t *args, json_t **ret, struct err *err UNUSED)
{
	*ret = json_deep_copy(args);
	return 0;
}

static int count(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	*ret = json_integer(++*(int *)ctx);
	return 0;
}

static int refuse(void *ctx UNUSED, json_t *args UNUSED, json_t **ret, struct err *err)
{
	*ret = json_true(); /* must not reach the client */
	return failx(err, -EIO, "no, \"never\"");
}

static const struct qmp_command commands[] = {
	{ "echo", echo, { { 0 } }, true },
	{ "count", count, { { 0 } }, false },
	{ "refuse", refuse, { { 0 } }, false },
};

struct fixture {
	int counter;
	struct qmp_table table;
	struct qmp_dialect dialect;
	struct qmp_session session;
	char text[QMP_OUTPUT_MAX + 1];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->table = (struct qmp_table){ commands, ARRAY_SIZE(commands), &f->counter };
	f->dialect = (struct qmp_dialect){ 5, 0, 1, "t", &f->table, 1, NULL };
	qmp_session_init(&f->session, &f->dialect);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	qmp_session_fini(&f->session);
	free(f);
	return 0;
}

/* What waits to be sent, taken. */
static const char *output(struct fixture *f)
{
	size_t len;
	const char *data = qmp_session_output(&f->session, &len);

	assert_in_range(len, 0, QMP_OUTPUT_MAX);
	if (len)
		memcpy(f->text, data, len);
	f->text[len] = 0;
	if (len)
		qmp_session_sent(&f->session, len);
	return f->text;
}

static const char *say(struct fixture *f, const char *text)
{
	assert_int_equal(qmp_session_input(&f->session, text, strlen(text)), strlen(text));
	return output(f);
}

static void negotiate(struct fixture *f)
{
	assert_string_equal(output(f), GREETING);
	assert_string_equal(say(f, NEGOTIATE), OK);
}

static void negotiation(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(output(f), GREETING);
	assert_non_null(strstr(say(f, "{\"execute\":\"count\",\"id\":7}"),
		"{\"error\":{\"class\":\"CommandNotFound\","));
	assert_non_null(strstr(f->text, "\"id\":7}\r\n"));
	assert_int_equal(f->counter, 0);
	assert_non_null(strstr(
		say(f, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}"),
		"capability \\\"oob\\\" is not offered"));
	assert_false(f->session.negotiated);
	assert_string_equal(
		say(f, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[]}}"), OK);
	assert_non_null(strstr(say(f, NEGOTIATE), "CommandNotFound"));
	assert_true(f->session.negotiated);
}

static void commands_in_order(void **state)
{
	struct fixture *f = *state;
	const char *text =
		"{\"execute\":\"count\",\"id\":{\"a\":[1]}}{\"id\":null,\"execute\":\"count\"}"
		"{\"arguments\":{},\n\"execute\"\n:\"count\"}";

	negotiate(f);
	assert_string_equal(say(f, text),
		"{\"return\":1,\"id\":{\"a\":[1]}}\r\n"
		"{\"return\":2,\"id\":null}\r\n"
		"{\"return\":3}\r\n");
	for (size_t i = 0; i < strlen(text); i++) /* byte by byte */
		assert_int_equal(qmp_session_input(&f->session, text + i, 1), 1);
	assert_string_equal(output(f),
		"{\"return\":4,\"id\":{\"a\":[1]}}\r\n"
		"{\"return\":5,\"id\":null}\r\n"
		"{\"return\":6}\r\n");
}

static void own_commands(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	assert_string_equal(say(f, "{\"execute\":\"query-version\"}"),
		"{\"return\":{\"qemu\":{\"micro\":1,\"minor\":0,\"major\":5},\"package\":\"t\"}}\r\n");
	assert_string_equal(say(f, "{\"execute\":\"query-commands\"}"),
		"{\"return\":[{\"name\":\"qmp_capabilities\"},{\"name\":\"query-version\"},"
		"{\"name\":\"query-commands\"},{\"name\":\"echo\"},{\"name\":\"count\"},"
		"{\"name\":\"refuse\"}]}\r\n");
}

static void errors(void **state)
{
	static const struct {
		const char *text, *class, *desc;
	} bad[] = {
		{ "{\"execute\":\"nonsense\"}", "CommandNotFound",
			"there is no command \\\"nonsense\\\"" },
		{ "{\"execute\":\"refuse\"}", "GenericError", "no, \\\"never\\\"" },
		{ "{\"execute\":\"count\",\"arguments\":{\"x\":1}}", "GenericError",
			"takes no argument" },
		{ "{\"execute\":\"count\",\"arguments\":[]}", "GenericError", "must be an object" },
		{ "{\"execute\":\"count\",\"extra\":1}", "GenericError",
			"no member \\\"extra\\\"" },
		{ "{\"exec-oob\":\"count\"}", "GenericError", "no member \\\"exec-oob\\\"" },
		{ "{\"execute\":1}", "GenericError", "must be a string" },
		{ "{}", "GenericError", "has a member \\\"execute\\\"" },
		{ "[]", "GenericError", "is an object" },
		{ "{\"execute\":\"count\",\"execute\":\"count\"}", "GenericError", "invalid JSON" },
		{ "{\"execute\":}", "GenericError", "invalid JSON" },
		{ "{\"execute\":\"count\xff\"}", "GenericError", "invalid JSON" },
		{ "{\"execute\":\"count\\ud800\"}", "GenericError", "invalid JSON" },
		{ "{\"execute\":\"count\\u0000\"}", "GenericError", "invalid JSON" },
		{ "{\"id\":1e999,\"execute\":\"count\"}", "GenericError", "invalid JSON" },
		{ "GET / HTTP/1.1\n", "GenericError", "invalid JSON" },
		{ "\x01\x02\xff\n", "GenericError", "invalid JSON" },
		{ "{\"execute\":\"count\n", "GenericError", "invalid JSON" },
	};
	struct fixture *f = *state;

	negotiate(f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *reply = json_loads(say(f, bad[i].text), 0, NULL);
		const json_t *error = json_object_get(reply, "error");

		assert_string_equal(json_string_value(json_object_get(error, "class")),
			bad[i].class);
		assert_non_null(strstr(f->text, bad[i].desc));
		assert_null(json_object_get(reply, "return"));
		json_decref(reply);
		assert_int_equal(f->counter, (int)i);
		say(f, "{\"execute\":\"count\"}"); /* the session goes on */
		assert_int_equal(f->counter, (int)i + 1);
	}
}

static void an_error_has_the_id(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	assert_non_null(strstr(say(f, "{\"id\":\"x\",\"execute\":\"refuse\"}"), "\"id\":\"x\"}"));
	assert_non_null(strstr(say(f, "{\"id\":\"y\",\"execute\":1}"), "\"id\":\"y\"}"));
}

static void too_long_and_too_deep_close(void **state)
{
	struct fixture *f = *state;
	static char text[QMP_MESSAGE_MAX + 2];

	negotiate(f);
	memset(text, '[', QMP_DEPTH_MAX + 1);
	assert_int_equal(qmp_session_input(&f->session, text, 100), QMP_DEPTH_MAX + 1);
	assert_non_null(strstr(output(f), "nested deeper than 32"));
	assert_true(f->session.closing);
	assert_int_equal(qmp_session_input(&f->session, "{}", 2), 0);
	qmp_session_fini(&f->session);

	qmp_session_init(&f->session, &f->dialect);
	negotiate(f);
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"execute\":\"count\"", 18);
	text[QMP_MESSAGE_MAX - 1] = '}';
	assert_int_equal(qmp_session_input(&f->session, text, QMP_MESSAGE_MAX), QMP_MESSAGE_MAX);
	assert_string_equal(output(f), "{\"return\":1}\r\n");
	text[QMP_MESSAGE_MAX - 1] = ' ';
	text[QMP_MESSAGE_MAX] = '}';
	qmp_session_input(&f->session, text, QMP_MESSAGE_MAX + 1);
	assert_non_null(strstr(output(f), "longer than 65536"));
	assert_true(f->session.closing);
	assert_int_equal(f->counter, 1);
}

/* A client that sends and does not read is stopped, not grown for. */
static void output_holds_input_back(void **state)
{
	struct fixture *f = *state;
	static char text[40000];
	size_t taken, len, replies = 0;
	int sent = 0;

	negotiate(f);
	memset(text, 'x', sizeof(text));
	memcpy(text, "{\"execute\":\"echo\",\"arguments\":{\"t\":\"", 36);
	memcpy(text + sizeof(text) - 3, "\"}}", 3);
	do {
		taken = qmp_session_input(&f->session, text, sizeof(text));
		sent += taken == sizeof(text);
	} while (taken);
	qmp_session_output(&f->session, &len);
	assert_int_equal(sent, 2);
	assert_in_range(len, QMP_OUTPUT_HIGH, QMP_OUTPUT_HIGH + sizeof(text));
	assert_false(f->session.dead);
	for (const char *p = output(f); (p = strstr(p, "\r\n")); p += 2)
		replies++;
	assert_int_equal(replies, 2);
	assert_int_equal(qmp_session_input(&f->session, text, sizeof(text)), sizeof(text));
}

static void events_only_after_negotiation(void **state)
{
	struct fixture *f = *state;
	json_t *event = json_pack("{s:s}", "event", "STOP");

	qmp_session_event(&f->session, event);
	assert_string_equal(output(f), GREETING);
	say(f, NEGOTIATE);
	qmp_session_event(&f->session, event);
	assert_string_equal(output(f), "{\"event\":\"STOP\"}\r\n");
	json_decref(event);
}

static void events_for_nobody_end_the_session(void **state)
{
	struct fixture *f = *state;
	json_t *event = json_pack("{s:s}", "event", "STOP");
	size_t len;

	negotiate(f);
	for (size_t i = 0; i < QMP_OUTPUT_MAX; i++)
		qmp_session_event(&f->session, event);
	assert_true(f->session.dead);
	qmp_session_output(&f->session, &len);
	assert_in_range(len, QMP_OUTPUT_HIGH, QMP_OUTPUT_MAX);
	assert_int_equal(qmp_session_input(&f->session, "{}", 2), 0);
	json_decref(event);
}

static void partial_sends_keep_order(void **state)
{
	struct fixture *f = *state;
	char all[512] = "";
	size_t len;
	const char *data;

	say(f, NEGOTIATE);
	for (int i = 0; i < 20; i++) {
		qmp_session_input(&f->session, "{\"execute\":\"count\"}", 19);
		data = qmp_session_output(&f->session, &len);
		strncat(all, data, 5);
		qmp_session_sent(&f->session, MIN(len, 5));
	}
	strcat(all, output(f));
	for (int i = 1; i <= 20; i++) {
		char want[32];

		snprintf(want, sizeof(want), "{\"return\":%d}\r\n", i);
		assert_memory_equal(all + (i <= 9 ? (i - 1) * 14 : 9 * 14 + (i - 10) * 15), want,
			strlen(want));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(negotiation),
		TEST(commands_in_order),
		TEST(own_commands),
		TEST(errors),
		TEST(an_error_has_the_id),
		TEST(too_long_and_too_deep_close),
		TEST(output_holds_input_back),
		TEST(events_only_after_negotiation),
		TEST(events_for_nobody_end_the_session),
		TEST(partial_sends_keep_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
