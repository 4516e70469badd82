/* See args.h. */
#include "shim/containerd/args.h"

#include <string.h>
#include "shim/opts/opts.h"

#define IDENTIFIER_MAX 76 /* bytes, of containerd's identifiers */

#define FIELD(f) .offset = offsetof(struct args, f)

static int set_action(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct args *a = into;

	if (a->action)
		return failx(err, -EINVAL, "\"%s\" follows the action %s", value, a->action);
	if (strcmp(value, "start") != 0 && strcmp(value, "delete") != 0)
		return failx(err, -EINVAL, "\"%s\" is neither start nor delete", value);
	a->action = value;
	return 0;
}

static const struct opt words[] = {
	{ "", .many = true, .set = set_action },
	{ "namespace", .set = opt_text, FIELD(namespace) },
	{ "id", .set = opt_text, FIELD(id) },
	{ "address", .set = opt_text, FIELD(address) },
	{ "publish-binary", .set = opt_text, FIELD(publish_binary) },
	{ "bundle", .set = opt_text, FIELD(bundle) },
	{ "debug", OPT_FLAG, .set = opt_flag, FIELD(debug) },
	{ "info", OPT_FLAG, .set = opt_flag, FIELD(info) },
	{ "v", OPT_FLAG, .set = opt_flag, FIELD(version) },
	{ "version", OPT_FLAG, .set = opt_flag, FIELD(version) },
	{ "help", OPT_FLAG, .set = opt_flag, FIELD(help) },
};

/* A letter or digit; then also . _ - between such. */
bool args_identifier(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > IDENTIFIER_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z');
		bool mark = c == '.' || c == '_' || c == '-';

		if (!plain && !(mark && i && i + 1 < len))
			return false;
	}
	return true;
}

static int check_name(const char *what, const char *value, struct err *err)
{
	if (!value)
		return failx(err, -EINVAL, "no %s is given: -%s", what, what);
	if (!args_identifier(value))
		return failx(err, -EINVAL, "the %s \"%.80s\" is no identifier", what, value);
	return 0;
}

int args_parse(struct args *a, int argc, char *const *argv, struct err *err)
{
	int rc;

	*a = (struct args){ 0 };
	rc = opts_words(words, ARRAY_SIZE(words), "-", argc, argv, a, err);
	if (rc || a->info || a->version || a->help)
		return rc;
	if (!a->action)
		return failx(err, -EINVAL,
			"no action is given: containerd calls this program with start or delete");
	rc = check_name("namespace", a->namespace, err);
	return rc ? rc : check_name("id", a->id, err);
}
