/* Hooks of the guest: what is one, in which order, and what a container's configuration says. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/test/check.h"
#include "agent/hooks.h"

static void put(const char *dir, const char *name, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void drop(const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(remove(path), 0);
}

static void listed(void **state UNUSED)
{
	char dir[] = "/tmp/sampan-hooks-XXXXXX", want[512];
	json_t *config = json_object();
	struct err err;
	char *text;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(hooks_add(config, dir, &err), 0);
	assert_int_equal(json_object_size(config), 0);
	for (const char *const *kind = (const char *const[]){ "prestart", "poststop", NULL }; *kind;
		kind++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", dir, *kind);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	put(dir, "prestart/two", 0755);
	put(dir, "prestart/one", 0755);
	put(dir, "prestart/.hidden", 0755);
	put(dir, "prestart/text", 0644);
	assert_int_equal(hooks_add(config, dir, &err), 0);
	text = json_dumps(config, JSON_COMPACT);
	snprintf(want, sizeof(want),
		"{\"hooks\":{\"prestart\":[{\"path\":\"%s/prestart/one\",\"args\":[\"one\",\"prestart\"]},"
		"{\"path\":\"%s/prestart/two\",\"args\":[\"two\",\"prestart\"]}]}}",
		dir, dir);
	assert_string_equal(text, want);
	free(text);
	json_decref(config);
	drop(dir, "prestart/two");
	drop(dir, "prestart/one");
	drop(dir, "prestart/.hidden");
	drop(dir, "prestart/text");
	drop(dir, "prestart");
	drop(dir, "poststop");
	assert_int_equal(remove(dir), 0);
}

static void not_there(void **state UNUSED)
{
	json_t *config = json_object();
	struct err err;

	assert_int_equal(hooks_add(config, "/no/such/directory", &err), 0);
	assert_int_equal(json_object_size(config), 0);
	json_decref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed),
		cmocka_unit_test(not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
