/* What containerd writes to `start`: both generations, told apart, and what is neither. */
#include "shim/containerd/bootstrap.h"

#include <string.h>
#include "bootstrap.pb-c.h"
#include "containerd.pb-c.h"
#include "core/test/check.h"
#include "options.pb-c.h"
#include "shim/containerd/text.h"

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams Params;
typedef Containerd__Runtime__Bootstrap__V1__BootstrapResult Result;

static uint8_t packed[4096];

static size_t pack(const ProtobufCMessage *m)
{
	assert_true(protobuf_c_message_get_packed_size(m) < sizeof(packed));
	return protobuf_c_message_pack(m, packed);
}

static Google__Protobuf__Any options_any(const char *url, const char *path, const char *body)
{
	static uint8_t data[512];
	Google__Protobuf__Any any = FRESH(google__protobuf__any);
	Runtimeoptions__V1__Options o = FRESH(runtimeoptions__v1__options);

	o.config_path = UNCONST(path);
	o.config_body = (ProtobufCBinaryData){ strlen(body), (uint8_t *)UNCONST(body) };
	any.type_url = UNCONST(url);
	any.value.len = runtimeoptions__v1__options__pack(&o, data);
	any.value.data = data;
	return any;
}

static void nothing_is_the_old_form(void **state)
{
	struct bootstrap b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bootstrap_parse(&b, "", 0, "id", "ns", &err), 0);
	assert_false(b.modern);
	assert_null(bootstrap_config(&b).path);
	assert_null(bootstrap_config(&b).text);
	bootstrap_free(&b);
}

static void old_options(void **state)
{
	Google__Protobuf__Any any = options_any("runtimeoptions.v1.Options", "/etc/x.json", "");
	struct bootstrap b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bootstrap_parse(&b, packed, pack(&any.base), "id", "ns", &err), 0);
	assert_false(b.modern);
	assert_string_equal(bootstrap_config(&b).path, "/etc/x.json");
	bootstrap_free(&b);

	any = options_any("runtimeoptions.v1.Options", "", "{\"vcpus\": 2}");
	assert_int_equal(bootstrap_parse(&b, packed, pack(&any.base), "id", "ns", &err), 0);
	assert_string_equal(bootstrap_config(&b).text, "{\"vcpus\": 2}");
	bootstrap_free(&b);

	any = options_any("containerd.runc.v1.Options", "/etc/x.json", "");
	assert_int_equal(bootstrap_parse(&b, packed, pack(&any.base), "id", "ns", &err), 0);
	assert_null(bootstrap_config(&b).path);
	bootstrap_free(&b);
}

static size_t pack_params(const char *id, Google__Protobuf__Any *any)
{
	Containerd__Runtime__Bootstrap__V1__Extension
		extension = FRESH(containerd__runtime__bootstrap__v1__extension),
		*list[] = { &extension };
	Params p = FRESH(containerd__runtime__bootstrap__v1__bootstrap_params);

	p.instance_id = UNCONST(id);
	p.namespace_ = UNCONST("ns");
	p.log_level = CONTAINERD__RUNTIME__BOOTSTRAP__V1__LOG_LEVEL__LOG_LEVEL_DEBUG;
	p.containerd_ttrpc_address = UNCONST("/run/c.ttrpc");
	p.socket_dir = UNCONST("/run/s");
	extension.value = any;
	p.extensions = list;
	p.n_extensions = any ? 1 : 0;
	return pack(&p.base);
}

static void modern(void **state)
{
	Google__Protobuf__Any any = options_any("runtimeoptions.v1.Options", "/etc/y.json", "");
	struct bootstrap b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bootstrap_parse(&b, packed, pack_params("id", &any), "id", "ns", &err), 0);
	assert_true(b.modern);
	assert_true(b.debug);
	assert_string_equal(b.ttrpc_address, "/run/c.ttrpc");
	assert_string_equal(b.socket_dir, "/run/s");
	assert_string_equal(bootstrap_config(&b).path, "/etc/y.json");
	bootstrap_free(&b);
	/* Another's id: it can't be meant for us, and is taken for the old form. */
	if (!bootstrap_parse(&b, packed, pack_params("other", NULL), "id", "ns", &err))
		assert_false(b.modern);
	bootstrap_free(&b);
}

static void neither(void **state)
{
	struct bootstrap b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bootstrap_parse(&b, "\xff\xff\xff\xff", 4, "id", "ns", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "neither BootstrapParams nor options"));
	bootstrap_free(&b);
}

static void answers(void **state)
{
	struct bootstrap b = { 0 };
	struct err err = { 0 };
	Containerd__Types__MountCapabilities *claim;
	void *data;
	size_t len;
	Result *r;

	(void)state;
	assert_int_equal(bootstrap_answer(&b, "unix:///a", &data, &len, &err), 0);
	assert_int_equal(len, 9);
	assert_memory_equal(data, "unix:///a", 9);
	free(data);
	b.modern = true;
	assert_int_equal(bootstrap_answer(&b, "unix:///a", &data, &len, &err), 0);
	r = containerd__runtime__bootstrap__v1__bootstrap_result__unpack(NULL, len, data);
	free(data);
	assert_non_null(r);
	assert_int_equal(r->version, 3);
	assert_string_equal(r->address, "unix:///a");
	assert_string_equal(r->protocol, "ttrpc");
	assert_int_equal(r->n_extensions, 1);
	assert_string_equal(r->extensions[0]->value->type_url,
		"containerd.types.MountCapabilities");
	claim = containerd__types__mount_capabilities__unpack(NULL,
		r->extensions[0]->value->value.len, r->extensions[0]->value->value.data);
	assert_non_null(claim);
	assert_string_equal(claim->types[0], "erofs");
	assert_int_equal(claim->n_transforms, 2);
	containerd__types__mount_capabilities__free_unpacked(claim, NULL);
	containerd__runtime__bootstrap__v1__bootstrap_result__free_unpacked(r, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_the_old_form),
		cmocka_unit_test(old_options),
		cmocka_unit_test(modern),
		cmocka_unit_test(neither),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
