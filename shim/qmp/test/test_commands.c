/* Tests of command tables: commands.c. */
#include "shim/qmp/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static int nothing(void *ctx UNUSED, json_t *args UNUSED, json_t **ret UNUSED,
	struct err *err UNUSED)
{
	return 0;
}

static const struct qmp_command first[] = {
	{ "stop", nothing, { { 0 } }, false },
	{ "add", nothing,
		{ { "id", false, JSON_STRING }, { "ro", true, JSON_TRUE },
			{ "n", true, JSON_INTEGER } },
		false },
};
static const struct qmp_command second[] = {
	{ "stop", nothing, { { 0 } }, false },
	{ "device_add", nothing, { { 0 } }, true },
};

static void look_up(void **state UNUSED)
{
	int a, b;
	const struct qmp_table tables[] = { { first, 2, &a }, { second, 2, &b } };
	const struct qmp_dialect d = { 5, 0, 1, "x", tables, 2, NULL };
	void *ctx = NULL;

	assert_ptr_equal(qmp_find(&d, "stop", &ctx), &first[0]);
	assert_ptr_equal(ctx, &a);
	assert_ptr_equal(qmp_find(&d, "device_add", &ctx), &second[1]);
	assert_ptr_equal(ctx, &b);
	assert_null(qmp_find(&d, "STOP", &ctx));
	assert_null(qmp_find(&d, "", &ctx));
}

static int check(const struct qmp_command *c, const char *text, struct err *err)
{
	json_t *args = json_loads(text, 0, NULL);
	int rc;

	assert_non_null(args);
	rc = qmp_check_args(c, args, err);
	json_decref(args);
	return rc;
}

static void arguments(void **state UNUSED)
{
	struct err err = { 0 };

	assert_int_equal(check(&first[0], "{}", &err), 0);
	assert_int_equal(check(&first[1], "{\"id\":\"a\"}", &err), 0);
	assert_int_equal(check(&first[1], "{\"id\":\"a\",\"ro\":false,\"n\":1}", &err), 0);
	assert_int_equal(check(&second[1], "{\"any\":[1]}", &err), 0);
	assert_int_not_equal(check(&first[0], "{\"x\":1}", &err), 0);
	assert_string_equal(err.msg, "stop takes no argument \"x\"");
	assert_int_not_equal(check(&first[1], "{\"ro\":true}", &err), 0);
	assert_string_equal(err.msg, "add needs argument \"id\"");
	assert_int_not_equal(check(&first[1], "{\"id\":null}", &err), 0);
	assert_string_equal(err.msg, "add: argument \"id\" has the wrong type");
	assert_int_not_equal(check(&first[1], "{\"id\":\"a\",\"ro\":1}", &err), 0);
	assert_int_not_equal(check(&first[1], "{\"id\":\"a\",\"n\":1.5}", &err), 0);
}

static void foreign_text(void **state UNUSED)
{
	json_t *good = qmp_text("caf\xc3\xa9"), *bad = qmp_text("caf\xc3");

	assert_string_equal(json_string_value(good), "caf\xc3\xa9");
	assert_string_equal(json_string_value(bad), "caf?");
	json_decref(good);
	json_decref(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(look_up),
		cmocka_unit_test(arguments),
		cmocka_unit_test(foreign_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
