/*
 * Fuzzes both grammars of options: the input is a command line whose words are separated by NUL,
 * given to a table with every kind of entry, once with two dashes and once with one; and each word
 * as a comma-separated value.
 */
#include "shim/opts/opts.h"

#include <string.h>

#define WORDS 64

struct into {
	const char *text, *name;
	uint64_t size;
	unsigned count, choice;
	bool flag, on;
	uint8_t mac[6];
	struct opts_texts texts;
	const struct opt *keys;
	size_t nkeys;
};

static const char *const choices[] = { "auto", "on", "off", NULL };

static int set_mac(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	return parse_mac(value, ((struct into *)into)->mac, err);
}

static int set_list(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct into *i = into;

	return opts_list(i->keys, i->nkeys, value, i, &i->texts, err);
}

#define AT(field) .offset = offsetof(struct into, field)

static const struct opt table[] = {
	{ "", .many = true, .set = opt_text, AT(text) },
	{ "name", .set = opt_name, AT(name), .max = 20 },
	{ "size", .many = true, .set = opt_size, AT(size), .min = 1, .max = 1 << 30 },
	{ "count", .many = true, .set = opt_count, AT(count), .min = 1, .max = 64 },
	{ "choice", .many = true, .set = opt_choice, AT(choice), .choices = choices },
	{ "flag", OPT_FLAG, .set = opt_flag, AT(flag) },
	{ "on", OPT_MAYBE, .many = true, .set = opt_on_off, AT(on) },
	{ "mac", .many = true, .set = set_mac },
	{ "list", .many = true, .set = set_list },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct into *i, int rc, const struct err *err)
{
	if (rc && !*err->msg)
		abort(); /* a refusal without a sentence */
	if (i->count > 64 || i->choice > 2 || i->size > 1 << 30 ||
		(i->name && strlen(i->name) > 20))
		abort();
}

static void parse(const char *dash, int argc, char *const *argv)
{
	struct into i = { .keys = table, .nkeys = ARRAY_SIZE(table) - 1 };
	struct err err = { 0 };

	check(&i, opts_words(table, ARRAY_SIZE(table), dash, argc, argv, &i, &err), &err);
	opts_texts_free(&i.texts);
	for (int w = 0; w < argc; w++) {
		struct into l = { 0 };

		err = (struct err){ 0 };
		check(&l, opts_list(table + (w & 1), i.nkeys - 1, argv[w], &l, &l.texts, &err),
			&err);
		opts_texts_free(&l.texts);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = malloc(size + 1);
	char *argv[WORDS];
	int argc = 0;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = 0;
	for (size_t at = 0; at < size && argc < WORDS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	parse("--", argc, argv);
	parse("-", argc, argv);
	return 0;
}
