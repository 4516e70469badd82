/*
 * Every RPC called over a unix socket: the whole agent (without a container runtime) in namespaces
 * of the test's own, with an empty /sys, and a client on the other end of the connection. Each call
 * must be answered with the code and the words that a runtime relies on; what containers do when
 * they run is told by the stories in the emulated host.
 */
#define _GNU_SOURCE
#include "agent/agent.h"
#include "agent/oom.h"
#include "agent/sandbox.h"
#include "agent/service.h"
#include "agent/storage.h"
#include "netlink/test/net_bed.h"
#include "agent/uevent.h"
#include "client/client.h"
#include "client/json.h"
#include "health.pb-c.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/test/check.h"

#define ANSWER_NS INT64_C(20000000000)

struct fix {
	char dir[64];
	struct agent a;
	pthread_t thread;
	struct loop *loop; /* the client's */
	struct ttrpc_client *client;
};

struct answered {
	struct fix *f;
	bool ended, park;
	int code;
	char message[512];
	char json[65536];
};

struct row {
	const char *method, *request;
	int code;
	const char *words; /* in the error's message, or in the answer's JSON; NULL: any */
};

/* --- the agent -------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
	loop_run(((struct fix *)arg)->a.loop);
	return NULL;
}

static void start_agent(struct fix *f, int fd)
{
	struct agent *a = &f->a;
	struct err err = { 0 };

	agent_config_init(&a->config, "");
	snprintf(a->config.run_dir, sizeof(a->config.run_dir), "%s/run", f->dir);
	snprintf(a->config.cgroup_root, sizeof(a->config.cgroup_root), "%s/cgroup", f->dir);
	strcpy(a->config.crun, "/nowhere/crun");
	a->config.hotplug_timeout_ms = 100;
	mkdir(a->config.run_dir, 0755);
	mkdir(a->config.cgroup_root, 0755);
	if (loop_new(&a->loop, &err) || reaper_new(&a->reaper, a->loop, &err) ||
		workers_new(&a->workers, a->loop, &err) ||
		uevents_new(&a->uevents, a->loop, &err) ||
		storages_new(&a->storages, &a->config, a->uevents, a->loop, a->workers, &err) ||
		oom_new(&a->oom, a->loop, sandbox_oom, a, &err) ||
		sandbox_new(&a->sandbox, a, &err) ||
		ttrpc_server_new(&a->server, a->loop, agent_services(), AGENT_SERVICES, a, &err) ||
		ttrpc_server_adopt(a->server, fd, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void end_agent(struct fix *f)
{
	loop_quit(f->a.loop);
	pthread_join(f->thread, NULL);
	workers_free(f->a.workers);
	ttrpc_server_free(f->a.server);
	sandbox_free(f->a.sandbox);
	oom_free(f->a.oom);
	storages_free(f->a.storages);
	uevents_free(f->a.uevents);
	reaper_free(f->a.reaper);
	loop_free(f->a.loop);
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	int fd[2];

	*state = f;
	strcpy(f->dir, "/tmp/sampan-rpc-XXXXXX");
	if (!mkdtemp(f->dir) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
		return -1;
	start_agent(f, fd[0]);
	return loop_new(&f->loop, &err) ||
		ttrpc_client_new(&f->client, f->loop, fd[1], NULL, f, &err);
}

static int remove_one(const char *path, const struct stat *st UNUSED, int kind UNUSED,
	struct FTW *ftw UNUSED)
{
	if (remove(path) && errno == EBUSY && !umount2(path, MNT_DETACH))
		return remove(path);
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	ttrpc_client_free(f->client);
	loop_free(f->loop);
	end_agent(f);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* --- the client ------------------------------------------------------------------------------- */

static void done(void *arg, struct ttrpc_answer *answer)
{
	struct answered *an = arg;
	struct err err = { 0 };
	json_t *json = NULL;
	char *text = NULL;

	an->ended = true;
	an->code = answer->code;
	snprintf(an->message, sizeof(an->message), "%s", answer->message);
	if (answer->response && !json_from_message(&json, answer->response, &err))
		text = json_dumps(json, JSON_COMPACT);
	snprintf(an->json, sizeof(an->json), "%s", text ? text : "");
	free(text);
	json_decref(json);
	if (!an->park)
		loop_quit(an->f->loop);
}

static const ProtobufCServiceDescriptor *service_of(const char *method)
{
	return protobuf_c_service_descriptor_get_method_by_name(&grpc__health__descriptor, method)
		? &grpc__health__descriptor
		: &grpc__agent_service__descriptor;
}

static void begin(struct fix *f, struct answered *an, const char *method, const char *request)
{
	const ProtobufCServiceDescriptor *service = service_of(method);
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(service, method);
	json_t *json = json_loads(request, 0, NULL);
	ProtobufCMessage *message = NULL;
	struct err err = { 0 };

	an->f = f;
	assert_non_null(m);
	assert_non_null(json);
	if (json_to_message(&message, m->input, json, &err) ||
		ttrpc_client_call(f->client, service, m, message, an->park ? 0 : ANSWER_NS, done,
			an, NULL, &err))
		fail_msg("%s: %s", method, err.msg);
	protobuf_c_message_free_unpacked(message, NULL);
	json_decref(json);
}

/* Says what is wrong and goes on, so that one run shows all. */
static unsigned call(struct fix *f, const struct row *row)
{
	struct answered *an = calloc(1, sizeof(*an));
	const char *said;
	unsigned bad = 0;

	begin(f, an, row->method, row->request);
	while (!an->ended)
		loop_run(f->loop);
	said = an->code ? an->message : an->json;
	if (an->code != row->code || (row->words && !strstr(said, row->words)) ||
		(an->code && !*said)) {
		print_error("# %s %s: code %d %s; wanted %d %s\n", row->method, row->request,
			an->code, said, row->code, row->words ? row->words : "");
		bad = 1;
	}
	free(an);
	return bad;
}

static void call_all(struct fix *f, const struct row *rows, size_t n)
{
	unsigned bad = 0;

	for (size_t i = 0; i < n; i++)
		bad += call(f, &rows[i]);
	if (bad)
		fail_msg("%u of %zu calls", bad, n);
}

#define NOBODY "{\"container_id\":\"nobody\",\"exec_id\":\"nobody\"}"
#define ETH0                                                                                       \
	"{\"interface\":{\"device\":\"eth0\",\"name\":\"eth0\",\"IPAddresses\":[{\"address\":"     \
	"\"10.88.0.15\",\"mask\":\"16\"}],\"mtu\":\"1500\",\"hwAddr\":\"02:00:00:00:00:07\"}}"

/* --- before there is a sandbox, in the order of a pod's life -----------------------------------
 */

static const struct row guest_rows[] = {
	{ "Check", "{}", 0, "{\"status\":\"SERVING\"}" },
	{ "Version", "{}", 0, SAMPAN_VERSION },
	{ "GetGuestDetails", "{\"mem_block_size\":true}", 0,
		"\"mem_block_size_bytes\":\"134217728\"" },
	{ "GetGuestDetails", "{}", 0, "\"supports_seccomp\":true" },
	{ "SetGuestDateTime", "{\"Sec\":\"-1\"}", TTRPC_INVALID_ARGUMENT, "no time" },
	{ "ReseedRandomDev", "{\"data\":\"AAAA\"}", TTRPC_INTERNAL, "/dev/random" },
	{ "OnlineCPUMem", "{}", 0, "{}" },
	{ "OnlineCPUMem", "{\"nb_cpus\":2}", TTRPC_INTERNAL, "/sys/devices/system/cpu" },
	{ "MemHotplugByProbe", "{\"memHotplugProbeAddr\":[\"4096\"]}", TTRPC_INTERNAL,
		"/sys/devices/system/memory" },
	{ "GetMetrics", "{}", 0, "kata_guest_" },
	{ "GetDiagnosticData", "{\"log_type\":\"termination-log\",\"container_id\":\"nobody\"}",
		TTRPC_NOT_FOUND, "nobody" },
};

static const struct row network_rows[] = {
	{ "UpdateInterface", "{\"interface\":{\"name\":\"eth0\",\"hwAddr\":\"02:00:00:00:00:99\"}}",
		TTRPC_INTERNAL, "Link not found" },
	{ "UpdateInterface", "{}", TTRPC_INVALID_ARGUMENT, NULL },
	{ "UpdateInterface", ETH0, 0, "\"hwAddr\":\"02:00:00:00:00:07\"" },
	{ "UpdateRoutes",
		"{\"routes\":{\"Routes\":[{\"dest\":\"0.0.0.0/0\",\"gateway\":\"10.88.0.1\","
		"\"device\":\"eth0\"}]}}",
		0,
		"{\"Routes\":[{\"dest\":\"0.0.0.0\",\"gateway\":\"10.88.0.1\",\"device\":\"eth0\"},"
		"{\"dest\":\"10.88.0.0/16\",\"device\":\"eth0\",\"scope\":253}" },
	{ "ListRoutes", "{}", 0, "\"gateway\":\"10.88.0.1\"" },
	{ "ListInterfaces", "{}", 0,
		"\"name\":\"eth0\",\"IPAddresses\":[{\"address\":\"10.88.0.15\",\"mask\":\"16\"}" },
	{ "AddARPNeighbors",
		"{\"neighbors\":{\"ARPNeighbors\":[{\"toIPAddress\":{\"address\":\"10.88.0.1\"},"
		"\"device\":\"eth0\",\"lladdr\":\"02:00:00:00:00:08\",\"state\":128}]}}",
		0, "{}" },
	{ "GetIPTables", "{}", TTRPC_INTERNAL, "iptables-save" },
	{ "SetIPTables", "{\"is_ipv6\":true,\"data\":\"AAAA\"}", TTRPC_INTERNAL,
		"ip6tables-restore" },
};

static const struct row file_rows[] = {
	{ "CopyFile", "{\"path\":\"/etc/passwd\",\"file_size\":\"1\",\"data\":\"AA==\"}",
		TTRPC_INVALID_ARGUMENT, "/etc/passwd" },
	{ "UpdateEphemeralMounts", "{}", 0, "{}" },
	{ "RemoveStaleVirtiofsShareMounts", "{}", 0, "{}" },
	{ "GetVolumeStats", "{\"volume_guest_path\":\"/nowhere\"}", TTRPC_INVALID_ARGUMENT,
		"/nowhere" },
	{ "AddSwap", "{\"PCIPath\":[1,2]}", TTRPC_INTERNAL, "01/02" },
	{ "AddSwapPath", "{\"path\":\"/nowhere\"}", TTRPC_INVALID_ARGUMENT, "/nowhere" },
	{ "SetPolicy", "{\"policy\":\"package agent_policy\"}", TTRPC_UNIMPLEMENTED, NULL },
	{ "ResizeVolume", "{}", TTRPC_UNIMPLEMENTED, NULL },
	{ "MemAgentMemcgSet", "{}", TTRPC_UNIMPLEMENTED, NULL },
	{ "MemAgentCompactSet", "{}", TTRPC_UNIMPLEMENTED, NULL },
};

static const struct row container_rows[] = {
	{ "CreateContainer", "{\"container_id\":\"../x\"}", TTRPC_INVALID_ARGUMENT, NULL },
	{ "CreateContainer", "{\"container_id\":\"c1\"}", TTRPC_INVALID_ARGUMENT, "no process" },
	{ "StartContainer", "{\"container_id\":\"nobody\"}", TTRPC_INVALID_ARGUMENT,
		"invalid container id" },
	{ "RemoveContainer", "{\"container_id\":\"nobody\"}", TTRPC_INVALID_ARGUMENT, NULL },
	{ "ExecProcess", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
	{ "SignalProcess", "{\"container_id\":\"nobody\",\"signal\":9}", TTRPC_INVALID_ARGUMENT,
		NULL },
	{ "WaitProcess", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
	{ "UpdateContainer", "{\"container_id\":\"nobody\"}", TTRPC_INVALID_ARGUMENT, NULL },
	{ "StatsContainer", "{\"container_id\":\"nobody\"}", TTRPC_INVALID_ARGUMENT,
		"\"invalid container id\"" },
	{ "PauseContainer", "{\"container_id\":\"nobody\"}", TTRPC_INVALID_ARGUMENT, NULL },
	{ "ResumeContainer", "{\"container_id\":\"nobody\"}", TTRPC_INVALID_ARGUMENT, NULL },
	{ "WriteStdin", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
	{ "ReadStdout", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
	{ "ReadStderr", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
	{ "CloseStdin", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
	{ "TtyWinResize", NOBODY, TTRPC_INVALID_ARGUMENT, NULL },
};

static void the_guest(void **state)
{
	call_all(*state, guest_rows, ARRAY_SIZE(guest_rows));
}

static void the_network(void **state)
{
	assert_int_equal(net_bed_pair("tapa", 7), 0);
	assert_int_equal(net_bed_up("tapap"), 0);
	call_all(*state, network_rows, ARRAY_SIZE(network_rows));
}

static void files_and_storage(void **state)
{
	struct fix *f = *state;
	char request[128];
	struct row volume = { "GetVolumeStats", request, 0, "\"usage\":[{" };

	snprintf(request, sizeof(request), "%s/v", f->a.config.run_dir);
	assert_int_equal(mkdir(request, 0700), 0);
	snprintf(request, sizeof(request), "{\"volume_guest_path\":\"%s/v\"}", f->a.config.run_dir);
	assert_int_equal(call(f, &volume), 0);
	call_all(*state, file_rows, ARRAY_SIZE(file_rows));
}

static void containers_that_are_not_there(void **state)
{
	call_all(*state, container_rows, ARRAY_SIZE(container_rows));
}

static void sandbox_and_its_end(void **state)
{
	static const struct row sandbox_rows[] = {
		{ "CreateSandbox",
			"{\"hostname\":\"pod\",\"sandbox_id\":\"s1\",\"dns\":[\"nameserver "
			"10.88.0.1\",\"\"]}",
			0, "{}" },
		{ "CreateSandbox", "{\"hostname\":\"pod\",\"sandbox_id\":\"s2\"}",
			TTRPC_ALREADY_EXISTS, NULL },
		{ "Check", "{}", 0, NULL },
		{ "DestroySandbox", "{}", 0, "{}" },
	};
	struct fix *f = *state;
	struct answered *parked = calloc(1, sizeof(*parked));

	parked->park = true;
	begin(f, parked, "GetOOMEvent", "{}");
	call_all(f, sandbox_rows, ARRAY_SIZE(sandbox_rows));
	assert_true(parked->ended);
	assert_int_equal(parked->code, TTRPC_INTERNAL);
	free(parked);
}

/* A method that the tables have no row for has been forgotten here. */
static void every_method(void **state UNUSED)
{
	static const struct {
		const struct row *rows;
		size_t n;
	} tables[] = {
		{ guest_rows, ARRAY_SIZE(guest_rows) },
		{ network_rows, ARRAY_SIZE(network_rows) },
		{ file_rows, ARRAY_SIZE(file_rows) },
		{ container_rows, ARRAY_SIZE(container_rows) },
	};
	const ProtobufCServiceDescriptor *s = &grpc__agent_service__descriptor;
	const char *const elsewhere[] = { "CreateSandbox", "DestroySandbox", "GetOOMEvent" };

	for (unsigned m = 0; m < s->n_methods; m++) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
			found |= !strcmp(elsewhere[i], s->methods[m].name);
		for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
			for (size_t i = 0; i < tables[t].n; i++)
				found |= !strcmp(tables[t].rows[i].method, s->methods[m].name);
		if (!found)
			fail_msg("%s is not called", s->methods[m].name);
	}
}

static void many_at_once(void **state)
{
	struct fix *f = *state;
	struct answered *an = calloc(201, sizeof(*an));

	for (int i = 0; i < 200; i++) {
		an[i].park = true;
		begin(f, &an[i], i % 2 ? "ListInterfaces" : "GetMetrics", "{}");
	}
	begin(f, &an[200], "Check", "{}");
	for (int i = 0; i < 200; i++) {
		struct row check = { "Check", "{}", 0, NULL };

		while (!an[i].ended)
			call(f, &check);
		assert_int_equal(an[i].code, 0);
	}
	while (!an[200].ended)
		loop_run(f->loop);
	free(an);
}

static void no_namespace(void **state UNUSED)
{
	skip();
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Root of namespaces of its own, and nothing of the machine's devices in sight. */
static bool enter(void)
{
	char map[32];
	uid_t uid = geteuid();

	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) ||
		!write_file("/proc/self/uid_map", map))
		return false;
	return !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		!mount("none", "/sys", "tmpfs", 0, NULL);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method),
		T(the_guest),
		T(the_network),
		T(files_and_storage),
		T(containers_that_are_not_there),
		T(many_at_once),
		T(sandbox_and_its_end),
	};
	const struct CMUnitTest elsewhere[] = { cmocka_unit_test(no_namespace) };
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!enter())
		return cmocka_run_group_tests(elsewhere, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
