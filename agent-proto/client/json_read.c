/*
 * JSON into messages; see json.h. A message under construction is always one that can be freed: an
 * array has room for all its elements, and its count says how many are there.
 */
#include "client/json.h"

#include <string.h>
#include "client/base64.h"

static int read_message(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
	json_t *json, unsigned depth, struct err *err);

/* Decimal digits, with a '-' before them or without. */
static bool parse_digits(const char *text, bool *negative, uint64_t *out)
{
	uint64_t v = 0;

	*negative = *text == '-';
	text += *negative;
	if (!*text)
		return false;
	for (; *text; text++)
		if (*text < '0' || *text > '9' || !mul_ok(v, 10, &v) ||
			!add_ok(v, (uint64_t)(*text - '0'), &v))
			return false;
	*out = v;
	return true;
}

/* A number, or one as a string, as sign and amount. */
static bool parse_whole(json_t *json, bool *negative, uint64_t *amount)
{
	json_int_t v = json_integer_value(json);

	if (json_is_string(json))
		return parse_digits(json_string_value(json), negative, amount);
	*negative = v < 0;
	*amount = v < 0 ? -(uint64_t)v : (uint64_t)v;
	return json_is_integer(json);
}

static int read_signed(int64_t *out, json_t *json, int64_t max, struct err *err)
{
	uint64_t amount;
	bool negative;

	if (!parse_whole(json, &negative, &amount))
		return failx(err, -EINVAL, "not a whole number");
	if (amount > (uint64_t)max + negative)
		return failx(err, -ERANGE, "out of range");
	*out = (int64_t)(negative ? -amount : amount);
	return 0;
}

static int read_unsigned(uint64_t *out, json_t *json, uint64_t max, struct err *err)
{
	bool negative;

	if (!parse_whole(json, &negative, out))
		return failx(err, -EINVAL, "not a whole number");
	return (negative && *out) || *out > max ? failx(err, -ERANGE, "out of range") : 0;
}

static int read_int32(void *out, json_t *json, struct err *err)
{
	int64_t v = 0;
	int rc = read_signed(&v, json, INT32_MAX, err);

	*(int32_t *)out = (int32_t)v;
	return rc;
}

static int read_uint32(void *out, json_t *json, struct err *err)
{
	uint64_t v = 0;
	int rc = read_unsigned(&v, json, UINT32_MAX, err);

	*(uint32_t *)out = (uint32_t)v;
	return rc;
}

static int read_enum(void *out, const ProtobufCFieldDescriptor *f, json_t *json, struct err *err)
{
	const char *name = json_string_value(json);
	const ProtobufCEnumValue *value = name
		? protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, name)
		: NULL;

	if (!value)
		return name ? failx(err, -EINVAL, "unknown value \"%s\"", name)
			    : read_int32(out, json, err);
	*(int32_t *)out = value->value;
	return 0;
}

static int read_string(char **out, json_t *json, struct err *err)
{
	if (!json_is_string(json))
		return failx(err, -EINVAL, "not a string");
	if (strlen(json_string_value(json)) != json_string_length(json))
		return failx(err, -EINVAL, "has a NUL");
	*out = strdup(json_string_value(json));
	return *out ? 0 : fail(err, -ENOMEM, "keep it");
}

static int read_bytes(ProtobufCBinaryData *out, json_t *json, struct err *err)
{
	int rc;

	if (!json_is_string(json))
		return failx(err, -EINVAL, "not a string of base64");
	rc = base64_decode(json_string_value(json), json_string_length(json), &out->data,
		&out->len);
	return rc ? failx(err, rc, rc == -EINVAL ? "not base64" : "too large") : 0;
}

static int read_real(void *out, const ProtobufCFieldDescriptor *f, json_t *json, struct err *err)
{
	double v = json_number_value(json);

	if (!json_is_number(json))
		return failx(err, -EINVAL, "not a number");
	if (f->type == PROTOBUF_C_TYPE_DOUBLE)
		*(double *)out = v;
	else
		*(float *)out = (float)v;
	return 0;
}

static int read_bool(void *out, json_t *json, struct err *err)
{
	if (!json_is_boolean(json))
		return failx(err, -EINVAL, "neither true nor false");
	*(protobuf_c_boolean *)out = json_is_true(json);
	return 0;
}

/* One value, into out. Sentences continue "field: ". */
static int read_value(void *out, const ProtobufCFieldDescriptor *f, json_t *json, unsigned depth,
	struct err *err)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return read_int32(out, json, err);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return read_uint32(out, json, err);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return read_signed(out, json, INT64_MAX, err);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return read_unsigned(out, json, UINT64_MAX, err);
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		return read_real(out, f, json, err);
	case PROTOBUF_C_TYPE_BOOL:
		return read_bool(out, json, err);
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(out, f, json, err);
	case PROTOBUF_C_TYPE_STRING:
		return read_string(out, json, err);
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(out, json, err);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(out, f->descriptor, json, depth + 1, err);
	}
	return failx(err, -ENOTSUP, "of an unknown kind");
}

/* {"key": "k", "value": v} for a member of an object. */
static int read_entry(void *out, const ProtobufCFieldDescriptor *f, const char *key, json_t *value,
	unsigned depth, struct err *err)
{
	json_t *entry = json_pack("{s:s,s:O}", "key", key, "value", value);
	int rc = entry ? read_value(out, f, entry, depth, err) : fail(err, -ENOMEM, "keep it");

	json_decref(entry);
	return rc;
}

/* Makes room for n elements at *array and returns where; NULL: no memory. */
static char *make_array(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t n)
{
	void **array = (void **)((char *)m + f->offset);

	*array = calloc(n ? n : 1, json_value_size(f->type));
	return *array;
}

static int read_map(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, json_t *json,
	unsigned depth, struct err *err)
{
	size_t *n = (size_t *)((char *)m + f->quantifier_offset);
	char *array = make_array(m, f, json_object_size(json));
	json_t *value;
	const char *key;

	if (!array)
		return fail(err, -ENOMEM, "keep it");
	json_object_foreach (json, key, value) {
		int rc = read_entry(array + *n * json_value_size(f->type), f, key, value, depth,
			err);

		if (rc)
			return err_prefix(err, rc, "%s", key);
		++*n;
	}
	return 0;
}

static int read_repeated(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, json_t *json,
	unsigned depth, struct err *err)
{
	size_t *n = (size_t *)((char *)m + f->quantifier_offset), i;
	json_t *value;
	char *array;

	if (json_is_object(json) && json_is_map(m->descriptor, f))
		return read_map(m, f, json, depth, err);
	if (!json_is_array(json))
		return failx(err, -EINVAL, "not an array");
	array = make_array(m, f, json_array_size(json));
	if (!array)
		return fail(err, -ENOMEM, "keep it");
	json_array_foreach (json, i, value) {
		int rc = read_value(array + i * json_value_size(f->type), f, value, depth, err);

		if (rc)
			return rc;
		++*n;
	}
	return 0;
}

/* Says that the field is there, where a message can tell. */
static int mark_present(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, struct err *err)
{
	int32_t *which = (int32_t *)((char *)m + f->quantifier_offset);

	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*which)
			return failx(err, -EINVAL,
				"given together with another one that it excludes");
		*which = (int32_t)f->id;
	} else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->quantifier_offset) {
		*which = 1;
	}
	return 0;
}

static int read_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, json_t *json,
	unsigned depth, struct err *err)
{
	int rc;

	if (json_is_null(json))
		return 0;
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return read_repeated(m, f, json, depth, err);
	rc = mark_present(m, f, err);
	return rc ? rc : read_value((char *)m + f->offset, f, json, depth, err);
}

static int read_members(ProtobufCMessage *m, json_t *json, unsigned depth, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach (json, key, value) {
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field_by_name(m->descriptor, key);
		int rc;

		if (!f)
			return failx(err, -EINVAL, "unknown field \"%s\"", key);
		rc = read_field(m, f, value, depth, err);
		if (rc)
			return err_prefix(err, rc, "%s", key);
	}
	return 0;
}

static int read_message(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
	json_t *json, unsigned depth, struct err *err)
{
	ProtobufCMessage *m;
	int rc;

	if (depth > JSON_DEPTH_MAX)
		return failx(err, -ELOOP, "nested too deep");
	if (!json_is_object(json))
		return failx(err, -EINVAL, "not an object");
	m = calloc(1, type->sizeof_message);
	if (!m)
		return fail(err, -ENOMEM, "keep it");
	protobuf_c_message_init(type, m);
	rc = read_members(m, json, depth, err);
	if (rc)
		protobuf_c_message_free_unpacked(m, NULL);
	else
		*out = m;
	return rc;
}

int json_to_message(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type, json_t *json,
	struct err *err)
{
	*out = NULL;
	return read_message(out, type, json, 0, err);
}
