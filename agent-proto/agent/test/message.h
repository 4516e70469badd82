/*
 * Messages out of JSON as the recordings in integration/kata have it: proto names, 64-bit integers
 * as strings, defaults absent, maps as objects. Made by way of the wire form, so that the result is
 * what the agent would have received. For tests only; what does not fit fails the test.
 */
#ifndef SAMPAN_AGENT_TEST_MESSAGE_H
#define SAMPAN_AGENT_TEST_MESSAGE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include "core/test/check.h"
#include "core/util.h"

#define WIRE_MAX 65536

struct wire {
	uint8_t *p;
	size_t len;
};

static inline void wire_varint(struct wire *w, uint64_t v)
{
	assert_true(w->len + 10 < WIRE_MAX);
	for (; v > 0x7f; v >>= 7)
		w->p[w->len++] = (uint8_t)(v | 0x80);
	w->p[w->len++] = (uint8_t)v;
}

static inline void wire_bytes(struct wire *w, uint32_t id, const void *data, size_t len)
{
	wire_varint(w, (uint64_t)id << 3 | 2);
	wire_varint(w, len);
	assert_true(w->len + len < WIRE_MAX);
	memcpy(w->p + w->len, data, len);
	w->len += len;
}

static inline uint64_t json_number(const json_t *v)
{
	uint64_t n;
	char *end;

	if (!json_is_string(v))
		return json_is_boolean(v) ? json_is_true(v) : (uint64_t)json_integer_value(v);
	errno = 0;
	n = *json_string_value(v) == '-' ? (uint64_t)strtoll(json_string_value(v), &end, 10)
					 : strtoull(json_string_value(v), &end, 10);
	assert_true(!errno && !*end);
	return n;
}

static inline void wire_message(struct wire *w, const ProtobufCMessageDescriptor *d,
	const json_t *object);

static inline void wire_sub(struct wire *w, uint32_t id, const ProtobufCMessageDescriptor *d,
	const json_t *object)
{
	struct wire sub = { .p = malloc(WIRE_MAX) };

	wire_message(&sub, d, object);
	wire_bytes(w, id, sub.p, sub.len);
	free(sub.p);
}

static inline void wire_value(struct wire *w, const ProtobufCFieldDescriptor *f,
	const json_t *value)
{
	if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		wire_sub(w, f->id, f->descriptor, value);
	} else if (f->type == PROTOBUF_C_TYPE_STRING) {
		assert_true(json_is_string(value));
		wire_bytes(w, f->id, json_string_value(value), json_string_length(value));
	} else {
		assert_true(f->type != PROTOBUF_C_TYPE_BYTES);
		wire_varint(w, (uint64_t)f->id << 3);
		wire_varint(w, json_number(value));
	}
}

static inline void wire_map(struct wire *w, const ProtobufCFieldDescriptor *f, const json_t *map)
{
	const char *key;
	json_t *value, *entry;

	json_object_foreach ((json_t *)(uintptr_t)map, key, value) {
		entry = json_pack("{s:s, s:O}", "key", key, "value", value);
		wire_value(w, f, entry);
		json_decref(entry);
	}
}

static inline void wire_message(struct wire *w, const ProtobufCMessageDescriptor *d,
	const json_t *object)
{
	const char *key;
	json_t *value, *item;
	size_t i;

	json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field_by_name(d, key);

		if (!f)
			fail_msg("%s has no field %s", d->name, key);
		if (f->label != PROTOBUF_C_LABEL_REPEATED)
			wire_value(w, f, value);
		else if (json_is_array(value))
			json_array_foreach (value, i, item)
				wire_value(w, f, item);
		else
			wire_map(w, f, value);
	}
}

/* The caller frees it with protobuf_c_message_free_unpacked(). */
static inline void *message_of(const ProtobufCMessageDescriptor *d, const json_t *object)
{
	struct wire w = { .p = malloc(WIRE_MAX) };
	ProtobufCMessage *m;

	wire_message(&w, d, object);
	m = protobuf_c_message_unpack(d, NULL, w.len, w.p);
	assert_non_null(m);
	free(w.p);
	return m;
}

#endif
