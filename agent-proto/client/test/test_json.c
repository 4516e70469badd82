/*
 * Messages as JSON: each kind of field both ways, what is refused, and every request and answer of
 * the recorded pod lives, which come back as they were.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include "agent.pb-c.h"
#include "client/base64.h"
#include "client/json.h"
#include "core/test/check.h"
#include "csi.pb-c.h"
#include "health.pb-c.h"

static ProtobufCMessage *read_text(const ProtobufCMessageDescriptor *type, const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	ProtobufCMessage *m = NULL;
	struct err err = { 0 };

	assert_non_null(json);
	if (json_to_message(&m, type, json, &err))
		fail_msg("%s: %s", text, err.msg);
	json_decref(json);
	return m;
}

static void expect_text(const ProtobufCMessage *m, const char *text)
{
	AUTO_FREE char *shown = NULL;
	struct err err = { 0 };
	json_t *json;

	assert_int_equal(json_from_message(&json, m, &err), 0);
	shown = json_dumps(json, JSON_COMPACT);
	assert_string_equal(shown, text);
	json_decref(json);
}

/* text in is shown as out. */
static void expect_both(const ProtobufCMessageDescriptor *type, const char *text, const char *out)
{
	ProtobufCMessage *m = read_text(type, text);

	expect_text(m, out);
	protobuf_c_message_free_unpacked(m, NULL);
}

static void expect_refused(const ProtobufCMessageDescriptor *type, const char *text,
	const char *sentence)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	ProtobufCMessage *m = NULL;
	struct err err = { 0 };

	assert_non_null(json);
	assert_true(json_to_message(&m, type, json, &err) < 0);
	assert_null(m);
	assert_string_equal(err.msg, sentence);
	json_decref(json);
}

static void test_fields(void **state)
{
	Grpc__CreateContainerRequest *r;
	ProtobufCMessage *m;

	(void)state;
	m = read_text(&grpc__create_container_request__descriptor,
		"{\"container_id\": \"c1\", \"sandbox_pidns\": true, \"stdin_port\": 4294967295,"
		"\"devices\": [{\"id\": \"a\", \"options\": [\"x\", \"\"]}, {}],"
		"\"exec_id\": null,"
		"\"OCI\": {\"Process\": {\"OOMScoreAdj\": \"-998\", \"Args\": []},"
		"\"Annotations\": {\"a\": \"1\", \"b\": \"\"}}}");
	r = (Grpc__CreateContainerRequest *)m;
	assert_string_equal(r->container_id, "c1");
	assert_string_equal(r->exec_id, "");
	assert_true(r->sandbox_pidns);
	assert_int_equal(r->stdin_port, UINT32_MAX);
	assert_int_equal(r->n_devices, 2);
	assert_int_equal(r->devices[0]->n_options, 2);
	assert_string_equal(r->devices[0]->options[0], "x");
	assert_int_equal(r->oci->process->oomscoreadj, -998);
	assert_int_equal(r->oci->n_annotations, 2);
	assert_string_equal(r->oci->annotations[0]->key, "a");
	assert_string_equal(r->oci->annotations[0]->value, "1");
	expect_text(m,
		"{\"container_id\":\"c1\",\"devices\":[{\"id\":\"a\",\"options\":[\"x\",\"\"]},{}],"
		"\"OCI\":{\"Process\":{\"OOMScoreAdj\":\"-998\"},"
		"\"Annotations\":{\"a\":\"1\",\"b\":\"\"}},"
		"\"sandbox_pidns\":true,\"stdin_port\":4294967295}");
	protobuf_c_message_free_unpacked(m, NULL);
}

static void test_numbers(void **state)
{
	static const ProtobufCMessageDescriptor
		*const t = &grpc__linux_memory__descriptor,
		       *wait = &grpc__wait_process_response__descriptor;

	(void)state;
	expect_both(t, "{\"Limit\": 9223372036854775807, \"Swap\": \"-9223372036854775808\"}",
		"{\"Limit\":\"9223372036854775807\",\"Swap\":\"-9223372036854775808\"}");
	expect_both(t, "{\"Swappiness\": \"18446744073709551615\"}",
		"{\"Swappiness\":\"18446744073709551615\"}");
	expect_both(t, "{\"Limit\": 0, \"Swap\": \"-0\", \"DisableOOMKiller\": false}", "{}");
	expect_both(wait, "{\"status\": -2147483648}", "{\"status\":-2147483648}");
	expect_both(wait, "{\"status\": \"2147483647\"}", "{\"status\":2147483647}");
	expect_refused(wait, "{\"status\": 2147483648}", "status: out of range");
	expect_refused(wait, "{\"status\": -2147483649}", "status: out of range");
	expect_refused(wait, "{\"status\": 1.5}", "status: not a whole number");
	expect_refused(wait, "{\"status\": \"1x\"}", "status: not a whole number");
	expect_refused(wait, "{\"status\": \"\"}", "status: not a whole number");
	expect_refused(wait, "{\"status\": \"-\"}", "status: not a whole number");
	expect_refused(wait, "{\"status\": true}", "status: not a whole number");
	expect_refused(t, "{\"Limit\": \"9223372036854775808\"}", "Limit: out of range");
	expect_refused(t, "{\"Swappiness\": \"18446744073709551616\"}",
		"Swappiness: not a whole number");
	expect_refused(t, "{\"Swappiness\": -1}", "Swappiness: out of range");
	expect_refused(&grpc__signal_process_request__descriptor, "{\"signal\": 4294967296}",
		"signal: out of range");
	expect_refused(&grpc__add_swap_request__descriptor, "{\"PCIPath\": [1, -1]}",
		"PCIPath: out of range");
	expect_both(&grpc__add_swap_request__descriptor, "{\"PCIPath\": [1, 0]}",
		"{\"PCIPath\":[1,0]}");
	expect_both(&grpc__mem_hotplug_by_probe_request__descriptor,
		"{\"memHotplugProbeAddr\": [\"4294967296\"]}",
		"{\"memHotplugProbeAddr\":[\"4294967296\"]}");
}

static void test_enums(void **state)
{
	static const ProtobufCMessageDescriptor *const t = &types__ipaddress__descriptor;

	(void)state;
	expect_both(t, "{\"family\": \"v6\"}", "{\"family\":\"v6\"}");
	expect_both(t, "{\"family\": 1}", "{\"family\":\"v6\"}");
	expect_both(t, "{\"family\": 7}", "{\"family\":7}");
	expect_both(t, "{\"family\": \"v4\"}", "{}");
	expect_refused(t, "{\"family\": \"v5\"}", "family: unknown value \"v5\"");
	expect_refused(t, "{\"family\": true}", "family: not a whole number");
}

static void test_bytes(void **state)
{
	static const ProtobufCMessageDescriptor *const t = &grpc__read_stream_response__descriptor;
	static const char *const bad[] = { "\"a\"", "\"ab=c\"", "\"ab==c\"", "\"ab!d\"",
		"\"abc===\"", "\"====\"", "\"ab cd\"" };

	(void)state;
	expect_both(t, "{\"data\": \"b25lIGxpbmUgb2Ygc3RkaW4K\"}",
		"{\"data\":\"b25lIGxpbmUgb2Ygc3RkaW4K\"}");
	expect_both(t, "{\"data\": \"AAEC/w==\"}", "{\"data\":\"AAEC/w==\"}");
	expect_both(t, "{\"data\": \"AAEC/w\"}", "{\"data\":\"AAEC/w==\"}");
	expect_both(t, "{\"data\": \"+/8=\"}", "{\"data\":\"+/8=\"}");
	expect_both(t, "{\"data\": \"\"}", "{}");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"data\": %s}", bad[i]);
		expect_refused(t, text, "data: not base64");
	}
	expect_refused(t, "{\"data\": 1}", "data: not a string of base64");
}

static void test_base64_lengths(void **state)
{
	uint8_t bytes[64] = { 0 };

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		AUTO_FREE char *text = NULL;
		AUTO_FREE uint8_t *back = NULL;
		size_t len = 99;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(i * 37 + n);
		text = base64_encode(bytes, n);
		assert_int_equal(strlen(text), (n + 2) / 3 * 4);
		assert_int_equal(base64_decode(text, strlen(text), &back, &len), 0);
		assert_int_equal(len, n);
		if (n)
			assert_memory_equal(back, bytes, n);
	}
}

static void test_oneof(void **state)
{
	static const ProtobufCMessageDescriptor *const t =
		&grpc__mem_agent_memcg_config__descriptor;
	ProtobufCMessage *m;

	(void)state;
	/* one that was given is shown, whatever its value */
	expect_both(t, "{\"swap\": false, \"period_secs\": 0}",
		"{\"swap\":false,\"period_secs\":\"0\"}");
	m = read_text(&grpc__linux_syscall__descriptor, "{\"Names\": [\"a\"], \"errnoret\": 0}");
	assert_int_equal(((Grpc__LinuxSyscall *)m)->errno_ret_case,
		GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET);
	expect_text(m, "{\"Names\":[\"a\"],\"errnoret\":0}");
	protobuf_c_message_free_unpacked(m, NULL);
	expect_both(&grpc__linux_syscall__descriptor, "{\"errnoret\": null}", "{}");
}

static void test_maps(void **state)
{
	static const ProtobufCMessageDescriptor *const t = &grpc__cgroup_stats__descriptor;

	(void)state;
	expect_both(t,
		"{\"hugetlb_stats\": {\"2MB\": {\"usage\": 1}, \"1GB\": {}},"
		"\"memory_stats\": {\"stats\": {\"anon\": \"7\", \"file\": 0}}}",
		"{\"memory_stats\":{\"stats\":{\"anon\":\"7\",\"file\":\"0\"}},"
		"\"hugetlb_stats\":{\"2MB\":{\"usage\":\"1\"},\"1GB\":{}}}");
	expect_both(t, "{\"hugetlb_stats\": [{\"key\": \"a\", \"value\": {\"failcnt\": 2}}]}",
		"{\"hugetlb_stats\":{\"a\":{\"failcnt\":\"2\"}}}");
	expect_refused(t, "{\"hugetlb_stats\": {\"2MB\": 1}}",
		"hugetlb_stats: 2MB: value: not an object");
	/* repeated messages that are no map stay an array */
	expect_refused(&grpc__routes__descriptor, "{\"Routes\": {}}", "Routes: not an array");
}

static void test_refused(void **state)
{
	static const ProtobufCMessageDescriptor *const t =
		&grpc__create_container_request__descriptor;

	(void)state;
	expect_refused(t, "[]", "not an object");
	expect_refused(t, "1", "not an object");
	expect_refused(t, "{\"containerId\": \"c\"}", "unknown field \"containerId\"");
	expect_refused(t, "{\"container_id\": 1}", "container_id: not a string");
	expect_refused(t, "{\"container_id\": \"c\", \"sandbox_pidns\": 1}",
		"sandbox_pidns: neither true nor false");
	expect_refused(t, "{\"container_id\": \"a\\u0000b\"}", "container_id: has a NUL");
	expect_refused(t, "{\"OCI\": {\"Process\": {\"Args\": [\"a\", 1]}}}",
		"OCI: Process: Args: not a string");
	expect_refused(t, "{\"OCI\": {\"Process\": {\"Args\": \"a\"}}}",
		"OCI: Process: Args: not an array");
	expect_refused(t, "{\"devices\": [{}, {\"id\": \"a\"}, null]}", "devices: not an object");
}

/* Text of a peer that is no UTF-8 can be shown all the same. */
static void test_dirty_text(void **state)
{
	char text[] = "a\xff\n\"b";
	Grpc__Metrics m;

	(void)state;
	grpc__metrics__init(&m);
	m.metrics = text;
	expect_text(&m.base, "{\"metrics\":\"a?\\n\\\"b\"}");
}

/* Ten times what may be shown. */
static void test_too_large(void **state)
{
	size_t n = JSON_VALUES_MAX * 10;
	Types__Route route;
	Types__Route **array = malloc(n * sizeof(*array));
	Grpc__Routes m;
	struct err err = { 0 };
	json_t *json;

	(void)state;
	types__route__init(&route);
	grpc__routes__init(&m);
	for (size_t i = 0; i < n; i++)
		array[i] = &route;
	m.n_routes = n;
	m.routes = array;
	assert_int_equal(json_from_message(&json, &m.base, &err), -E2BIG);
	assert_null(json);
	m.n_routes = 1000;
	assert_int_equal(json_from_message(&json, &m.base, &err), 0);
	assert_int_equal(json_array_size(json_object_get(json, "Routes")), 1000);
	json_decref(json);
	free(array);
}

/* --- the recorded calls --- */

static const ProtobufCMethodDescriptor *find_method(const char *name)
{
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(&grpc__agent_service__descriptor,
			name);

	return m
		? m
		: protobuf_c_service_descriptor_get_method_by_name(&grpc__health__descriptor, name);
}

/* JSON, message, bytes, message, JSON. */
static void there_and_back(const ProtobufCMessageDescriptor *type, json_t *json)
{
	AUTO_FREE uint8_t *packed = NULL;
	ProtobufCMessage *m = NULL, *again;
	struct err err = { 0 };
	json_t *shown;
	size_t len;

	if (!json)
		return;
	if (json_to_message(&m, type, json, &err))
		fail_msg("%s: %s", type->name, err.msg);
	packed = malloc(protobuf_c_message_get_packed_size(m) + 1);
	len = protobuf_c_message_pack(m, packed);
	again = protobuf_c_message_unpack(type, NULL, len, packed);
	assert_non_null(again);
	assert_int_equal(json_from_message(&shown, again, &err), 0);
	if (!json_equal(shown, json)) {
		char *ours = json_dumps(shown, JSON_SORT_KEYS),
		     *theirs = json_dumps(json, JSON_SORT_KEYS);

		fail_msg("%s\n is\n%s", theirs, ours);
	}
	json_decref(shown);
	protobuf_c_message_free_unpacked(m, NULL);
	protobuf_c_message_free_unpacked(again, NULL);
}

static unsigned replay(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	unsigned calls = 0;

	if (!file)
		fail_msg("open %s", path);
	while (getline(&line, &size, file) > 0) {
		json_t *json = json_loads(line, JSON_ALLOW_NUL, NULL);
		const char *name = json_string_value(json_object_get(json, "agent"));
		const ProtobufCMethodDescriptor *m = name ? find_method(name) : NULL;

		assert_non_null(json);
		assert_int_equal(!name, !m);
		if (m) {
			there_and_back(m->input, json_object_get(json, "request"));
			there_and_back(m->output, json_object_get(json, "response"));
			calls++;
		}
		json_decref(json);
	}
	free(line);
	fclose(file);
	return calls;
}

static void test_recorded(void **state)
{
	static const char *const names[] = { "S1", "S2", "S4mountfail", "S5", "S6shim", "S6vmm" };
	unsigned calls = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "integration/kata/%s.jsonl", names[i]);
		calls += replay(path);
	}
	assert_true(calls > 200);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_enums),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_base64_lengths),
		cmocka_unit_test(test_oneof),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_dirty_text),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
