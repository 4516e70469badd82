/*
 * The two grammars of opts.h over one table: words of a command line, and items of a value.
 *
 * Which entries were seen is a bit mask on the stack (OPTS_MAX entries), so tables are constant and
 * parsing is reentrant.
 */
#include "shim/opts/opts.h"

#include <string.h>

void opts_texts_free(struct opts_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->text[i]);
	free(texts->text);
	*texts = (struct opts_texts){ 0 };
}

static char *keep(struct opts_texts *texts, const char *value)
{
	char **grown = realloc(texts->text, (texts->n + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	texts->text = grown;
	grown[texts->n] = strdup(value);
	return grown[texts->n] ? grown[texts->n++] : NULL;
}

/* len bytes of name; NULL: unknown. */
static const struct opt *find(const struct opt *table, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len))
			return &table[i];
	return NULL;
}

/* True when the entry is used a second time and may not be. */
static bool again(const struct opt *table, const struct opt *o, uint64_t *seen)
{
	uint64_t bit = UINT64_C(1) << (o - table);
	bool twice = !o->many && (*seen & bit);

	*seen |= bit;
	return twice;
}

/* A word that is no option. */
static int plain_word(const struct opt *table, size_t n, const char *word, void *into,
	uint64_t *seen, struct err *err)
{
	const struct opt *o = find(table, n, "", 0);

	if (!o || again(table, o, seen))
		return failx(err, -EINVAL, "unexpected argument \"%s\"", word);
	return o->set(o, into, word, err);
}

/* The entry that a word names; *len becomes the length of the name with its dashes. */
static const struct opt *named(const struct opt *table, size_t n, const char *dash,
	const char *word, size_t *len)
{
	size_t skip = strlen(dash);

	*len = strcspn(word, "=");
	return !strncmp(word, dash, skip) && *len > skip ? find(table, n, word + skip, *len - skip)
							 : NULL;
}

/* The option in argv[*i]; *i is moved to the value when that is a word of its own. */
static int option(const struct opt *table, size_t n, const char *dash, int argc, char *const *argv,
	int *i, void *into, uint64_t *seen, struct err *err)
{
	const char *word = argv[*i], *next = *i + 1 < argc ? argv[*i + 1] : NULL, *value = NULL;
	size_t len, unused;
	const struct opt *o = named(table, n, dash, word, &len);
	int shown = (int)len, rc;

	if (!o)
		return failx(err, -EINVAL, "unknown option %.*s", shown, word);
	if (again(table, o, seen))
		return failx(err, -EINVAL, "option %.*s is given twice", shown, word);
	if (word[len])
		value = word + len + 1;
	else if (o->arg == OPT_VALUE && next && !named(table, n, dash, next, &unused))
		value = argv[++*i];
	else if (o->arg == OPT_MAYBE && next && *next != '-')
		value = argv[++*i];
	if (o->arg == OPT_FLAG && value)
		return failx(err, -EINVAL, "option %.*s takes no value", shown, word);
	if (o->arg == OPT_VALUE && !value)
		return failx(err, -EINVAL, "option %.*s needs a value", shown, word);
	rc = o->set(o, into, value, err);
	return rc ? err_prefix(err, rc, "%.*s", shown, word) : 0;
}

int opts_words(const struct opt *table, size_t n, const char *dash, int argc, char *const *argv,
	void *into, struct err *err)
{
	bool options = true;
	uint64_t seen = 0;
	int rc = 0;

	for (int i = 0; !rc && i < argc; i++) {
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (options && argv[i][0] == '-' && argv[i][1])
			rc = option(table, n, dash, argc, argv, &i, into, &seen, err);
		else
			rc = plain_word(table, n, argv[i], into, &seen, err);
	}
	return rc;
}

/*
 * Ends the item at *p where a single comma is, with ",," made ","; *p moves behind it, to NULL
 * after the last one.
 */
static char *next_item(char **p)
{
	char *item = *p, *from = item, *to = item;

	while (*from && (*from != ',' || from[1] == ',')) {
		*to++ = *from;
		from += *from == ',' ? 2 : 1;
	}
	*p = *from ? from + 1 : NULL;
	*to = 0;
	return item;
}

static int set_item(const struct opt *table, const struct opt *o, char *item, const char *value,
	void *into, uint64_t *seen, struct err *err)
{
	int rc;

	if (again(table, o, seen))
		return failx(err, -EINVAL, "key \"%s\" is given twice", item);
	if (o->arg == OPT_VALUE && (!value || !*value))
		return failx(err, -EINVAL, "key \"%s\" needs a value", item);
	if (o->arg == OPT_FLAG && value)
		return failx(err, -EINVAL, "key \"%s\" takes no value", item);
	rc = o->set(o, into, value, err);
	return rc ? err_prefix(err, rc, "%s", item) : 0;
}

int opts_list(const struct opt *table, size_t n, const char *value, void *into,
	struct opts_texts *texts, struct err *err)
{
	char *p = keep(texts, value);
	uint64_t seen = 0;
	int rc = 0;

	if (!p)
		return fail(err, -ENOMEM, "split \"%s\"", value);
	if (n && !*table[0].name) {
		char *first = next_item(&p);

		if (!*first)
			return failx(err, -EINVAL, "the value is empty");
		rc = table[0].set(&table[0], into, first, err);
	}
	while (!rc && p) {
		char *item = next_item(&p), *equals = strchr(item, '=');
		const struct opt *o;

		if (equals)
			*equals = 0;
		o = *item ? find(table, n, item, strlen(item)) : NULL;
		if (!*item)
			rc = failx(err, -EINVAL, "a key is missing in \"%s\"", value);
		else if (!o)
			rc = failx(err, -EINVAL, "unknown key \"%s\"", item);
		else
			rc = set_item(table, o, item, equals ? equals + 1 : NULL, into, &seen, err);
	}
	return rc;
}

void opts_help(FILE *to, const struct opt *table, size_t n, const char *dash)
{
	for (size_t i = 0; i < n; i++) {
		char left[64];

		if (!table[i].help)
			continue;
		snprintf(left, sizeof(left), "%s%s%s%s", *table[i].name ? dash : "", table[i].name,
			*table[i].name && table[i].metavar ? " " : "",
			table[i].metavar ? table[i].metavar : "");
		fprintf(to, "  %-24s %s\n", left, table[i].help);
	}
}
