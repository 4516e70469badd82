/* Tests of the message splitter: split.c. Each text is fed at once and byte by byte. */
#include "shim/qmp/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define LIMIT 4096

/* Feeds text in portions; the messages are written to out, each followed by '|'. Returns the last
 * result. */
static enum qmp_split_result split(const char *text, size_t len, size_t portion, char *out,
	size_t size)
{
	enum qmp_split_result got = QMP_SPLIT_MORE;
	struct qmp_split s;

	qmp_split_init(&s, LIMIT);
	*out = 0;
	for (size_t at = 0; at < len && got <= QMP_SPLIT_MESSAGE;) {
		size_t used = 0, n = MIN(portion, len - at), end = strlen(out);

		got = qmp_split_feed(&s, text + at, n, &used);
		assert_in_range(used, 1, n);
		at += used;
		if (got == QMP_SPLIT_MESSAGE)
			snprintf(out + end, size - end, "%.*s|", (int)s.len, s.text);
	}
	qmp_split_fini(&s);
	return got;
}

static void check(const char *text, const char *messages)
{
	for (size_t portion = 1; portion <= strlen(text); portion++) {
		char out[2 * LIMIT];

		split(text, strlen(text), portion, out, sizeof(out));
		assert_string_equal(out, messages);
	}
}

static void messages(void **state UNUSED)
{
	check("{}", "{}|");
	check("{}{}", "{}|{}|");
	check(" \r\n\t{\"a\":1}\n\n{\"b\":[2,{}]} ", "{\"a\":1}|{\"b\":[2,{}]}|");
	check("{\n  \"a\": [\n 1\n ]\n}\n[]", "{\n  \"a\": [\n 1\n ]\n}|[]|");
	check("{\"}\":\"\\\"}\\\\\"}{", "{\"}\":\"\\\"}\\\\\"}|");
	check("{\"a\":\"{[{[\"}", "{\"a\":\"{[{[\"}|");
	check("{\"open", "");
}

static void broken_messages_end_too(void **state UNUSED)
{
	check("junk here\n{}", "junk here\n|{}|");
	check("}\n{}", "}\n|{}|");
	check("\"a string\"\n{}", "\"a string\"\n|{}|");
	check("{\"no quote\n{}", "{\"no quote\n|{}|");
	check("{\"a\":]}\n{}", "{\"a\":]|}\n|{}|");
}

static void long_and_deep(void **state UNUSED)
{
	char text[LIMIT + 2], out[2 * LIMIT];

	memset(text, ' ', sizeof(text));
	text[0] = '{';
	text[LIMIT - 1] = '}';
	assert_int_equal(split(text, LIMIT, LIMIT, out, sizeof(out)), QMP_SPLIT_MESSAGE);
	text[LIMIT - 1] = ' ';
	text[LIMIT] = '}';
	assert_int_equal(split(text, LIMIT + 1, LIMIT + 1, out, sizeof(out)), QMP_SPLIT_TOO_LONG);
	assert_int_equal(split(text, LIMIT + 1, 7, out, sizeof(out)), QMP_SPLIT_TOO_LONG);
	memset(text, '[', QMP_DEPTH_MAX);
	memset(text + QMP_DEPTH_MAX, ']', QMP_DEPTH_MAX);
	assert_int_equal(split(text, 2 * QMP_DEPTH_MAX, 5, out, sizeof(out)), QMP_SPLIT_MESSAGE);
	text[QMP_DEPTH_MAX] = '{';
	assert_int_equal(split(text, 2 * QMP_DEPTH_MAX, 5, out, sizeof(out)), QMP_SPLIT_TOO_DEEP);
	memset(text, 'x', sizeof(text));
	assert_int_equal(split(text, sizeof(text), 100, out, sizeof(out)), QMP_SPLIT_TOO_LONG);
}

static void white_space_costs_nothing(void **state UNUSED)
{
	struct qmp_split s;
	char blank[1000];
	size_t used;

	memset(blank, '\n', sizeof(blank));
	qmp_split_init(&s, LIMIT);
	for (int i = 0; i < 100; i++)
		assert_int_equal(qmp_split_feed(&s, blank, sizeof(blank), &used), QMP_SPLIT_MORE);
	assert_null(s.text);
	qmp_split_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(broken_messages_end_too),
		cmocka_unit_test(long_and_deep),
		cmocka_unit_test(white_space_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
