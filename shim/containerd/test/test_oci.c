/* The specification's JSON as the agent's message: names, numbers, what is left out; and a
 * container's figures on their way back. */
#include "shim/containerd/oci.h"

#include <string.h>
#include "agent.pb-c.h"
#include "cgroups.pb-c.h"
#include "core/test/check.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/stats.h"
#include "shim/containerd/text.h"

static ProtobufCMessage *convert(const ProtobufCMessageDescriptor *type, const char *text,
	struct err *err)
{
	ProtobufCMessage *m = NULL;
	json_t *json;

	*err = (struct err){ 0 };
	assert_int_equal(bundle_parse(&json, text, strlen(text), "it", err), 0);
	if (oci_message(&m, type, json, err))
		m = NULL;
	json_decref(json);
	return m;
}

static void a_specification(void **state)
{
	struct err err;
	Grpc__Spec *s = (void *)convert(&grpc__spec__descriptor,
		"{\"ociVersion\": \"1.2.0\", \"hostname\": \"h\", \"unknown\": {\"x\": 1},"
		" \"process\": {\"terminal\": true, \"user\": {\"uid\": 1, \"additionalGids\": [5, "
		"6], \"umask\": 18}, \"args\": [\"sh\"], \"cwd\": \"/\", \"oomScoreAdj\": -998,"
		" \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 18446744073709551615, "
		"\"soft\": 1024}], \"capabilities\": {\"bounding\": [\"CAP_KILL\"]},"
		" \"noNewPrivileges\": true, \"consoleSize\": null},"
		" \"root\": {\"path\": \"rootfs\", \"readonly\": true},"
		" \"mounts\": [{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\", "
		"\"options\": [\"nosuid\"]}],"
		" \"linux\": {\"sysctl\": {\"net.core.somaxconn\": \"1\"}, \"cgroupsPath\": \"/a\","
		" \"resources\": {\"memory\": {\"limit\": 67108864, \"swap\": -1}, \"cpu\": "
		"{\"shares\": 512, \"quota\": 50000}, \"pids\": {\"limit\": 10}},"
		" \"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": "
		"[\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": 1, \"args\": [{\"index\": "
		"0, \"value\": 2, \"valueTwo\": 0, \"op\": \"SCMP_CMP_EQ\"}]}]},"
		" \"maskedPaths\": [\"/proc/kcore\"]}}",
		&err);

	(void)state;
	assert_non_null(s);
	assert_string_equal(s->version, "1.2.0");
	assert_string_equal(s->hostname, "h");
	assert_true(s->process->terminal);
	assert_int_equal(s->process->user->uid, 1);
	assert_int_equal(s->process->user->n_additionalgids, 2);
	assert_int_equal(s->process->oomscoreadj, -998);
	assert_true(s->process->rlimits[0]->hard == UINT64_MAX);
	assert_string_equal(s->process->capabilities->bounding[0], "CAP_KILL");
	assert_true(s->process->nonewprivileges);
	assert_true(s->root->readonly);
	assert_string_equal(s->mounts[0]->options[0], "nosuid");
	assert_string_equal(s->linux->sysctl[0]->key, "net.core.somaxconn");
	assert_int_equal(s->linux->resources->memory->limit, 67108864);
	assert_int_equal(s->linux->resources->memory->swap, -1);
	assert_int_equal(s->linux->resources->pids->limit, 10);
	assert_int_equal(s->linux->seccomp->syscalls[0]->errnoret, 1);
	assert_string_equal(s->linux->seccomp->syscalls[0]->args[0]->op, "SCMP_CMP_EQ");
	assert_string_equal(s->linux->maskedpaths[0], "/proc/kcore");
	grpc__spec__free_unpacked(s, NULL);
}

static void what_does_not_fit(void **state)
{
	struct err err;

	(void)state;
	assert_null(convert(&grpc__spec__descriptor, "{\"process\": 1}", &err));
	assert_non_null(strstr(err.msg, "the specification: "));
	assert_null(convert(&grpc__spec__descriptor, "{\"mounts\": [1]}", &err));
	assert_null(convert(&grpc__spec__descriptor, "{\"hostname\": {}}", &err));
	assert_null(convert(&grpc__process__descriptor, "{\"user\": {\"uid\": -1}}", &err));
}

static Io__Containerd__Cgroups__V2__Metrics *translate(const Grpc__StatsContainerResponse *r,
	uint64_t oom)
{
	Io__Containerd__Cgroups__V2__Metrics *m;
	struct err err = { 0 };
	uint8_t *data;
	size_t len;

	assert_int_equal(stats_pack(r, oom, &data, &len, &err), 0);
	m = io__containerd__cgroups__v2__metrics__unpack(NULL, len, data);
	free(data);
	assert_non_null(m);
	return m;
}

static void figures(void **state)
{
	Grpc__StatsContainerResponse r = FRESH(grpc__stats_container_response);
	Grpc__CgroupStats c = FRESH(grpc__cgroup_stats);
	Grpc__CpuStats cpu = FRESH(grpc__cpu_stats);
	Grpc__CpuUsage usage = FRESH(grpc__cpu_usage);
	Grpc__MemoryStats memory = FRESH(grpc__memory_stats);
	Grpc__MemoryData data = FRESH(grpc__memory_data);
	Grpc__PidsStats pids = FRESH(grpc__pids_stats);
	Grpc__MemoryStats__StatsEntry entry, *entries[] = { &entry };
	Io__Containerd__Cgroups__V2__Metrics *m;

	(void)state;
	grpc__memory_stats__stats_entry__init(&entry);
	entry.key = UNCONST("inactive_file");
	entry.value = 4096;
	usage.total_usage = 5000000;
	cpu.cpu_usage = &usage;
	data.usage = 1 << 20;
	data.limit = 1 << 26;
	memory.usage = &data;
	memory.stats = entries;
	memory.n_stats = 1;
	pids.current = 3;
	c.cpu_stats = &cpu;
	c.memory_stats = &memory;
	c.pids_stats = &pids;
	r.cgroup_stats = &c;
	m = translate(&r, 2);
	assert_int_equal(m->cpu->usage_usec, 5000);
	assert_int_equal(m->memory->usage, 1 << 20);
	assert_int_equal(m->memory->usage_limit, 1 << 26);
	assert_int_equal(m->memory->inactive_file, 4096);
	assert_int_equal(m->pids->current, 3);
	assert_int_equal(m->memory_events->oom_kill, 2);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
}

/* No limit is UINT64_MAX, never 0: containerd would compute with it. */
static void no_figures(void **state)
{
	Io__Containerd__Cgroups__V2__Metrics *m = translate(NULL, 0);

	(void)state;
	assert_true(m->memory->usage_limit == UINT64_MAX);
	assert_int_equal(m->memory->usage, 0);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_specification),
		cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(figures),
		cmocka_unit_test(no_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
