/* The configuration: defaults, each kind of key, annotations that are allowed and not, the pod's
 * size that comes of it, the cgroup and the socket by containerd's rules. */
#include "shim/containerd/config.h"

#include <string.h>
#include "core/test/check.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/cgroup.h"
#include "shim/containerd/place.h"
#include "shim/containerd/sha256.h"
#include "shim/containerd/size.h"

static int load(struct config *c, const char *text, struct err *err)
{
	const struct config_source from = { .text = text, .len = strlen(text) };

	*err = (struct err){ 0 };
	return config_load(c, &from, err);
}

static void defaults(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(load(&c, "{}", &err), 0);
	assert_string_equal(c.kernel, "/usr/local/share/sampan/guest/Image");
	assert_string_equal(c.image, "/usr/local/share/sampan/guest/sampan-guest-erofs.img");
	assert_null(c.initrd);
	assert_int_equal(c.memory, 256);
	assert_true(c.seccomp);
	assert_false(c.hugepages);
	config_free(&c);
}

static void keys(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(
		load(&c,
			"{\"kernel\": \"/k\", \"initrd\": \"/i\", \"vcpus\": 2, \"hugepages\": true, "
			"\"memory\": 512, \"debug\": true, \"annotations\": [\"memory\"]}",
			&err),
		0);
	assert_string_equal(c.kernel, "/k");
	assert_string_equal(c.initrd, "/i");
	assert_null(c.image);
	assert_int_equal(c.vcpus, 2);
	assert_true(c.debug && c.hugepages);
	config_free(&c);
}

static void what_is_wrong_is_named(void **state)
{
	static const char *const cases[][2] = {
		{ "", "is no JSON" },
		{ "[]", "is no JSON object" },
		{ "{\"frob\": 1}", "unknown key \"frob\"" },
		{ "{\"vcpus\": \"2\"}", "vcpus: it must be a number" },
		{ "{\"vcpus\": 0}", "vcpus: 0 is not within 1 and 64" },
		{ "{\"vcpus\": 32}", "vcpus 32 is more than max_vcpus 16" },
		{ "{\"memory\": 512, \"max_memory\": 256}", "more than max_memory" },
		{ "{\"kernel\": \"Image\"}", "is no absolute path" },
		{ "{\"image\": \"/a\", \"initrd\": \"/b\"}", "one is possible" },
		{ "{\"annotations\": [\"frob\"]}", "is no key that can be allowed" },
		{ "{\"debug\": 1}", "debug: it must be true or false" },
	};
	struct config c;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_not_equal(load(&c, cases[i][0], &err), 0);
		if (!strstr(err.msg, cases[i][1]))
			fail_msg("\"%s\" is not in: %s", cases[i][1], err.msg);
	}
}

static void missing_file(void **state)
{
	const struct config_source from = { .path = "/nowhere/config.json" };
	struct config c;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(config_load(&c, &from, &err), -ENOENT);
	assert_string_equal(err.msg,
		"configuration: open /nowhere/config.json: No such file or directory");
}

static int annotate(struct config *c, const char *spec, struct err *err)
{
	json_t *json = json_loads(spec, 0, NULL);
	int rc;

	assert_non_null(json);
	*err = (struct err){ 0 };
	rc = config_annotate(c, json, err);
	json_decref(json);
	return rc;
}

static void annotations(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(load(&c, "{\"annotations\": [\"memory\", \"debug\"]}", &err), 0);
	assert_int_equal(annotate(&c, "{\"annotations\": {\"other\": \"x\"}}", &err), 0);
	assert_int_equal(annotate(&c, "{}", &err), 0);
	assert_int_equal(annotate(&c,
				 "{\"annotations\": {\"io.sampan.memory\": \"300\", "
				 "\"io.sampan.debug\": \"true\"}}",
				 &err),
		0);
	assert_int_equal(c.memory, 300);
	assert_true(c.debug);
	assert_int_equal(annotate(&c, "{\"annotations\": {\"io.sampan.vcpus\": \"2\"}}", &err),
		-EPERM);
	assert_non_null(strstr(err.msg, "annotation io.sampan.vcpus is not allowed"));
	assert_int_equal(annotate(&c, "{\"annotations\": {\"io.sampan.frob\": \"2\"}}", &err),
		-EINVAL);
	assert_int_not_equal(annotate(&c, "{\"annotations\": {\"io.sampan.memory\": \"x\"}}", &err),
		0);
	config_free(&c);
}

static struct size size_of(const char *spec)
{
	struct config c;
	struct size size;
	struct err err;
	json_t *json = json_loads(spec, 0, NULL);

	assert_non_null(json);
	assert_int_equal(load(&c, "{}", &err), 0);
	assert_int_equal(size_pod(&size, &c, json, &err), 0);
	json_decref(json);
	config_free(&c);
	return size;
}

static void sizes(void **state)
{
	struct size s = size_of("{}");

	(void)state;
	assert_int_equal(s.vcpus, 1);
	assert_int_equal(s.memory, 256);
	s = size_of("{\"annotations\": {\"io.kubernetes.cri.sandbox-cpu-quota\": \"250000\", "
		    "\"io.kubernetes.cri.sandbox-cpu-period\": \"100000\", "
		    "\"io.kubernetes.cri.sandbox-memory\": \"100663297\"}}");
	assert_int_equal(s.vcpus, 3);
	assert_int_equal(s.memory, 256 + 98); /* 97 MiB, made even */
	s = size_of("{\"linux\": {\"resources\": {\"memory\": {\"limit\": 67108864}, "
		    "\"cpu\": {\"quota\": -1, \"period\": 100000}}}}");
	assert_int_equal(s.vcpus, 1);
	assert_int_equal(s.memory, 320);
	s = size_of("{\"linux\": {\"resources\": {\"cpu\": {\"quota\": 99900000}}}}");
	assert_int_equal(s.vcpus, 16);
}

static void too_large(void **state)
{
	struct config c;
	struct size size;
	struct err err;
	json_t *json = json_loads("{\"linux\": {\"resources\": {\"memory\": {\"limit\": "
				  "1073741824}}}}",
		0, NULL);

	(void)state;
	assert_int_equal(load(&c, "{\"max_memory\": 1024}", &err), 0);
	assert_int_equal(size_pod(&size, &c, json, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "1280 MiB"));
	json_decref(json);
	config_free(&c);
}

static void cgroups(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "/pods/abc", "/sys/fs/cgroup/pods/abc" },
		{ "pods/abc", "/sys/fs/cgroup/pods/abc" },
		{ "kubepods-besteffort-podX.slice:cri-containerd:abc",
			"/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice/"
			"kubepods-besteffort-podX.slice/cri-containerd-abc.scope" },
		{ ":p:abc", "/sys/fs/cgroup/system.slice/p-abc.scope" },
		{ "-.slice::abc", "/sys/fs/cgroup/abc.scope" },
	};
	char dir[CGROUP_PATH];
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(cgroup_directory(dir, cases[i][0], &err), 0);
		assert_string_equal(dir, cases[i][1]);
	}
	assert_int_equal(cgroup_directory(dir, "/a/../b", &err), -EINVAL);
	assert_int_equal(cgroup_directory(dir, "nope:p:abc", &err), -EINVAL);
}

static void sockets(void **state)
{
	char path[PLACE_SOCKET], hash[SHA256_TEXT];
	struct err err = { 0 };

	(void)state;
	sha256_text("abc", 3, hash);
	assert_string_equal(hash,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hash);
	assert_string_equal(hash,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	sha256_text("/a/ns/id", 8, hash);
	assert_int_equal(place_socket(path, NULL, "/a", "ns", "id", &err), 0);
	assert_string_equal(path + strlen("/run/containerd/s/"), hash);
	/* the longest directory that containerd takes has 42 characters */
	assert_int_equal(place_socket(path, "/a/directory/of/forty-two/characters/in-al", "/a",
				 "ns", "id", &err),
		0);
	assert_int_equal(place_socket(path, "/a/directory/of/more/than/forty-two/characters/by/far",
				 "/a", "ns", "id", &err),
		-ENAMETOOLONG);
}

static void large_numbers(void **state)
{
	const char *text = "{\"a\": 18446744073709551615, \"b\": \"18446744073709551615 \\\" 1\", "
			   "\"c\": 9223372036854775807, \"d\": [1, 22222222222222222222]}";
	json_t *json;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bundle_parse(&json, text, strlen(text), "it", &err), 0);
	assert_string_equal(bundle_text(json, "a", NULL), "18446744073709551615");
	assert_string_equal(bundle_text(json, "b", NULL), "18446744073709551615 \" 1");
	assert_string_equal(bundle_text(json, "c", NULL), "9223372036854775807");
	assert_string_equal(json_string_value(json_array_get(json_object_get(json, "d"), 1)),
		"22222222222222222222");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(keys),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(missing_file),
		cmocka_unit_test(annotations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(too_large),
		cmocka_unit_test(cgroups),
		cmocka_unit_test(sockets),
		cmocka_unit_test(large_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
