/*
 * JSON with one sticky failure: see spec_build.h. The number of values is limited, because a few
 * bytes of a message can ask for a value that takes a hundred.
 */
#include "agent/spec_build.h"

json_t *build_put(struct build *b, json_t *parent, const char *key, json_t *value)
{
	if (b->code || !parent) {
		json_decref(value);
		return NULL;
	}
	if (!b->left) {
		json_decref(value);
		build_refuse(b, "the specification has more than %u values", SPEC_MAX_VALUES);
		return NULL;
	}
	b->left--;
	if (!value ||
		(key ? json_object_set_new(parent, key, value)
		     : json_array_append_new(parent, value))) {
		build_refuse(b, "%s is no text in UTF-8", key ? key : "an item of a list");
		return NULL;
	}
	return value;
}

json_t *build_object(struct build *b, json_t *parent, const char *key)
{
	return build_put(b, parent, key, json_object());
}

json_t *build_array(struct build *b, json_t *parent, const char *key)
{
	return build_put(b, parent, key, json_array());
}

void build_int(struct build *b, json_t *parent, const char *key, int64_t value)
{
	build_put(b, parent, key, json_integer(value));
}

void build_bool(struct build *b, json_t *parent, const char *key, bool value)
{
	build_put(b, parent, key, json_boolean(value));
}

void build_unsigned(struct build *b, json_t *parent, const char *key, uint64_t value)
{
	build_put(b, parent, key, json_integer((json_int_t)value));
}

void build_string(struct build *b, json_t *parent, const char *key, const char *value)
{
	if (!key || (value && *value))
		build_put(b, parent, key, json_string(value ? value : ""));
}

void build_strings(struct build *b, json_t *parent, const char *key, char *const *list, size_t n)
{
	json_t *array = n ? build_array(b, parent, key) : NULL;

	for (size_t i = 0; i < n && !b->code; i++)
		build_string(b, array, NULL, list[i]);
}

int build_end(struct build *b, json_t *root, json_t **out)
{
	if (!root && !b->code)
		b->code = fail(b->err, -ENOMEM, "write the specification");
	if (b->code) {
		json_decref(root);
		return b->code;
	}
	*out = root;
	return 0;
}
