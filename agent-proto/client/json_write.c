/* Messages into JSON; see json.h. */
#include "client/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "client/base64.h"
#include "ttrpc/utf8.h"

struct writer {
	size_t values; /* that may still be written */
};

static json_t *write_message(struct writer *w, const ProtobufCMessage *m, unsigned depth);

bool json_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	size_t outer = strlen(type->name), len;

	if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE ||
		entry->n_fields != 2)
		return false;
	len = strlen(entry->name);
	return !strncmp(entry->name, type->name, outer) && entry->name[outer] == '.' && len >= 5 &&
		!strcmp(entry->name + len - 5, "Entry") && !strcmp(entry->fields[0].name, "key") &&
		entry->fields[0].id == 1 && !strcmp(entry->fields[1].name, "value") &&
		entry->fields[1].id == 2;
}

size_t json_value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 4;
	}
}

static json_t *write_text(const char *text)
{
	AUTO_FREE char *clean = strdup(text ? text : "");

	if (!clean)
		return NULL;
	utf8_clean(clean);
	return json_string(clean);
}

static json_t *write_bytes(const ProtobufCBinaryData *data)
{
	AUTO_FREE char *text = base64_encode(data->data, data->len);

	return text ? json_string_nocheck(text) : NULL;
}

static json_t *write_enum(const ProtobufCFieldDescriptor *f, int32_t v)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(f->descriptor, v);

	return value ? json_string(value->name) : json_integer(v);
}

static json_t *write_signed(int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	return json_string(text);
}

static json_t *write_unsigned(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return json_string(text);
}

/* JSON has no word for what is not finite. */
static json_t *write_real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

/* NULL: no memory, or too many values. */
static json_t *write_value(struct writer *w, const ProtobufCFieldDescriptor *f, const void *p,
	unsigned depth)
{
	if (!w->values)
		return NULL;
	w->values--;
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_integer(*(const int32_t *)p);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_integer(*(const uint32_t *)p);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return write_signed(*(const int64_t *)p);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return write_unsigned(*(const uint64_t *)p);
	case PROTOBUF_C_TYPE_FLOAT:
		return write_real((double)*(const float *)p);
	case PROTOBUF_C_TYPE_DOUBLE:
		return write_real(*(const double *)p);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)p);
	case PROTOBUF_C_TYPE_ENUM:
		return write_enum(f, *(const int32_t *)p);
	case PROTOBUF_C_TYPE_STRING:
		return write_text(*(char *const *)p);
	case PROTOBUF_C_TYPE_BYTES:
		return write_bytes(p);
	case PROTOBUF_C_TYPE_MESSAGE:
		return write_message(w, *(ProtobufCMessage *const *)p, depth + 1);
	}
	return NULL;
}

static bool all_zero(const void *p, size_t n)
{
	const char *c = p;

	while (n && !*c++)
		n--;
	return !n;
}

/* A field that is absent, or has its type's default value. */
static bool is_default(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *p = (const char *)m + f->offset;
	const ProtobufCBinaryData *bytes = (const void *)p;
	const char *text;

	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const int32_t *)((const char *)m + f->quantifier_offset) != (int32_t)f->id;
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return !*(const size_t *)((const char *)m + f->quantifier_offset);
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return !bytes->len;
	if (f->type != PROTOBUF_C_TYPE_STRING)
		return all_zero(p, json_value_size(f->type));
	text = *(char *const *)p;
	return !text || !*text;
}

/* The key of a map's entry as a member's name. */
static json_t *write_key(const ProtobufCFieldDescriptor *f, const void *p)
{
	char text[24];

	if (f->type == PROTOBUF_C_TYPE_STRING)
		return write_text(*(char *const *)p);
	if (json_value_size(f->type) == 8)
		snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)p);
	else
		snprintf(text, sizeof(text), "%" PRId32, *(const int32_t *)p);
	return json_string(text);
}

static bool add_entry(struct writer *w, json_t *object, const ProtobufCMessage *entry,
	unsigned depth)
{
	const ProtobufCFieldDescriptor *fields = entry->descriptor->fields;
	json_t *key = write_key(&fields[0], (const char *)entry + fields[0].offset);
	json_t *value = write_value(w, &fields[1], (const char *)entry + fields[1].offset, depth);
	bool ok = key && value && !json_object_set(object, json_string_value(key), value);

	json_decref(key);
	json_decref(value);
	return ok;
}

static json_t *write_repeated(struct writer *w, const ProtobufCMessage *m,
	const ProtobufCFieldDescriptor *f, unsigned depth)
{
	size_t n = *(const size_t *)((const char *)m + f->quantifier_offset);
	const char *array = *(char *const *)((const char *)m + f->offset);
	bool map = json_is_map(m->descriptor, f), ok = true;
	json_t *out = map ? json_object() : json_array();

	for (size_t i = 0; ok && out && i < n; i++) {
		const void *p = array + i * json_value_size(f->type);

		if (map)
			ok = add_entry(w, out, *(ProtobufCMessage *const *)p, depth + 1);
		else
			ok = !json_array_append_new(out, write_value(w, f, p, depth));
	}
	if (ok)
		return out;
	json_decref(out);
	return NULL;
}

static json_t *write_message(struct writer *w, const ProtobufCMessage *m, unsigned depth)
{
	json_t *out = depth <= JSON_DEPTH_MAX ? json_object() : NULL;

	if (!m || !out)
		return out;
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		json_t *value;

		if (is_default(m, f))
			continue;
		value = f->label == PROTOBUF_C_LABEL_REPEATED
			? write_repeated(w, m, f, depth)
			: write_value(w, f, (const char *)m + f->offset, depth);
		if (json_object_set_new(out, f->name, value)) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

int json_from_message(json_t **out, const ProtobufCMessage *message, struct err *err)
{
	struct writer w = { .values = JSON_VALUES_MAX };

	*out = write_message(&w, message, 0);
	return *out ? 0 : failx(err, -E2BIG, "the message is too large to be shown as JSON");
}
