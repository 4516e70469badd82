/*
 * Fuzzes messages as JSON. The input's first byte chooses the message's type, the second's lowest
 * bit what the rest is: JSON, or a message's bytes. A message that comes of it is shown as JSON
 * that is taken, and that is shown as the same again.
 */
#include <string.h>
#include "agent.pb-c.h"
#include "client/json.h"
#include "health.pb-c.h"
#include "ttrpc/budget.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *pick(uint8_t n)
{
	const ProtobufCServiceDescriptor *s = &grpc__agent_service__descriptor;
	const ProtobufCMethodDescriptor *m = &s->methods[(n >> 1) % s->n_methods];

	if (n == 0xff)
		return &grpc__health_check_response__descriptor;
	return n & 1 ? m->output : m->input;
}

static ProtobufCMessage *read_json(const ProtobufCMessageDescriptor *type, json_t *json)
{
	ProtobufCMessage *m;
	struct err err = { 0 };

	if (!json_to_message(&m, type, json, &err))
		return m;
	if (m || !*err.msg)
		abort();
	return NULL;
}

static json_t *show(const ProtobufCMessage *m)
{
	struct err err = { 0 };
	json_t *json;

	if (json_from_message(&json, m, &err) && !*err.msg)
		abort();
	return json;
}

/* What is shown is taken, and shown as the same again (unless there is too much of it). */
static void check_stable(const ProtobufCMessage *m)
{
	json_t *json = show(m), *same;
	ProtobufCMessage *again = json ? read_json(m->descriptor, json) : NULL;

	if (json && !again)
		abort();
	same = again ? show(again) : NULL;
	if (again && !json_equal(json, same))
		abort();
	json_decref(json);
	json_decref(same);
	protobuf_c_message_free_unpacked(again, NULL);
}

static void fuzz_text(const ProtobufCMessageDescriptor *type, const void *text, size_t len)
{
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	ProtobufCMessage *m = json ? read_json(type, json) : NULL;

	if (m)
		check_stable(m);
	protobuf_c_message_free_unpacked(m, NULL);
	json_decref(json);
}

static void fuzz_bytes(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len)
{
	struct budget budget = { .left = 8 * MiB };
	size_t taken;
	ProtobufCMessage *m = budget_unpack(&budget, type, bytes, len, &taken);

	if (m)
		check_stable(m);
	protobuf_c_message_free_unpacked(m, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[1] & 1)
		fuzz_bytes(pick(data[0]), data + 2, size - 2);
	else
		fuzz_text(pick(data[0]), data + 2, size - 2);
	return 0;
}
