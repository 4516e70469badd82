/* See bundle.h. */
#include "shim/containerd/bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "shim/containerd/args.h"
#include "shim/containerd/file.h"

#define DIGITS_MAX 18 /* that any int64_t holds */

/*
 * Quotes integers of more digits than an int64_t is sure to hold. Strings are passed over; text
 * that is no JSON stays none. to has room for two more bytes for each such number.
 */
static size_t quote_numbers(char *to, const char *from, size_t len)
{
	char *start = to;
	bool in_string = false;

	for (size_t i = 0; i < len;) {
		size_t n = in_string ? 0 : strspn(from + i, "0123456789");
		bool whole = n > DIGITS_MAX && (!i || !strchr("-.eE", from[i - 1])) &&
			!strchr(".eE", from[i + n]);

		if (whole)
			*to++ = '"';
		if (from[i] == '"')
			in_string = !in_string;
		else if (in_string && from[i] == '\\' && i + 1 < len)
			n = 2;
		n = n ? n : 1;
		memcpy(to, from + i, n);
		to += n;
		i += n;
		if (whole)
			*to++ = '"';
	}
	return (size_t)(to - start);
}

int bundle_parse(json_t **json, const char *text, size_t len, const char *what, struct err *err)
{
	AUTO_FREE char *copy = malloc(len + 1), *quoted = NULL;
	json_error_t where;

	if (!copy || len > BUNDLE_SPEC_MAX)
		return failx(err, -E2BIG, "%s is too large", what);
	memcpy(copy, text, len);
	copy[len] = 0;
	quoted = malloc(len + len / 8 + 16);
	if (!quoted)
		return fail(err, -ENOMEM, "read %s", what);
	len = quote_numbers(quoted, copy, strlen(copy));
	*json = json_loadb(quoted, len, JSON_REJECT_DUPLICATES, &where);
	if (!*json)
		return failx(err, -EINVAL, "%s is no JSON: line %d: %s", what, where.line,
			where.text);
	if (json_is_object(*json))
		return 0;
	json_decref(*json);
	*json = NULL;
	return failx(err, -EINVAL, "%s is no JSON object", what);
}

int bundle_load(json_t **spec, const char *dir, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char path[4096];
	size_t len;
	int rc;

	if ((size_t)snprintf(path, sizeof(path), "%s/config.json", dir) >= sizeof(path))
		return failx(err, -ENAMETOOLONG, "the path of the bundle is too long");
	rc = file_read(path, BUNDLE_SPEC_MAX, &text, &len, err);
	return rc ? rc : bundle_parse(spec, text, len, path, err);
}

const char *bundle_annotation(const json_t *spec, const char *name)
{
	return json_string_value(json_object_get(json_object_get(spec, "annotations"), name));
}

int bundle_group(struct bundle_group *g, const json_t *spec, const char *id, struct err *err)
{
	const char *type = bundle_annotation(spec, "io.kubernetes.cri.container-type");
	const char *sandbox = bundle_annotation(spec, "io.kubernetes.cri.sandbox-id");

	*g = (struct bundle_group){ BUNDLE_ALONE, id };
	if (type && !strcmp(type, "sandbox"))
		g->kind = BUNDLE_SANDBOX;
	if (!type || strcmp(type, "container") != 0)
		return 0;
	if (!sandbox || !args_identifier(sandbox))
		return failx(err, -EINVAL, "container %s is in a pod, but which one is not told",
			id);
	*g = (struct bundle_group){ BUNDLE_MEMBER, sandbox };
	return 0;
}

const char *bundle_namespace(const json_t *spec, const char *type)
{
	const json_t *list = json_object_get(json_object_get(spec, "linux"), "namespaces");
	const json_t *ns;
	size_t i;

	json_array_foreach (list, i, ns) {
		const char *is = json_string_value(json_object_get(ns, "type"));
		const char *path = json_string_value(json_object_get(ns, "path"));

		if (is && !strcmp(is, type))
			return path ? path : "";
	}
	return NULL;
}

static const json_t *walk(const json_t *json, va_list ap)
{
	const char *key;

	while ((key = va_arg(ap, const char *)))
		json = json_object_get(json, key);
	return json;
}

const char *bundle_text(const json_t *spec, ...)
{
	va_list ap;

	va_start(ap, spec);
	spec = walk(spec, ap);
	va_end(ap);
	return json_string_value(spec);
}

int64_t bundle_number(const json_t *spec, int64_t fallback, ...)
{
	va_list ap;

	va_start(ap, fallback);
	spec = walk(spec, ap);
	va_end(ap);
	return json_is_integer(spec) ? json_integer_value(spec) : fallback;
}
