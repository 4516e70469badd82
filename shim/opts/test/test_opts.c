/* Tests of the two grammars: opts.c. */
#include "shim/opts/opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct got {
	const char *kernel, *word, *log, *last_disk;
	unsigned disks, cpus, logs;
	bool quiet;
};

static int set_disk(const struct opt *o UNUSED, void *into, const char *value,
	struct err *err UNUSED)
{
	struct got *g = into;

	g->disks++;
	g->last_disk = value;
	return 0;
}

static int set_log(const struct opt *o UNUSED, void *into, const char *value,
	struct err *err UNUSED)
{
	struct got *g = into;

	g->logs++;
	g->log = value;
	return 0;
}

static const struct opt table[] = {
	{ "", .set = opt_text, .offset = offsetof(struct got, word) },
	{ "kernel", .set = opt_text, .offset = offsetof(struct got, kernel), .metavar = "FILE",
		.help = "what boots" },
	{ "disk", .many = true, .set = set_disk },
	{ "cpus", .set = opt_count, .offset = offsetof(struct got, cpus), .min = 1, .max = 64 },
	{ "quiet", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct got, quiet),
		.help = "says less" },
	{ "D", OPT_MAYBE, .set = set_log },
};

/* words: separated by one space. */
static int parse(const char *words, const char *dash, struct got *g, struct err *err)
{
	static char copy[512];
	char *argv[32], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	*g = (struct got){ 0 };
	*err = (struct err){ 0 };
	return opts_words(table, ARRAY_SIZE(table), dash, argc, argv, g, err);
}

static void words_are_stored(void **state UNUSED)
{
	struct err err;
	struct got g;

	assert_int_equal(parse("--kernel /k --disk=a --disk b --cpus=3 --quiet x", "--", &g, &err),
		0);
	assert_string_equal(g.kernel, "/k");
	assert_int_equal(g.disks, 2);
	assert_string_equal(g.last_disk, "b");
	assert_int_equal(g.cpus, 3);
	assert_true(g.quiet);
	assert_string_equal(g.word, "x");
	assert_int_equal(parse("", "--", &g, &err), 0);
	assert_int_equal(parse("--kernel=", "--", &g, &err), 0);
	assert_string_equal(g.kernel, "");
	assert_int_equal(parse("--kernel a=b=c", "--", &g, &err), 0);
	assert_string_equal(g.kernel, "a=b=c");
	assert_int_equal(parse("--kernel --odd", "--", &g, &err),
		0); /* no option of ours: a value */
	assert_string_equal(g.kernel, "--odd");
	assert_int_equal(parse("-- --quiet", "--", &g, &err), 0);
	assert_string_equal(g.word, "--quiet");
	assert_int_equal(parse("-", "--", &g, &err), 0);
	assert_string_equal(g.word, "-");
}

static void one_dash(void **state UNUSED)
{
	struct err err;
	struct got g;

	assert_int_equal(parse("-kernel /k -D -quiet", "-", &g, &err), 0);
	assert_int_equal(g.logs, 1);
	assert_null(g.log);
	assert_true(g.quiet);
	assert_int_equal(parse("-D /log -quiet", "-", &g, &err), 0);
	assert_string_equal(g.log, "/log");
	assert_int_equal(parse("-quiet -D", "-", &g, &err), 0);
	assert_int_equal(g.logs, 1);
	assert_true(parse("--kernel /k", "-", &g, &err) < 0);
	assert_string_equal(err.msg, "unknown option --kernel");
}

static void bad_words(void **state UNUSED)
{
	static const struct {
		const char *words, *sentence;
	} bad[] = {
		{ "--colour red", "unknown option --colour" },
		{ "--colour=red", "unknown option --colour" },
		{ "-kernel k", "unknown option -kernel" },
		{ "--kern k", "unknown option --kern" },
		{ "--=k", "unknown option --" },
		{ "--kernel a --kernel b", "option --kernel is given twice" },
		{ "--quiet --quiet", "option --quiet is given twice" },
		{ "--kernel", "option --kernel needs a value" },
		{ "--kernel --quiet", "option --kernel needs a value" },
		{ "--quiet=yes", "option --quiet takes no value" },
		{ "--cpus 10000", "--cpus: 10000 is out of range (1 to 64)" },
		{ "--cpus=", "--cpus: \"\" is not a number" },
		{ "x y", "unexpected argument \"y\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err;
		struct got g;

		assert_int_not_equal(parse(bad[i].words, "--", &g, &err), 0);
		assert_string_equal(err.msg, bad[i].sentence);
	}
}

static void no_words_without_an_entry(void **state UNUSED)
{
	char word[] = "x", *argv[] = { word };
	struct err err = { 0 };
	struct got g = { 0 };

	assert_true(opts_words(table + 1, ARRAY_SIZE(table) - 1, "--", 1, argv, &g, &err) < 0);
	assert_string_equal(err.msg, "unexpected argument \"x\"");
}

struct disk {
	const char *path, *id;
	unsigned queues, tags;
	bool ro, direct;
};

static int set_tag(const struct opt *o UNUSED, void *into, const char *value UNUSED,
	struct err *err UNUSED)
{
	((struct disk *)into)->tags++;
	return 0;
}

static const struct opt keys[] = {
	{ "", .set = opt_text, .offset = offsetof(struct disk, path) },
	{ "id", .set = opt_text, .offset = offsetof(struct disk, id) },
	{ "ro", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct disk, ro) },
	{ "direct", OPT_MAYBE, .set = opt_on_off, .offset = offsetof(struct disk, direct) },
	{ "queues", .set = opt_count, .offset = offsetof(struct disk, queues), .min = 1, .max = 8 },
	{ "tag", .many = true, .set = set_tag },
};

static void lists_are_stored(void **state UNUSED)
{
	static const struct {
		const char *value, *path, *id;
		unsigned queues, tags;
		bool ro, direct;
	} good[] = {
		{ "/a", "/a", NULL, 0, 0, false, false },
		{ "/a,ro", "/a", NULL, 0, 0, true, false },
		{ "/a,id=x,queues=3,direct", "/a", "x", 3, 0, false, true },
		{ "/a,direct=on,tag=1,tag=2", "/a", NULL, 0, 2, false, true },
		{ "/a,,b=c,,,id=,,x=y,,", "/a,b=c,", ",x=y,", 0, 0, false, false },
		{ ",,", ",", NULL, 0, 0, false, false },
		{ "id=x", "id=x", NULL, 0, 0, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct opts_texts texts = { 0 };
		struct disk d = { 0 };
		struct err err = { 0 };

		assert_int_equal(opts_list(keys, ARRAY_SIZE(keys), good[i].value, &d, &texts, &err),
			0);
		assert_string_equal(d.path, good[i].path);
		assert_int_equal(!d.id, !good[i].id);
		if (d.id)
			assert_string_equal(d.id, good[i].id);
		assert_int_equal(d.queues, good[i].queues);
		assert_int_equal(d.tags, good[i].tags);
		assert_int_equal(d.ro, good[i].ro);
		assert_int_equal(d.direct, good[i].direct);
		opts_texts_free(&texts);
		assert_null(texts.text);
	}
}

static void bad_lists(void **state UNUSED)
{
	static const struct {
		const char *value, *sentence;
	} bad[] = {
		{ "", "the value is empty" },
		{ ",ro", "the value is empty" },
		{ "/a,", "a key is missing in \"/a,\"" },
		{ "/a,=x", "a key is missing in \"/a,=x\"" },
		{ "/a,ro,", "a key is missing in \"/a,ro,\"" },
		{ "/a,colour=red", "unknown key \"colour\"" },
		{ "/a,ro ", "unknown key \"ro \"" },
		{ "/a,ro,,", "unknown key \"ro,\"" },
		{ "/a,id", "key \"id\" needs a value" },
		{ "/a,id=", "key \"id\" needs a value" },
		{ "/a,ro=on", "key \"ro\" takes no value" },
		{ "/a,ro,ro", "key \"ro\" is given twice" },
		{ "/a,queues=9", "queues: 9 is out of range (1 to 8)" },
		{ "/a,direct=maybe", "direct: \"maybe\" is neither on nor off" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct opts_texts texts = { 0 };
		struct disk d = { 0 };
		struct err err = { 0 };

		assert_int_not_equal(opts_list(keys, ARRAY_SIZE(keys), bad[i].value, &d, &texts,
					     &err),
			0);
		assert_string_equal(err.msg, bad[i].sentence);
		opts_texts_free(&texts);
	}
}

static void list_without_first(void **state UNUSED)
{
	struct opts_texts texts = { 0 };
	struct disk d = { 0 };
	struct err err = { 0 };

	assert_int_equal(opts_list(keys + 1, ARRAY_SIZE(keys) - 1, "ro,id=x", &d, &texts, &err), 0);
	assert_true(d.ro);
	assert_string_equal(d.id, "x");
	assert_int_not_equal(opts_list(keys + 1, ARRAY_SIZE(keys) - 1, "", &d, &texts, &err), 0);
	assert_string_equal(err.msg, "a key is missing in \"\"");
	opts_texts_free(&texts);
}

static void help_shows_what_has_help(void **state UNUSED)
{
	char text[256] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	assert_non_null(f);
	opts_help(f, table, ARRAY_SIZE(table), "--");
	fclose(f);
	assert_string_equal(text,
		"  --kernel FILE            what boots\n"
		"  --quiet                  says less\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_stored),
		cmocka_unit_test(one_dash),
		cmocka_unit_test(bad_words),
		cmocka_unit_test(no_words_without_an_entry),
		cmocka_unit_test(lists_are_stored),
		cmocka_unit_test(bad_lists),
		cmocka_unit_test(list_without_first),
		cmocka_unit_test(help_shows_what_has_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
