/*
 * From requests to config.json: the recorded ones of the real runtime and some written for what the
 * recordings lack, compared with golden files in spec/ (SPEC_WRITE=1 writes those anew), and single
 * rules. The golden files were accepted by crun.
 */
#include <fcntl.h>
#include "agent/test/message.h"
#include "agent/spec.h"
#include "agent/spec_build.h"

#define HERE	 "agent-proto/agent/test/spec/"
#define RECORDED "integration/kata/"

static const struct spec_device disks[] = {
	{ .container_path = "/dev/xvda", .type = 'b', .major = 254, .minor = 16 },
	{ .container_path = "/dev/xvdb", .type = 'b', .major = 254, .minor = 32 },
};

/* The nth CreateContainer of a recording, or a request written by hand. */
static const struct golden {
	const char *name, *recording;
	unsigned nth;
	bool own_pid; /* the container makes the pid namespace */
	size_t disks;
} goldens[] = {
	{ "s1-pause", "S1.jsonl", 0, true, 0 },
	{ "s1-limits", "S1.jsonl", 1, true, 0 },
	{ "s1-user", "S1.jsonl", 2, true, 0 },
	{ "s1-tty", "S1.jsonl", 4, true, 0 },
	{ "s2-disks", "S2.jsonl", 1, false, 2 },
	{ "s5-volumes", "S5.jsonl", 1, false, 0 },
	{ "full", NULL, 0, true, 2 },
	{ "seccomp", NULL, 0, true, 0 },
	{ "privileged", NULL, 0, false, 1 },
	{ "user-namespace", NULL, 0, true, 0 },
};

static json_t *recorded(const char *file, unsigned nth)
{
	char path[128];
	char *line = NULL;
	size_t size = 0;
	json_t *found = NULL;
	FILE *f;

	snprintf(path, sizeof(path), RECORDED "%s", file);
	f = fopen(path, "re");
	assert_non_null(f);
	while (!found && getline(&line, &size, f) > 0) {
		json_t *call = json_loads(line, 0, NULL);
		const char *method = json_string_value(json_object_get(call, "agent"));

		if (method && !strcmp(method, "CreateContainer") && !nth--)
			found = json_incref(json_object_get(call, "request"));
		json_decref(call);
	}
	free(line);
	fclose(f);
	assert_non_null(found);
	return found;
}

static json_t *request_of(const struct golden *g)
{
	char path[128];
	json_error_t error;
	json_t *request;

	if (g->recording)
		return recorded(g->recording, g->nth);
	snprintf(path, sizeof(path), HERE "%s.request.json", g->name);
	request = json_load_file(path, 0, &error);
	if (!request)
		fail_msg("%s: %s", path, error.text);
	return request;
}

static json_t *translated(const struct golden *g)
{
	json_t *request = request_of(g), *config = NULL;
	Grpc__CreateContainerRequest *r = message_of(&grpc__create_container_request__descriptor,
		request);
	struct spec_place place = {
		.container_id = r->container_id,
		.rootfs = "/run/kata-containers/bundle/rootfs",
		.cgroup_path = "/kata/c",
		.ipc_ns = "/run/kata-containers/ns/ipc",
		.uts_ns = "/run/kata-containers/ns/uts",
		.pid_ns = g->own_pid ? NULL : "/proc/77/ns/pid",
		.devices = disks,
		.ndevices = g->disks,
	};
	struct err err = { 0 };

	if (spec_config(&config, r->oci, &place, &err))
		fail_msg("%s: %s", g->name, err.msg);
	protobuf_c_message_free_unpacked(&r->base, NULL);
	json_decref(request);
	return config;
}

static void test_goldens(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		json_t *config = translated(&goldens[i]), *golden;
		char path[128];

		snprintf(path, sizeof(path), HERE "%s.config.json", goldens[i].name);
		if (getenv("SPEC_WRITE"))
			assert_int_equal(json_dump_file(config, path, JSON_INDENT(1)), 0);
		golden = json_load_file(path, 0, NULL);
		if (!json_equal(config, golden)) {
			json_dumpf(config, stderr, JSON_INDENT(1));
			fail_msg("%s is not what it was", path);
		}
		json_decref(golden);
		json_decref(config);
	}
}

/* A specification that can be run, to be spoiled. */
struct sound {
	Grpc__Spec spec;
	Grpc__Process process;
	Grpc__Root root;
	Grpc__Linux linux;
	Grpc__LinuxResources resources;
	struct spec_place place;
	char *args[2];
};

static char sh[] = "/bin/sh", empty[] = "", rootfs[] = "/r", odd[] = "a\xff";

static void sound_new(struct sound *s)
{
	*s = (struct sound){
		.place = { .container_id = "c", .cgroup_path = "/kata/c" },
		.args = { sh },
	};
	grpc__spec__init(&s->spec);
	grpc__process__init(&s->process);
	grpc__root__init(&s->root);
	grpc__linux__init(&s->linux);
	grpc__linux_resources__init(&s->resources);
	s->spec.process = &s->process;
	s->spec.root = &s->root;
	s->spec.linux = &s->linux;
	s->linux.resources = &s->resources;
	s->process.args = s->args;
	s->process.n_args = 1;
	s->root.path = rootfs;
}

/* The configuration, or NULL when it must have been refused, with a sentence. */
static json_t *config_of(struct sound *s, bool refused)
{
	struct err err = { 0 };
	json_t *config = NULL;
	int rc = spec_config(&config, &s->spec, &s->place, &err);

	assert_int_equal(rc, refused ? -EINVAL : 0);
	assert_int_equal(!config, refused);
	assert_int_equal(!*err.msg, !refused);
	return config;
}

static void refuse(struct sound *s)
{
	config_of(s, true);
	sound_new(s);
}

static void test_what_is_refused(void **state)
{
	struct sound s;
	Grpc__Mount mount, *mounts[] = { &mount };
	Grpc__LinuxNamespace user, *namespaces[] = { &user };
	Grpc__LinuxHugepageLimit huge, *huges[] = { &huge };
	char dotted[] = "../2MB", user_name[] = "user";

	(void)state;
	grpc__mount__init(&mount);
	grpc__linux_namespace__init(&user);
	grpc__linux_hugepage_limit__init(&huge);
	sound_new(&s);
	json_decref(config_of(&s, false));
	s.spec.process = NULL;
	refuse(&s);
	s.process.n_args = 0;
	refuse(&s);
	s.args[0] = empty;
	refuse(&s);
	s.args[0] = odd;
	refuse(&s);
	s.spec.root = NULL;
	refuse(&s);
	s.root.path = empty;
	refuse(&s);
	s.process.cwd = sh + 1;
	refuse(&s);
	s.process.oomscoreadj = 1001;
	refuse(&s);
	s.spec.n_mounts = 1;
	s.spec.mounts = mounts;
	refuse(&s);
	s.linux.n_namespaces = 1;
	s.linux.namespaces = namespaces;
	user.type = user_name;
	refuse(&s);
	s.resources.n_hugepagelimits = 1;
	s.resources.hugepagelimits = huges;
	huge.pagesize = dotted;
	refuse(&s);
	s.place.ndevices = SPEC_MAX_DEVICES + 1;
	refuse(&s);
}

/* Fewer than it takes to fill a guest's memory. */
static void test_too_many_values(void **state)
{
	struct sound s;
	size_t n = SPEC_MAX_VALUES + 1;
	char **args = calloc(n, sizeof(*args));

	(void)state;
	sound_new(&s);
	for (size_t i = 0; i < n; i++)
		args[i] = sh;
	s.process.args = args;
	s.process.n_args = n;
	config_of(&s, true);
	free(args);
}

static const json_t *at(const json_t *config, const char *section, const char *key)
{
	return json_object_get(json_object_get(config, section), key);
}

static void test_without_linux(void **state)
{
	struct sound s;
	json_t *config;

	(void)state;
	sound_new(&s);
	s.spec.linux = NULL;
	s.spec.hostname = rootfs;
	config = config_of(&s, false);
	assert_null(json_object_get(config, "hostname")); /* it would be the guest's */
	assert_int_equal(json_array_size(at(config, "linux", "namespaces")), 3);
	assert_true(
		json_array_size(json_object_get(at(config, "linux", "resources"), "devices")) > 0);
	json_decref(config);
}

static void test_largest_numbers(void **state)
{
	struct sound s;
	Grpc__POSIXRlimit limit, *limits[] = { &limit };
	json_t *config, *rlimit;
	char *text;

	(void)state;
	sound_new(&s);
	grpc__posixrlimit__init(&limit);
	limit.type = sh;
	limit.hard = UINT64_MAX;
	limit.soft = INT64_MAX;
	s.process.n_rlimits = 1;
	s.process.rlimits = limits;
	config = config_of(&s, false);
	rlimit = json_array_get(at(config, "process", "rlimits"), 0);
	text = json_dumps(rlimit, JSON_COMPACT);
	assert_string_equal(text,
		"{\"type\":\"/bin/sh\",\"hard\":-1,\"soft\":9223372036854775807}");
	free(text);
	json_decref(config);
}

/* What a sysctl belongs to decides who sets it. */
static void test_sysctls(void **state)
{
	struct sound s;
	char ipc[] = "ipc",
	     keys[][32] = { "kernel.shmmax", "net.ipv4.ip_forward", "vm.swappiness",
		     "kernel/msgmax" };
	Grpc__LinuxNamespace ns, *namespaces[] = { &ns };
	Grpc__Linux__SysctlEntry entry[4], *entries[4];
	json_t *config;

	(void)state;
	sound_new(&s);
	grpc__linux_namespace__init(&ns);
	ns.type = ipc;
	s.linux.namespaces = namespaces;
	s.linux.n_namespaces = 1;
	for (unsigned i = 0; i < 4; i++) {
		grpc__linux__sysctl_entry__init(&entry[i]);
		entry[i].key = keys[i];
		entries[i] = &entry[i];
	}
	s.linux.n_sysctl = 4;
	s.linux.sysctl = entries;
	config = config_of(&s, false);
	assert_int_equal(json_object_size(at(config, "linux", "sysctl")), 2);
	assert_non_null(json_object_get(at(config, "linux", "sysctl"), "kernel.shmmax"));
	json_decref(config);

	s.place.ipc_ns = "/run/ns/ipc";
	config = config_of(&s, false);
	assert_null(at(config, "linux", "sysctl"));
	json_decref(config);
}

static void test_sysctl_paths(void **state)
{
	static const struct {
		const char *key, *path;
	} cases[] = {
		{ "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
		{ "net/ipv4/conf/eth0.1/mtu", "net/ipv4/conf/eth0.1/mtu" },
		{ "net.ipv4.conf.eth0/1.mtu", "net/ipv4/conf/eth0.1/mtu" },
		{ "x", "x" },
		{ "", NULL },
		{ ".a", NULL },
		{ "/etc/passwd", NULL },
		{ "a/../../etc/passwd", NULL },
		{ "a.//.b", NULL },
		{ "a./.b", NULL },
		{ "a//b", NULL },
		{ "a.b.", NULL },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool ok = spec_sysctl_path(cases[i].key, path, sizeof(path));

		if (ok != !!cases[i].path || (ok && strcmp(path, cases[i].path)))
			fail_msg("%s: %s", cases[i].key, ok ? path : "refused");
	}
	assert_false(spec_sysctl_path("net.ipv4.ip_forward", path, 8));
}

static void test_sysctls_set(void **state)
{
	struct sound s;
	struct err err = { 0 };
	char key[] = "kernel.no_such_thing", bad[] = "..", value[] = "1";
	Grpc__Linux__SysctlEntry entry, *entries[] = { &entry };

	(void)state;
	sound_new(&s);
	assert_int_equal(spec_set_sysctls(&s.spec, &s.place, &err), 0);
	s.linux.n_sysctl = 1;
	s.linux.sysctl = entries;
	grpc__linux__sysctl_entry__init(&entry);
	entry.key = key;
	entry.value = value;
	assert_int_equal(spec_set_sysctls(&s.spec, &s.place, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/proc/sys/kernel/no_such_thing"));
	entry.key = bad;
	assert_int_equal(spec_set_sysctls(&s.spec, &s.place, &err), -EINVAL);
}

static void test_process(void **state)
{
	struct sound s;
	struct err err = { 0 };
	json_t *process = NULL;

	(void)state;
	sound_new(&s);
	s.process.terminal = true;
	assert_int_equal(spec_process(&process, &s.process, &err), 0);
	assert_true(json_is_true(json_object_get(process, "terminal")));
	assert_string_equal(json_string_value(json_object_get(process, "cwd")), "/");
	json_decref(process);
	assert_int_equal(spec_process(&process, NULL, &err), -EINVAL);
	s.process.n_args = 0;
	assert_int_equal(spec_process(&process, &s.process, &err), -EINVAL);
}

/* The update that was recorded, with its rule that denies everything. */
static void test_update(void **state)
{
	json_t *request = json_loads(
		"{\"Devices\":[{\"Access\":\"rwm\"}],\"Memory\":{\"Limit\":\"134217728\",\"Swap\":"
		"\"134217728\",\"Kernel\":\"5\",\"Swappiness\":\"7\"},\"CPU\":{\"Shares\":\"1024\","
		"\"Quota\":\"-1\",\"RealtimePeriod\":\"9\"},\"Pids\":{\"Limit\":\"0\"},"
		"\"HugepageLimits\":[{\"Pagesize\":\"2MB\"},{\"Pagesize\":\"1GB\",\"Limit\":"
		"\"1073741824\"}],\"Network\":{\"ClassID\":1}}",
		0, NULL);
	Grpc__LinuxResources *r = message_of(&grpc__linux_resources__descriptor, request);
	struct err err = { 0 };
	json_t *out = NULL;
	char *text;

	(void)state;
	assert_int_equal(spec_resources(&out, r, &err), 0);
	text = json_dumps(out, JSON_COMPACT);
	assert_string_equal(text,
		"{\"memory\":{\"limit\":134217728,\"swap\":134217728},\"cpu\":{\"shares\":1024,"
		"\"quota\":-1},\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":1073741824}]}");
	free(text);
	json_decref(out);
	assert_int_equal(spec_resources(&out, NULL, &err), 0);
	assert_int_equal(json_object_size(out), 0);
	json_decref(out);
	protobuf_c_message_free_unpacked(&r->base, NULL);
	json_decref(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goldens),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_too_many_values),
		cmocka_unit_test(test_without_linux),
		cmocka_unit_test(test_largest_numbers),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_sysctl_paths),
		cmocka_unit_test(test_sysctls_set),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
