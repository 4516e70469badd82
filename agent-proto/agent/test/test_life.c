/*
 * The life of containers and their processes, with a container runtime that only pretends: a shell
 * script that takes crun's words, runs the process's script as an orphan and tells its pid. All
 * that the agent does about a process is real: its streams, its end, who waits for it, signals.
 * Agent and client share one loop. Real containers are in the stories.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "core/test/check.h"
#include "agent/agent.h"
#include "agent/oom.h"
#include "agent/sandbox.h"
#include "agent/service.h"
#include "agent/storage.h"
#include "agent/uevent.h"
#include "client/client.h"
#include "client/json.h"

#define ANSWER_NS INT64_C(20000000000)

/* args are always ["sh", "-c", SCRIPT], without quotes in SCRIPT. */
static const char fake_crun[] =
	"#!/bin/sh\n"
	"word= id= bundle= pidfile= process=\n"
	"while [ $# -gt 0 ]; do\n"
	"  case $1 in\n"
	"  --root) root=$2; shift ;;\n"
	"  --log) log=$2; shift ;;\n"
	"  --cgroup-manager | --log-format) shift ;;\n"
	"  --bundle) bundle=$2; shift ;;\n"
	"  --pid-file) pidfile=$2; shift ;;\n"
	"  --process) process=$2; shift ;;\n"
	"  --resources) process=$2; shift ;;\n"
	"  --*) ;;\n"
	"  create | start | exec | update | delete) word=$1 ;;\n"
	"  *) id=$1 ;;\n"
	"  esac\n"
	"  shift\n"
	"done\n"
	"mkdir -p \"$root\"; exec 3<&0\n"
	"script() { sed -n 's/.*\"args\":\\[\"sh\",\"-c\",\"\\([^\"]*\\)\"\\].*/\\1/p' \"$1\"; }\n"
	"fails() { echo \"{\\\"msg\\\":\\\"$1\\\",\\\"level\\\":\\\"error\\\"}\" >\"$log\"; exit 1; }\n"
	/* An orphan, of a parent that never waits: a shell that made it itself might reap it. */
	"orphan() {\n"
	"  (sh -c 'echo $$ >\"$0.new\"; mv \"$0.new\" \"$0\"; [ -z \"$2\" ] || read -r go <\"$2\"\n"
	"     exec sh -c \"$1\"' \"$pidfile\" \"$1\" \"$2\" <&3 3<&- & exec true)\n"
	"  until [ -e \"$pidfile\" ]; do sleep 0.01; done\n"
	"}\n"
	"case $word in\n"
	"create)\n"
	"  what=$(script \"$bundle/config.json\")\n"
	"  [ \"$what\" != fail ] || fails 'the file was not found'\n"
	"  mkfifo \"$root/$id\"\n"
	"  orphan \"$what\" \"$root/$id\"\n"
	"  cp \"$pidfile\" \"$root/$id.pid\" ;;\n"
	"start) echo go >\"$root/$id\" ;;\n"
	"exec)\n"
	"  what=$(script \"$process\")\n"
	"  [ \"$what\" != fail ] || fails 'the file was not found'\n"
	"  orphan \"$what\" ''\n"
	"  [ \"$what\" != 'exit 6' ] || sleep 0.2 ;;\n"
	"update) grep -q shares \"$process\" || fails 'nothing to update' ;;\n"
	"delete) [ ! -e \"$root/$id.pid\" ] || { kill -9 \"$(cat \"$root/$id.pid\")\" 2>/dev/null;\n"
	"  rm -f \"$root/$id\" \"$root/$id.pid\"; } ;;\n"
	"esac\n"
	"exit 0\n";

struct fix {
	struct agent a;
	struct ttrpc_client *client;
	char dir[48];
};

/* A call and its answer. */
struct called {
	struct fix *f;
	bool ended, awaited;
	int code;
	char message[256];
	size_t len;
	int status;
	char data[70000];
};

static int write_script(const char *path)
{
	FILE *f = fopen(path, "we");
	int rc = f ? fputs(fake_crun, f) : -1;

	return f && !fclose(f) && rc >= 0 && !chmod(path, 0755) ? 0 : -1;
}

static struct ttrpc_client *connect_client(struct fix *f)
{
	struct ttrpc_client *client;
	struct err err;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
		0);
	assert_int_equal(ttrpc_server_adopt(f->a.server, fds[0], &err), 0);
	assert_int_equal(ttrpc_client_new(&client, f->a.loop, fds[1], NULL, NULL, &err), 0);
	return client;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct agent *a = &f->a;
	char path[80];
	struct err err;

	snprintf(f->dir, sizeof(f->dir), "/tmp/sampan-life-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	agent_config_init(&a->config, "");
	snprintf(a->config.run_dir, sizeof(a->config.run_dir), "%s/run", f->dir);
	snprintf(a->config.cgroup_root, sizeof(a->config.cgroup_root), "%s/cgroup", f->dir);
	snprintf(a->config.crun, sizeof(a->config.crun), "%s/crun", f->dir);
	mkdir(a->config.run_dir, 0755);
	snprintf(path, sizeof(path), "%s/agent", a->config.run_dir);
	mkdir(path, 0755);
	if (write_script(a->config.crun) || loop_new(&a->loop, &err) ||
		reaper_new(&a->reaper, a->loop, &err) || workers_new(&a->workers, a->loop, &err) ||
		uevents_new(&a->uevents, a->loop, &err) ||
		storages_new(&a->storages, &a->config, a->uevents, a->loop, a->workers, &err) ||
		oom_new(&a->oom, a->loop, sandbox_oom, a, &err) ||
		sandbox_new(&a->sandbox, a, &err) ||
		ttrpc_server_new(&a->server, a->loop, agent_services(), AGENT_SERVICES, a, &err)) {
		print_error("%s\n", err.msg);
		return -1;
	}
	f->client = connect_client(f);
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int flag UNUSED,
	struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int fix_free(void **state)
{
	struct fix *f = *state;
	struct agent *a = &f->a;

	for (struct container *c = a->sandbox->containers; c; c = c->next)
		for (struct process *p = c->processes; p; p = p->next)
			if (p->state == PROCESS_RUNNING)
				kill(p->pid, SIGKILL);
	ttrpc_client_free(f->client);
	workers_free(a->workers);
	ttrpc_server_free(a->server);
	sandbox_free(a->sandbox);
	oom_free(a->oom);
	storages_free(a->storages);
	uevents_free(a->uevents);
	reaper_free(a->reaper);
	loop_free(a->loop);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	struct called *c = arg;

	c->ended = true;
	c->code = answer->code;
	snprintf(c->message, sizeof(c->message), "%s", answer->message);
	if (answer->response &&
		answer->response->descriptor == &grpc__read_stream_response__descriptor) {
		const Grpc__ReadStreamResponse *r = (const void *)answer->response;

		c->len = r->data.len;
		if (c->len)
			memcpy(c->data, r->data.data, c->len);
		c->data[c->len] = 0;
	}
	if (answer->response &&
		answer->response->descriptor == &grpc__wait_process_response__descriptor)
		c->status =
			((const Grpc__WaitProcessResponse *)(const void *)answer->response)->status;
	if (answer->response &&
		answer->response->descriptor == &grpc__write_stream_response__descriptor)
		c->len = ((const Grpc__WriteStreamResponse *)(const void *)answer->response)->len;
	if (c->awaited)
		loop_quit(c->f->a.loop);
}

/* Begins a call; request is JSON, with '-quoted words. */
static struct called *begin(struct fix *f, struct ttrpc_client *client, const char *method,
	const char *request)
{
	const ProtobufCServiceDescriptor *service = &grpc__agent_service__descriptor;
	const ProtobufCMethodDescriptor *d =
		protobuf_c_service_descriptor_get_method_by_name(service, method);
	struct called *c = calloc(1, sizeof(*c));
	char *text = strdup(request);
	ProtobufCMessage *message;
	json_t *json;
	struct err err;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(text, 0, NULL);
	if (!d || !json || json_to_message(&message, d->input, json, &err))
		fail_msg("%s %s: %s", method, request, d && json ? err.msg : "no such thing");
	c->f = f;
	assert_int_equal(ttrpc_client_call(client, service, d, message, ANSWER_NS, on_answer, c,
				 NULL, &err),
		0);
	protobuf_c_message_free_unpacked(message, NULL);
	json_decref(json);
	free(text);
	return c;
}

static struct called *await(struct called *c)
{
	c->awaited = true;
	while (!c->ended)
		loop_run(c->f->a.loop);
	return c;
}

struct over {
	struct timer timer;
	struct loop *loop;
};

static void on_over(struct timer *t)
{
	loop_quit(container_of(t, struct over, timer)->loop);
}

/* Lets the loop run for a while. */
static void turn(struct fix *f, unsigned ms)
{
	struct over over = { .loop = f->a.loop };

	assert_int_equal(timer_init(f->a.loop, &over.timer, on_over), 0);
	timer_set(&over.timer, ms * UINT64_C(1000000), 0);
	loop_run(f->a.loop);
	timer_fini(f->a.loop, &over.timer);
}

#define CALL(method, request) await(begin(f, f->client, method, request))

/* The call must end with code; with words in the message when they are not NULL. */
static void expect(struct fix *f, const char *method, const char *request, int code,
	const char *words)
{
	struct called *c = CALL(method, request);

	if (c->code != code || (words && !strstr(c->message, words)))
		fail_msg("%s %s: %d \"%s\"", method, request, c->code, c->message);
	free(c);
}

static void read_is(struct fix *f, const char *method, const char *process, const char *want)
{
	char request[200];
	struct called *c;

	snprintf(request, sizeof(request), "{'container_id':'c','exec_id':'%s','len':32768}",
		process);
	c = CALL(method, request);
	assert_int_equal(c->code, 0);
	assert_string_equal(c->data, want);
	free(c);
}

static void wait_is(struct fix *f, const char *process, int status)
{
	char request[200];
	struct called *c;

	snprintf(request, sizeof(request), "{'container_id':'c','exec_id':'%s'}", process);
	c = CALL("WaitProcess", request);
	if (c->code || c->status != status)
		fail_msg("%s: %d \"%s\", status %d", process, c->code, c->message, c->status);
	free(c);
}

static void container(struct fix *f, const char *script)
{
	char request[600];

	snprintf(request, sizeof(request),
		"{'container_id':'c','exec_id':'c','OCI':{'Version':'1.0.0','Process':{'Args':['sh',"
		"'-c','%s'],'Cwd':'/'},'Root':{'Path':'/'},'Linux':{}}}",
		script);
	expect(f, "CreateContainer", request, 0, NULL);
	expect(f, "StartContainer", "{'container_id':'c'}", 0, NULL);
}

static void execute(struct fix *f, const char *process, const char *script)
{
	char request[600];

	snprintf(request, sizeof(request),
		"{'container_id':'c','exec_id':'%s','process':{'Args':['sh','-c','%s'],'Cwd':'/'}}",
		process, script);
	expect(f, "ExecProcess", request, 0, NULL);
}

static void whole_life(void **state)
{
	struct fix *f = *state;

	container(f, "echo hello; echo oops >&2; read -r line; echo got $line; exit 7");
	read_is(f, "ReadStdout", "c", "hello\n");
	read_is(f, "ReadStderr", "", "oops\n"); /* "" is its first process, too */
	expect(f, "WriteStdin", "{'container_id':'c','exec_id':'c','data':'YQo='}", 0, NULL);
	read_is(f, "ReadStdout", "c", "got a\n");
	read_is(f, "ReadStdout", "c", "");
	read_is(f, "ReadStderr", "c", "");
	wait_is(f, "c", 7);
	expect(f, "WaitProcess", "{'container_id':'c','exec_id':'c'}", TTRPC_INTERNAL, "NOT_FOUND");
	expect(f, "SignalProcess", "{'container_id':'c','signal':9}", TTRPC_INTERNAL,
		"InitProcessNotFound");
	expect(f, "RemoveContainer", "{'container_id':'c'}", 0, NULL);
	expect(f, "RemoveContainer", "{'container_id':'c'}", TTRPC_INVALID_ARGUMENT,
		"\"invalid container id\"");
}

static void executed(void **state)
{
	struct fix *f = *state;

	container(f, "sleep 100");
	execute(f, "one", "echo one; exit 3");
	read_is(f, "ReadStdout", "one", "one\n");
	read_is(f, "ReadStdout", "one", "");
	wait_is(f, "one", 3);
	execute(f, "one", "exit 4"); /* the name is free again */
	wait_is(f, "one", 4);
	execute(f, "early", "exit 6"); /* it has ended before its pid is known */
	wait_is(f, "early", 6);
	expect(f, "ExecProcess",
		"{'container_id':'c','exec_id':'x','process':{'Args':['sh','-c','fail'],'Cwd':'/'}}",
		TTRPC_INTERNAL, "the file was not found");
	execute(f, "two", "sleep 100");
	expect(f, "ExecProcess",
		"{'container_id':'c','exec_id':'two','process':{'Args':['sh'],'Cwd':'/'}}",
		TTRPC_ALREADY_EXISTS, "two");
	expect(f, "SignalProcess", "{'container_id':'c','exec_id':'two','signal':15}", 0, NULL);
	wait_is(f, "two", 143);
	expect(f, "TtyWinResize", "{'container_id':'c','exec_id':'c','row':1,'column':1}",
		TTRPC_UNAVAILABLE, "no tty");
	expect(f, "UpdateContainer", "{'container_id':'c','resources':{'CPU':{'Shares':'512'}}}", 0,
		NULL);
	expect(f, "RemoveContainer", "{'container_id':'c'}", 0, NULL);
}

/* SIGTERM to a first process without a handler kills it; one with a handler sees it. */
static void told_to_end(void **state)
{
	struct fix *f = *state;

	container(f, "exec sleep 100");
	expect(f, "SignalProcess", "{'container_id':'c','signal':15}", 0, NULL);
	wait_is(f, "c", 137);
	expect(f, "RemoveContainer", "{'container_id':'c'}", 0, NULL);
	container(f, "trap \\u0027exit 9\\u0027 TERM; echo ready; while :; do sleep 0.05; done");
	read_is(f, "ReadStdout", "c", "ready\n");
	expect(f, "SignalProcess", "{'container_id':'c','exec_id':'c','signal':15}", 0, NULL);
	turn(f, 400);
	/* Ended, and not waited for: signals go nowhere, and that is no error. */
	expect(f, "SignalProcess", "{'container_id':'c','exec_id':'c','signal':15}", 0, NULL);
	wait_is(f, "c", 9);
}

/* A grandchild that holds the pipe: the end comes all the same, its words before that too. */
static void held_pipe(void **state)
{
	struct fix *f = *state;
	int64_t began;

	container(f, "sleep 100");
	execute(f, "p", "sleep 30 & echo said");
	began = reap_now_ms();
	read_is(f, "ReadStdout", "p", "said\n");
	read_is(f, "ReadStdout", "p", "");
	assert_in_range(reap_now_ms() - began, 400, 15000);
	read_is(f, "ReadStderr", "p", "");
	wait_is(f, "p", 0);
}

/* A connection that goes while it waits takes nothing along. */
static void caller_goes(void **state)
{
	struct fix *f = *state;
	struct ttrpc_client *other = connect_client(f);
	struct called *c[3];

	container(f, "sleep 100");
	execute(f, "p", "sleep 2; echo late; exit 5");
	c[0] = begin(f, other, "WaitProcess", "{'container_id':'c','exec_id':'p'}");
	c[1] = begin(f, other, "ReadStdout", "{'container_id':'c','exec_id':'p','len':100}");
	c[2] = begin(f, other, "GetOOMEvent", "{}");
	turn(f, 100);
	assert_false(c[0]->ended || c[1]->ended || c[2]->ended);
	ttrpc_client_free(other);
	turn(f, 2200);
	read_is(f, "ReadStdout", "p", "late\n");
	wait_is(f, "p", 5);
	for (size_t i = 0; i < 3; i++)
		free(c[i]);
}

static void many_wait(void **state)
{
	struct fix *f = *state;
	struct called *c[80];
	unsigned refused = 0;

	container(f, "sleep 100");
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = begin(f, f->client, "WaitProcess", "{'container_id':'c','exec_id':'c'}");
	turn(f, 100);
	expect(f, "SignalProcess", "{'container_id':'c','exec_id':'c','signal':9}", 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		await(c[i]);
		if (c[i]->code == TTRPC_RESOURCE_EXHAUSTED)
			refused++;
		else
			assert_int_equal(c[i]->status, 137);
		free(c[i]);
	}
	assert_int_equal(refused, ARRAY_SIZE(c) - PARKED_MAX);
}

/* More than the pipe holds waits until there is room, then goes on; the end closes it. */
static void full_pipe(void **state)
{
	struct fix *f = *state;
	char *request = malloc(300000), fifo[64], script[100];
	struct called *c[4], *closed;
	size_t at;

	snprintf(fifo, sizeof(fifo), "%s/go", f->dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(script, sizeof(script), "read -r go <%s; wc -c", fifo);
	container(f, script);
	at = (size_t)sprintf(request, "{'container_id':'c','exec_id':'c','data':'");
	memset(request + at, 'A', 200000); /* 150000 bytes of 0 */
	memcpy(request + at + 200000, "'}", 3);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = begin(f, f->client, "WriteStdin", request);
	closed = begin(f, f->client, "CloseStdin", "{'container_id':'c','exec_id':'c'}");
	turn(f, 100);
	assert_false(c[0]->ended || closed->ended);
	AUTO_FD go = open(fifo, O_RDWR | O_CLOEXEC);
	assert_int_equal(write(go, "\n", 1), 1);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		assert_int_equal(await(c[i])->len, 150000);
		free(c[i]);
	}
	assert_int_equal(await(closed)->code, 0);
	free(closed);
	read_is(f, "ReadStdout", "c", "600000\n");
	wait_is(f, "c", 0);
	free(request);
}

/* Nobody reads any more: an error, and no signal to us. */
static void broken_pipe(void **state)
{
	struct fix *f = *state;

	container(f, "exec <&-; echo closed; sleep 100");
	read_is(f, "ReadStdout", "c", "closed\n");
	expect(f, "WriteStdin", "{'container_id':'c','exec_id':'c','data':'YQo='}", TTRPC_INTERNAL,
		"Broken pipe (os error 32)");
	/* Removed while somebody waits and reads: they learn of its end. */
	struct called *w = begin(f, f->client, "WaitProcess", "{'container_id':'c','exec_id':'c'}");
	struct called *r = begin(f, f->client, "ReadStderr",
		"{'container_id':'c','exec_id':'c','len':9}");

	expect(f, "RemoveContainer", "{'container_id':'c'}", 0, NULL);
	assert_int_equal(await(w)->status, 137);
	assert_int_equal(await(r)->code | (int)r->len, 0);
	free(w);
	free(r);
}

static void refused(void **state)
{
	struct fix *f = *state;
	const char *oci =
		"{'container_id':'c','OCI':{'Process':{'Args':['sh','-c','fail'],'Cwd':'/'},"
		"'Root':{'Path':'/'},'Linux':{}}}";

	expect(f, "CreateContainer", "{'container_id':'c'}", TTRPC_INVALID_ARGUMENT, "no process");
	expect(f, "CreateContainer", "{'container_id':'a/b'}", TTRPC_INVALID_ARGUMENT, "id");
	expect(f, "CreateContainer", oci, TTRPC_INTERNAL, "the file was not found");
	expect(f, "StartContainer", "{'container_id':'c'}", TTRPC_INVALID_ARGUMENT, NULL);
	container(f, "sleep 100");
	expect(f, "CreateContainer", oci, TTRPC_ALREADY_EXISTS, NULL);
	expect(f, "ExecProcess", "{'container_id':'c','exec_id':'x'}", TTRPC_INVALID_ARGUMENT,
		NULL);
	expect(f, "ExecProcess", "{'container_id':'c','exec_id':'../x','process':{}}",
		TTRPC_INVALID_ARGUMENT, NULL);
	expect(f, "SignalProcess", "{'container_id':'c','signal':65}", TTRPC_INVALID_ARGUMENT,
		NULL);
	expect(f, "ReadStdout", "{'container_id':'c','exec_id':'x','len':9}", TTRPC_INTERNAL,
		"NOT_FOUND");
	expect(f, "UpdateContainer", "{'container_id':'c'}", TTRPC_INVALID_ARGUMENT, NULL);
	expect(f, "SetPolicy", "{}", TTRPC_UNIMPLEMENTED, NULL);
}

static void events_of_memory(void **state)
{
	struct fix *f = *state;
	struct called *c = begin(f, f->client, "GetOOMEvent", "{}");

	turn(f, 100);
	assert_false(c->ended);
	sandbox_oom(&f->a, "first");
	assert_int_equal(await(c)->code, 0);
	free(c);
	for (unsigned i = 0; i < 100; i++)
		sandbox_oom(&f->a, "second"); /* nobody asks: kept once */
	assert_int_equal(f->a.sandbox->noom_events, 1);
	expect(f, "GetOOMEvent", "{}", 0, NULL);
	assert_int_equal(f->a.sandbox->noom_events, 0);
}

static void destroyed(void **state)
{
	struct fix *f = *state;
	struct called *w, *o;

	container(f, "sleep 100");
	w = begin(f, f->client, "WaitProcess", "{'container_id':'c','exec_id':'c'}");
	o = begin(f, f->client, "GetOOMEvent", "{}");
	expect(f, "DestroySandbox", "{}", 0, NULL);
	assert_int_equal(await(w)->status, 137);
	assert_int_equal(await(o)->code, TTRPC_INTERNAL);
	assert_string_equal(o->message, "\"\"");
	assert_null(f->a.sandbox->containers);
	loop_run(f->a.loop); /* it ends the loop by itself */
	free(w);
	free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_life, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(executed, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(told_to_end, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(held_pipe, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(caller_goes, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(many_wait, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(full_pipe, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(broken_pipe, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(refused, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(events_of_memory, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(destroyed, fix_new, fix_free),
	};

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	log_setup(2, LOG_ERROR, "agent");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
