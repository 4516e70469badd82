/*
 * The daemon between a containerd and an agent that are played here: whole lives of a lone
 * container and of a pod, streams, execs, events and their order, and what goes wrong. The daemon
 * is a child process; its pod has no machine (fake_pod.c).
 */
#define _GNU_SOURCE
#include "shim/containerd/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "cgroups.pb-c.h"
#include "client/client.h"
#include "core/log.h"
#include "core/test/check.h"
#include "forward.pb-c.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/exit_file.h"
#include "shim/containerd/place.h"
#include "shim/containerd/test/fake_agent.h"
#include "shim/containerd/test/fake_pod.h"
#include "shim/containerd/text.h"
#include "task.pb-c.h"

#define SECONDS 20

struct fix {
	char dir[64];
	struct loop *loop;
	struct timer late;
	struct fake_agent agent;
	struct ttrpc_server *events;
	char topics[2048]; /* of the events that came, a space before each */
	pid_t daemon;
	struct ttrpc_client *client;
	const char *service; /* "": version 2 */
	ProtobufCServiceDescriptor v3;
	const char *config;
	const char *disk; /* of the next Create: a file with a file system in it */
	struct watch out; /* the reading end of a FIFO of the test's */
	char heard[1024]; /* from it */
	bool out_ended;
};

/* --- containerd's part --- */

static void serve_forward(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *r = (const void *)m;
	Google__Protobuf__Empty nothing = FRESH(google__protobuf__empty);
	struct fix *f = arg;

	assert_string_equal(r->envelope->namespace_, "ns");
	assert_non_null(strstr(r->envelope->event->type_url, "containerd.events.Task"));
	strcat(strcat(f->topics, " "), r->envelope->topic + strlen("/tasks/"));
	ttrpc_reply(call, &nothing.base);
	loop_quit(f->loop);
}

static const struct ttrpc_method forward_methods[] = { { "Forward", serve_forward } };
static const struct ttrpc_service forward = {
	&containerd__services__events__ttrpc__v1__events__descriptor, forward_methods, 1
};

static void on_late(struct timer *t)
{
	(void)t;
	fail_msg("something did not come in %d s", SECONDS);
}

struct reply {
	struct fix *f;
	bool come;
	int code;
	char message[512];
	ProtobufCMessage *response;
};

static void on_reply(void *arg, struct ttrpc_answer *answer)
{
	struct reply *r = arg;

	r->come = true;
	r->code = answer->code;
	snprintf(r->message, sizeof(r->message), "%s", answer->message);
	r->response = take(&answer->response);
	loop_quit(r->f->loop);
}

static void ask(struct fix *f, const char *method, const ProtobufCMessage *request, struct reply *r)
{
	const ProtobufCServiceDescriptor *service = f->service
		? &f->v3
		: &containerd__task__v2__task__descriptor;
	struct err err = { 0 };

	*r = (struct reply){ .f = f };
	assert_int_equal(ttrpc_client_call(f->client, service,
				 protobuf_c_service_descriptor_get_method_by_name(service, method),
				 request, 0, on_reply, r, NULL, &err),
		0);
}

/* Runs the world until it is there. */
static void until(struct fix *f, const bool *come)
{
	timer_set(&f->late, SECONDS * UINT64_C(1000000000), 0);
	while (!*come)
		loop_run(f->loop);
	timer_set(&f->late, 0, 0);
}

static int call(struct fix *f, const char *method, const ProtobufCMessage *request, struct reply *r)
{
	ask(f, method, request, r);
	until(f, &r->come);
	return r->code;
}

static void forget(struct reply *r)
{
	protobuf_c_message_free_unpacked(r->response, NULL);
	r->response = NULL;
}

/* --- the world --- */

static void until_text(struct fix *f, const char *where, const char *text)
{
	timer_set(&f->late, SECONDS * UINT64_C(1000000000), 0);
	while (!strstr(where, text))
		loop_run(f->loop);
	timer_set(&f->late, 0, 0);
}

static void on_output(struct watch *w, uint32_t events)
{
	struct fix *f = container_of(w, struct fix, out);
	size_t have = strlen(f->heard);
	ssize_t n = read(w->fd, f->heard + have, sizeof(f->heard) - 1 - have);

	(void)events;
	if (n > 0)
		f->heard[have + (size_t)n] = 0;
	else if (!n)
		loop_remove(f->loop, w);
	f->out_ended |= !n;
	loop_quit(f->loop);
}

static void path_of(const struct fix *f, char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", f->dir, name);
}

static void make_file(const struct fix *f, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(f, path, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

#define PROCESS                                                                                    \
	"\"process\": {\"args\": [\"sh\"], \"cwd\": \"/\", \"user\": {}}, \"root\": {\"path\": \"rootfs\"}"

/* A bundle of this name, whose specification has more in it. */
static void make_bundle(const struct fix *f, const char *name, const char *more)
{
	char text[1024], path[160];

	path_of(f, path, name);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/rootfs");
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(text, sizeof(text), "{\"ociVersion\": \"1.2.0\", " PROCESS "%s}", more);
	snprintf(path, sizeof(path), "%s/config.json", name);
	make_file(f, path, text);
}

static int listen_at(const struct fix *f, const char *name)
{
	char path[128];
	struct err err = { 0 };
	int fd;

	path_of(f, path, name);
	assert_int_equal(place_listen(&fd, path, &err), 0);
	return fd;
}

static NORETURN void be_daemon(const struct fix *f, const char *id, const char *bundle,
	int listener)
{
	char ttrpc[128], socket[128], path[160];
	struct daemon d = { .namespace = "ns",
		.id = id,
		.ttrpc_address = ttrpc,
		.socket = socket,
		.listener = listener };
	const char *text = f->config ? f->config : "{}";
	const struct config_source source = { .text = text, .len = strlen(text) };
	struct err err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	path_of(f, ttrpc, "events");
	path_of(f, socket, "shim");
	path_of(f, path, bundle);
	log_setup(2, getenv("SHOW") ? LOG_DEBUG : LOG_ERROR, "daemon");
	if (config_load(&d.config, &source, &err) || bundle_load(&d.spec, path, &err))
		_exit(99);
	_exit(daemon_run(&d)); /* without the test's own end */
}

static void dial(struct fix *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err err = { 0 };
	char path[128];

	path_of(f, path, "shim");
	strcpy(sa.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(ttrpc_client_new(&f->client, f->loop, fd, NULL, NULL, &err), 0);
}

/* The shim of the pod, or container, id, whose bundle is there. */
static void start(struct fix *f, const char *id, const char *bundle)
{
	int shim = listen_at(f, "shim"), agent = listen_at(f, "agent"),
	    events = listen_at(f, "events");
	struct err err = { 0 };
	char path[128];

	path_of(f, path, "agent");
	setenv(FAKE_AGENT, path, 1);
	f->daemon = fork();
	if (!f->daemon)
		be_daemon(f, id, bundle, shim);
	close(shim);
	assert_int_equal(loop_new(&f->loop, &err), 0);
	assert_int_equal(timer_init(f->loop, &f->late, on_late), 0);
	fake_agent_start(&f->agent, f->loop, agent);
	assert_int_equal(ttrpc_server_new(&f->events, f->loop, &forward, 1, f, &err), 0);
	assert_int_equal(ttrpc_server_listen(f->events, events, &err), 0);
	f->v3 = containerd__task__v2__task__descriptor;
	f->v3.name = "containerd.task.v3.Task";
	dial(f);
}

/* The daemon is told to leave, and does. */
static void leave(struct fix *f)
{
	Containerd__Task__V2__ShutdownRequest request = FRESH(
		containerd__task__v2__shutdown_request);
	struct reply r;
	int status = -1;

	assert_int_equal(call(f, "Shutdown", &request.base, &r), TTRPC_OK);
	forget(&r);
	for (unsigned i = 0; i < 100 * SECONDS && waitpid(f->daemon, &status, WNOHANG) != f->daemon;
		i++)
		usleep(10000);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	f->daemon = 0;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_daemon.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->out.fd = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;
	char command[128];

	if (f->daemon > 0) { /* the test has failed: who waits for replies is no more */
		kill(f->daemon, SIGKILL);
		waitpid(f->daemon, NULL, 0);
	} else {
		ttrpc_client_free(f->client);
	}
	fake_agent_stop(&f->agent);
	ttrpc_server_free(f->events);
	if (f->out.fd >= 0) {
		loop_remove(f->loop, &f->out);
		close(f->out.fd);
	}
	timer_fini(f->loop, &f->late);
	loop_free(f->loop);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* --- calls by their names --- */

static int create(struct fix *f, const char *id, const char *bundle, const char *out,
	struct reply *r)
{
	Containerd__Task__V2__CreateTaskRequest request = FRESH(
		containerd__task__v2__create_task_request);
	Containerd__Types__Mount mount = FRESH(containerd__types__mount), *mounts[] = { &mount };
	char *options[] = { UNCONST("loop"), UNCONST("rw") };
	char path[128], fifo[128] = "", disk[128];

	path_of(f, path, bundle);
	if (out) {
		path_of(f, fifo, out);
		assert_int_equal(mkfifo(fifo, 0600), 0);
		f->out.fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		assert_int_equal(loop_add(f->loop, &f->out, f->out.fd, EPOLLIN, on_output), 0);
	}
	request.id = UNCONST(id);
	request.bundle = path;
	request.stdout = fifo;
	if (f->disk) {
		path_of(f, disk, f->disk);
		mount.type = UNCONST("ext4");
		mount.source = disk;
		mount.options = options;
		mount.n_options = ARRAY_SIZE(options);
		request.rootfs = mounts;
		request.n_rootfs = 1;
	}
	return call(f, "Create", &request.base, r);
}

/* A request that consists of an id and maybe an exec's: all of these begin alike. */
static int simple(struct fix *f, const char *method, const char *id, const char *of,
	struct reply *r)
{
	const ProtobufCMessageDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(
		&containerd__task__v2__task__descriptor, method)
						      ->input;
	AUTO_FREE ProtobufCMessage *request = calloc(1, d->sizeof_message);
	const char *ids[] = { id, of };

	protobuf_c_message_init(d, request);
	memcpy((char *)request + d->fields[0].offset, &ids[0], sizeof(ids[0]));
	if (d->n_fields > 1 && !strcmp(d->fields[1].name, "exec_id"))
		memcpy((char *)request + d->fields[1].offset, &ids[1], sizeof(ids[1]));
	return call(f, method, request, r);
}

#define start_task(f, id, of, r)  simple(f, "Start", id, of, r)
#define state_of(f, id, of, r)	  simple(f, "State", id, of, r)
#define delete_task(f, id, of, r) simple(f, "Delete", id, of, r)
#define pause_task(f, id, of, r)  simple(f, "Pause", id, of, r)
#define resume_task(f, id, of, r) simple(f, "Resume", id, of, r)
#define stats_of(f, id, of, r)	  simple(f, "Stats", id, of, r)
#define pids_of(f, id, of, r)	  simple(f, "Pids", id, of, r)
#define connect_to(f, id, of, r)  simple(f, "Connect", id, of, r)
#define checkpoint(f, id, of, r)  simple(f, "Checkpoint", id, of, r)

static int kill_task(struct fix *f, const char *id, const char *exec, unsigned sig, struct reply *r)
{
	Containerd__Task__V2__KillRequest request = FRESH(containerd__task__v2__kill_request);

	request.id = UNCONST(id);
	request.exec_id = UNCONST(exec);
	request.signal = sig;
	return call(f, "Kill", &request.base, r);
}

static void wait_for_task(struct fix *f, const char *id, const char *exec, struct reply *r)
{
	Containerd__Task__V2__WaitRequest request = FRESH(containerd__task__v2__wait_request);

	request.id = UNCONST(id);
	request.exec_id = UNCONST(exec);
	ask(f, "Wait", &request.base, r);
}

static unsigned status_waited(struct fix *f, struct reply *r)
{
	const Containerd__Task__V2__WaitResponse *w;
	unsigned status;

	until(f, &r->come);
	assert_int_equal(r->code, TTRPC_OK);
	w = (const void *)r->response;
	assert_true(w->exited_at && w->exited_at->seconds > 0);
	status = w->exit_status;
	forget(r);
	return status;
}

static unsigned state_number(struct fix *f, const char *id, const char *exec)
{
	struct reply r;
	unsigned n;

	assert_int_equal(state_of(f, id, exec, &r), TTRPC_OK);
	n = (unsigned)((Containerd__Task__V2__StateResponse *)r.response)->status;
	forget(&r);
	return n;
}

static int exec(struct fix *f, const char *id, const char *name, const char *json, struct reply *r)
{
	Containerd__Task__V2__ExecProcessRequest request = FRESH(
		containerd__task__v2__exec_process_request);
	Google__Protobuf__Any any = FRESH(google__protobuf__any);

	any.type_url = UNCONST("types.containerd.io/opencontainers/runtime-spec/1/Process");
	any.value = (ProtobufCBinaryData){ strlen(json), (uint8_t *)UNCONST(json) };
	request.id = UNCONST(id);
	request.exec_id = UNCONST(name);
	request.spec = &any;
	return call(f, "Exec", &request.base, r);
}

/* --- what is tried --- */

#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) != TTRPC_OK)                                                            \
			fail_msg("%s: %d: %s", #call, r.code, r.message);                          \
		forget(&r);                                                                        \
	} while (0)

static void a_lone_container(void **state)
{
	struct fix *f = *state;
	struct reply r, waited;
	struct exit_file end;
	char path[128];

	make_bundle(f, "b", "");
	start(f, "one", "b");
	OK(create(f, "one", "b", "out", &r));
	assert_string_equal(f->agent.container, "one");
	assert_string_equal(f->agent.root, "/run/kata-containers/shared/containers/one/rootfs");
	assert_int_equal(state_number(f, "one", ""), 1);
	wait_for_task(f, "one", "", &waited);
	OK(start_task(f, "one", "", &r));
	assert_int_equal(state_number(f, "one", ""), 2);
	until_text(f, f->heard, "one speaks\n");
	assert_int_equal(create(f, "one", "b", NULL, &r), TTRPC_ALREADY_EXISTS);
	assert_int_equal(start_task(f, "one", "", &r), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(delete_task(f, "one", "", &r), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(checkpoint(f, "one", "", &r), TTRPC_UNIMPLEMENTED);
	assert_false(waited.come);
	fake_agent_end(&f->agent, "one", 3);
	assert_int_equal(status_waited(f, &waited), 3);
	assert_int_equal(state_number(f, "one", ""), 3);
	while (!f->out_ended)
		loop_run(f->loop);
	assert_int_equal(kill_task(f, "one", "", 9, &r), TTRPC_NOT_FOUND);
	OK(delete_task(f, "one", "", &r));
	assert_int_equal(delete_task(f, "one", "", &r), TTRPC_NOT_FOUND);
	until_text(f, f->topics, " delete");
	assert_string_equal(f->topics, " create start exit delete");
	path_of(f, path, "b");
	assert_true(exit_file_read(path, &end)); /* for `delete` */
	assert_int_equal(end.status, 3);
	leave(f);
}

static void signals_pauses_figures(void **state)
{
	struct fix *f = *state;
	const Containerd__Task__V2__StatsResponse *stats;
	Io__Containerd__Cgroups__V2__Metrics *m;
	struct reply r, waited;

	f->service = "containerd.task.v3.Task";
	make_bundle(f, "b", "");
	start(f, "one", "b");
	OK(create(f, "one", "b", NULL, &r));
	assert_int_equal(pause_task(f, "one", "", &r), TTRPC_FAILED_PRECONDITION);
	OK(start_task(f, "one", "", &r));
	OK(pause_task(f, "one", "", &r));
	assert_int_equal(state_number(f, "one", ""), 4);
	OK(resume_task(f, "one", "", &r));
	assert_int_equal(state_number(f, "one", ""), 2);
	assert_int_equal(stats_of(f, "one", "", &r), TTRPC_OK);
	stats = (const void *)r.response;
	assert_string_equal(stats->stats->type_url, "io.containerd.cgroups.v2.Metrics");
	m = io__containerd__cgroups__v2__metrics__unpack(NULL, stats->stats->value.len,
		stats->stats->value.data);
	assert_int_equal(m->pids->current, 7);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
	forget(&r);
	assert_int_equal(pids_of(f, "one", "", &r), TTRPC_OK);
	assert_int_equal(((Containerd__Task__V2__PidsResponse *)r.response)->processes[0]->pid,
		4242);
	forget(&r);
	assert_int_equal(connect_to(f, "nobody", "", &r), TTRPC_OK);
	assert_int_equal(((Containerd__Task__V2__ConnectResponse *)r.response)->task_pid, 0);
	forget(&r);
	assert_int_equal(pids_of(f, "nobody", "", &r), TTRPC_NOT_FOUND);
	wait_for_task(f, "one", "", &waited);
	OK(kill_task(f, "one", "", 15, &r));
	assert_int_equal(status_waited(f, &waited), 143);
	until_text(f, f->topics, " exit");
	assert_string_equal(f->topics, " create start paused resumed exit");
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

static void execs(void **state)
{
	static const char shell[] = "{\"args\": [\"sh\"], \"cwd\": \"/\", \"user\": {\"uid\": 0}}";
	struct fix *f = *state;
	struct reply r, waited;

	make_bundle(f, "b", "");
	start(f, "one", "b");
	OK(create(f, "one", "b", NULL, &r));
	assert_int_equal(exec(f, "one", "e", shell, &r), TTRPC_FAILED_PRECONDITION);
	OK(start_task(f, "one", "", &r));
	assert_int_equal(exec(f, "one", "e", "{", &r), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(exec(f, "one", "../e", shell, &r), TTRPC_INVALID_ARGUMENT);
	OK(exec(f, "one", "e", shell, &r));
	assert_int_equal(exec(f, "one", "e", shell, &r), TTRPC_ALREADY_EXISTS);
	assert_int_equal(state_number(f, "one", "e"), 1);
	assert_int_equal(kill_task(f, "one", "e", 9, &r), TTRPC_FAILED_PRECONDITION);
	wait_for_task(f, "one", "e", &waited);
	OK(start_task(f, "one", "e", &r));
	OK(kill_task(f, "one", "e", 9, &r));
	assert_int_equal(status_waited(f, &waited), 137);
	OK(delete_task(f, "one", "e", &r));
	assert_int_equal(state_of(f, "one", "e", &r), TTRPC_NOT_FOUND);

	/* a program that is missing is a process that ends with 127 */
	f->agent.exec_fails = "executable file `/x` not found: No such file or directory";
	OK(exec(f, "one", "x", shell, &r));
	wait_for_task(f, "one", "x", &waited);
	OK(start_task(f, "one", "x", &r));
	assert_int_equal(status_waited(f, &waited), 127);
	/* any other failure is one of Start, and ends those who wait */
	f->agent.exec_fails = "no cgroup";
	OK(exec(f, "one", "y", shell, &r));
	wait_for_task(f, "one", "y", &waited);
	assert_int_equal(start_task(f, "one", "y", &r), TTRPC_UNKNOWN);
	assert_string_equal(r.message, "no cgroup");
	assert_int_equal(status_waited(f, &waited), 128);

	/* the first process takes the others with it, and is told of last */
	f->agent.exec_fails = NULL;
	OK(exec(f, "one", "z", shell, &r));
	OK(start_task(f, "one", "z", &r));
	wait_for_task(f, "one", "", &waited);
	*f->agent.log = 0;
	fake_agent_end(&f->agent, "one", 0);
	until_text(f, f->agent.log, " SignalProcess");
	assert_false(waited.come);
	fake_agent_end(&f->agent, "z", 137);
	assert_int_equal(status_waited(f, &waited), 0);
	assert_int_equal(exec(f, "one", "late", shell, &r), TTRPC_FAILED_PRECONDITION);
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

#define MEMBER                                                                                     \
	", \"annotations\": {\"io.kubernetes.cri.container-type\": \"container\", "                \
	"\"io.kubernetes.cri.sandbox-id\": \"pod\"}"

static void a_pod(void **state)
{
	Containerd__Task__V2__ShutdownRequest shutdown = FRESH(
		containerd__task__v2__shutdown_request);
	struct fix *f = *state;
	struct reply r, pod, member;

	make_bundle(f, "p",
		", \"annotations\": {\"io.kubernetes.cri.container-type\": \"sandbox\", "
		"\"io.kubernetes.cri.sandbox-id\": \"pod\"}, \"linux\": {\"sysctl\": "
		"{\"net.core.somaxconn\": \"9\"}}");
	make_bundle(f, "m", MEMBER ", \"linux\": {\"namespaces\": [{\"type\": \"pid\"}]}");
	make_bundle(f, "n",
		MEMBER ", \"linux\": {\"namespaces\": [{\"type\": \"pid\", \"path\": "
		       "\"/proc/4242/ns/pid\"}]}");
	make_bundle(f, "other",
		", \"annotations\": {\"io.kubernetes.cri.container-type\": \"container\", "
		"\"io.kubernetes.cri.sandbox-id\": \"another\"}");
	start(f, "pod", "p");
	OK(create(f, "pod", "p", NULL, &r));
	wait_for_task(f, "pod", "", &pod);
	OK(start_task(f, "pod", "", &r));
	assert_string_equal(f->agent.log, ""); /* nothing runs for it */
	assert_int_equal(create(f, "x", "other", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "belongs to another pod"));
	OK(create(f, "m1", "m", "out", &r));
	assert_string_equal(f->agent.sysctl, "net.core.somaxconn");
	OK(start_task(f, "m1", "", &r));
	wait_for_task(f, "m1", "", &member);
	until_text(f, f->heard, "m1 speaks");

	until_text(f, f->agent.log, " CloseStdin");
	assert_string_equal(f->agent.log, " CreateContainer StartContainer CloseStdin");

	/* who shares a pid namespace needs the sandbox's own program to hold it, once */
	*f->agent.log = 0;
	OK(create(f, "n1", "n", NULL, &r));
	OK(create(f, "n2", "n", NULL, &r));
	assert_string_equal(f->agent.log,
		" CreateContainer StartContainer CreateContainer CreateContainer");
	assert_string_equal(f->agent.container, "n2");
	for (unsigned i = 0; i < 2; i++) {
		OK(kill_task(f, i ? "n1" : "n2", "", 9, &r));
		OK(delete_task(f, i ? "n1" : "n2", "", &r));
	}

	until_text(f, f->topics, " exit delete exit delete");

	/* its memory runs out: that is told before its end */
	*f->topics = 0;
	fake_agent_oom(&f->agent, "m1");
	fake_agent_end(&f->agent, "m1", 137);
	assert_int_equal(status_waited(f, &member), 137);
	until_text(f, f->topics, "exit");
	assert_string_equal(f->topics, " oom exit");
	OK(delete_task(f, "m1", "", &r));
	OK(call(f, "Shutdown", &shutdown.base, &r)); /* not the last one */
	assert_int_equal(state_number(f, "pod", ""), 2);
	assert_int_equal(stats_of(f, "pod", "", &r), TTRPC_OK);
	forget(&r);

	OK(kill_task(f, "pod", "", 10, &r));
	assert_int_equal(state_number(f, "pod", ""), 2);
	OK(kill_task(f, "pod", "", 9, &r));
	assert_int_equal(status_waited(f, &pod), 137);
	OK(delete_task(f, "pod", "", &r));
	leave(f);
}

/* Without virtiofsd: the root file system is a disk, files are copied, directories refused. */
static void nothing_shared(void **state)
{
	struct fix *f = *state;
	char mounts[512];
	struct reply r;

	f->config = "{\"shared_files\": false, \"disk_slots\": 1}";
	make_file(f, "hosts", "127.0.0.1 localhost");
	make_file(f, "disk", "a file system");
	snprintf(mounts, sizeof(mounts),
		", \"mounts\": [{\"destination\": \"/etc/hosts\", \"type\": \"bind\", "
		"\"source\": \"%s/hosts\", \"options\": [\"rbind\", \"rw\"]}]",
		f->dir);
	make_bundle(f, "b", mounts);
	snprintf(mounts, sizeof(mounts),
		", \"mounts\": [{\"destination\": \"/d\", \"type\": \"bind\", "
		"\"source\": \"%s\", \"options\": [\"rbind\"]}]",
		f->dir);
	make_bundle(f, "d", mounts);
	start(f, "one", "b");
	assert_int_equal(create(f, "one", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "the root file system is a directory"));
	f->disk = "disk";
	assert_int_equal(create(f, "one", "d", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "only files can be had"));
	OK(create(f, "one", "b", NULL, &r));
	assert_string_equal(f->agent.log, " CopyFile CreateContainer");
	assert_string_equal(f->agent.input,
		"/run/kata-containers/shared/containers/one-0-hosts: "
		"127.0.0.1 localhost");
	assert_string_equal(f->agent.storage, "mmioblk /dev/vdb ext4");
	assert_string_equal(f->agent.root, "/run/kata-containers/rootfs/one");
	assert_int_equal(create(f, "two", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "is in use by another container of the pod"));
	OK(kill_task(f, "one", "", 9, &r));
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

static void what_fails(void **state)
{
	struct fix *f = *state;
	struct reply r, waited;

	make_bundle(f, "b", "");
	make_bundle(f, "missing",
		", \"mounts\": [{\"destination\": \"/x\", \"type\": \"bind\", "
		"\"source\": \"/no/such/file\", \"options\": [\"rbind\"]}]");
	start(f, "one", "b");
	assert_int_equal(create(f, "../x", "b", NULL, &r), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(create(f, "one", "nowhere", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "nowhere/config.json: No such file or directory"));
	assert_int_equal(create(f, "one", "missing", NULL, &r), TTRPC_UNKNOWN);
	assert_string_equal(r.message, "mount /no/such/file on /x: No such file or directory");
	f->agent.create_fails = "the guest has no room";
	assert_int_equal(create(f, "one", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_string_equal(r.message, "the guest has no room");
	assert_int_equal(delete_task(f, "one", "", &r), TTRPC_NOT_FOUND);

	/* the agent dies: so do all */
	f->agent.create_fails = NULL;
	OK(create(f, "one", "b", NULL, &r));
	OK(start_task(f, "one", "", &r));
	wait_for_task(f, "one", "", &waited);
	fake_agent_stop(&f->agent);
	assert_int_equal(status_waited(f, &waited), 137);
	assert_int_equal(state_number(f, "one", ""), 3);
	assert_int_equal(create(f, "two", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "the guest's agent is gone"));
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lone_container, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_pauses_figures, setup, teardown),
		cmocka_unit_test_setup_teardown(execs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pod, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(what_fails, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
