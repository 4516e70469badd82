/*
 * A protobuf message as JSON and back, by its descriptor, in protobuf's own JSON form with the
 * names of the .proto: fields that have their default value are left out, 64-bit numbers are
 * strings, enums are names (a number without a name stays one), bytes are base64, maps are objects.
 * Read are also 64-bit numbers as numbers, enums as numbers, maps as arrays of {key, value}, and
 * null for a field that is not there. What is unknown, of a wrong kind or out of range is refused
 * in one sentence. No state; any thread.
 */
#ifndef SAMPAN_CLIENT_JSON_H
#define SAMPAN_CLIENT_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include "core/err.h"

/* Values of one message that are shown; a hostile one is not turned into gigabytes of JSON. */
#define JSON_VALUES_MAX 200000
#define JSON_DEPTH_MAX	32

/* *out is freed by protobuf_c_message_free_unpacked(). */
int json_to_message(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type, json_t *json,
	struct err *err) MUST_USE;

/* *out: a new reference. Text that is not UTF-8 has '?' for what is none. */
int json_from_message(json_t **out, const ProtobufCMessage *message, struct err *err) MUST_USE;

/* True when the field, of type's, is a map: repeated messages of its own, made of key and value. */
bool json_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field);

/* Bytes of a value in its message's struct, or in the array of a repeated one. */
size_t json_value_size(ProtobufCType type);

#endif
