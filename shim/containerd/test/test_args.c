/* containerd's command line: what is said right, what is refused and how. */
#include "shim/containerd/args.h"

#include <string.h>
#include "core/test/check.h"

static int parse(struct args *a, struct err *err, const char *const *words)
{
	int n = 0;

	while (words[n])
		n++;
	*err = (struct err){ 0 };
	return args_parse(a, n, (char *const *)(uintptr_t)words, err);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void as_containerd_says_it(void **state)
{
	struct args a;
	struct err err;

	(void)state;
	assert_int_equal(parse(&a, &err,
				 WORDS("-namespace", "k8s.io", "-address", "/run/c.sock",
					 "-publish-binary", "", "-id", "abc", "start")),
		0);
	assert_string_equal(a.namespace, "k8s.io");
	assert_string_equal(a.id, "abc");
	assert_string_equal(a.address, "/run/c.sock");
	assert_string_equal(a.action, "start");
	assert_false(a.debug);
	assert_int_equal(parse(&a, &err,
				 WORDS("-namespace=n", "-id=abc", "-bundle", "/b", "-debug",
					 "delete")),
		0);
	assert_string_equal(a.bundle, "/b");
	assert_true(a.debug);
	assert_int_equal(parse(&a, &err, WORDS("-info")), 0);
	assert_true(a.info);
	assert_int_equal(parse(&a, &err, WORDS("-v")), 0);
	assert_true(a.version);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *words[8], *told;
	} cases[] = {
		{ { "-id", "a", "start" }, "no namespace is given" },
		{ { "-namespace", "n", "start" }, "no id is given" },
		{ { "-namespace", "n", "-id", "a" }, "no action is given" },
		{ { "-namespace", "n", "-id", "a", "stop" }, "neither start nor delete" },
		{ { "-namespace", "n", "-id", "a", "start", "delete" }, "follows the action" },
		{ { "-namespace", "n", "-id", "../a", "start" }, "is no identifier" },
		{ { "-namespace", "n", "-id", "", "start" }, "is no identifier" },
		{ { "-frob", "start" }, "unknown option -frob" },
	};
	struct args a;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_not_equal(parse(&a, &err, cases[i].words), 0);
		if (!strstr(err.msg, cases[i].told))
			fail_msg("\"%s\" is not in: %s", cases[i].told, err.msg);
	}
}

static void identifiers(void **state)
{
	char longest[78];

	(void)state;
	memset(longest, 'x', 77);
	longest[77] = 0;
	assert_true(args_identifier("a"));
	assert_true(args_identifier("k8s.io"));
	assert_true(args_identifier("a_b-c.D9"));
	assert_false(args_identifier(""));
	assert_false(args_identifier("."));
	assert_false(args_identifier(".."));
	assert_false(args_identifier("a/b"));
	assert_false(args_identifier("-a"));
	assert_false(args_identifier("a-"));
	assert_false(args_identifier("a b"));
	assert_false(args_identifier(longest));
	longest[76] = 0;
	assert_true(args_identifier(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_containerd_says_it),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
