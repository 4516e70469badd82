/*
 * `sampan agent` against a server in a thread of the test: calls, what is wrong with them, streams,
 * and calls by the batch. The command runs in a child whose streams are files or pipes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <jansson.h>
#include "agent.pb-c.h"
#include "core/test/check.h"
#include "health.pb-c.h"
#include "shim/cli/cli.h"
#include "ttrpc/server.h"

#define OUTPUT 100000 /* bytes that the process of the tests says */

struct fix {
	struct loop *loop;
	struct ttrpc_server *server;
	pthread_t thread;
	pthread_mutex_t lock; /* of what the server's thread and the test look at */
	char dir[64], address[96];
	struct ttrpc_call *parked[16];
	unsigned nparked;
	uint32_t said;
	uint8_t heard[OUTPUT];
	size_t nheard;
	bool closed;
	char *out, *err; /* of the last run */
};

int cli_error(const char *sentence)
{
	fprintf(stderr, "sampan: %s\n", sentence);
	return STATUS_ERROR;
}

int cli_usage(const char *command, const char *sentence)
{
	fprintf(stderr, "sampan: %s (%s)\n", sentence, command);
	return STATUS_USAGE;
}

bool cli_wants_help(int argc, char *const *argv)
{
	return argc > 0 && !strcmp(argv[0], "--help");
}

/* --- the agent --- */

static void serve_check(void *arg UNUSED, struct ttrpc_call *call,
	const ProtobufCMessage *request UNUSED)
{
	Grpc__HealthCheckResponse r;

	grpc__health_check_response__init(&r);
	r.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &r.base);
}

static void serve_wait(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request UNUSED)
{
	struct fix *f = arg;

	if (f->nparked == ARRAY_SIZE(f->parked))
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "full");
	else
		f->parked[f->nparked++] = call;
}

/* Ends what waited last. */
static void serve_signal(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const Grpc__SignalProcessRequest *q = (const Grpc__SignalProcessRequest *)request;
	struct fix *f = arg;
	Grpc__WaitProcessResponse r;

	grpc__wait_process_response__init(&r);
	r.status = 128 + (int32_t)q->signal;
	if (!f->nparked) {
		ttrpc_fail(call, TTRPC_NOT_FOUND, "no process \"%s\"", q->container_id);
		return;
	}
	ttrpc_reply(f->parked[--f->nparked], &r.base);
	ttrpc_reply(call, &r.base);
}

static void serve_stdout(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const Grpc__ReadStreamRequest *q = (const Grpc__ReadStreamRequest *)request;
	struct fix *f = arg;
	Grpc__ReadStreamResponse r;
	uint8_t data[8192];

	assert_string_equal(q->container_id, "c1");
	assert_true(q->len >= sizeof(data));
	grpc__read_stream_response__init(&r);
	pthread_mutex_lock(&f->lock);
	while (r.data.len < sizeof(data) && f->said < OUTPUT)
		data[r.data.len++] = (uint8_t)(f->said++ * 7);
	pthread_mutex_unlock(&f->lock);
	r.data.data = data;
	ttrpc_reply(call, &r.base);
}

/* As a terminal ends. */
static void serve_stderr(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const Grpc__ReadStreamRequest *q = (const Grpc__ReadStreamRequest *)request;
	struct fix *f = arg;
	Grpc__ReadStreamResponse r;
	uint8_t word[] = "oh";
	uint32_t said;

	pthread_mutex_lock(&f->lock);
	said = f->said++;
	pthread_mutex_unlock(&f->lock);
	if (strcmp(q->exec_id, "e1") || said) {
		ttrpc_fail(call, strcmp(q->exec_id, "e1") ? TTRPC_NOT_FOUND : TTRPC_INTERNAL,
			"Input/output error (os error 5)");
		return;
	}
	grpc__read_stream_response__init(&r);
	r.data.data = word;
	r.data.len = 2;
	ttrpc_reply(call, &r.base);
}

/* Takes at most 1000 bytes at a time. */
static void serve_write(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const Grpc__WriteStreamRequest *q = (const Grpc__WriteStreamRequest *)request;
	struct fix *f = arg;
	Grpc__WriteStreamResponse r;

	grpc__write_stream_response__init(&r);
	pthread_mutex_lock(&f->lock);
	r.len = (uint32_t)MIN(MIN(q->data.len, 1000), OUTPUT - f->nheard);
	memcpy(f->heard + f->nheard, q->data.data, r.len);
	f->nheard += r.len;
	pthread_mutex_unlock(&f->lock);
	ttrpc_reply(call, &r.base);
}

static void serve_close(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request UNUSED)
{
	struct fix *f = arg;
	Google__Protobuf__Empty r;

	pthread_mutex_lock(&f->lock);
	f->closed = true;
	pthread_mutex_unlock(&f->lock);
	google__protobuf__empty__init(&r);
	ttrpc_reply(call, &r.base);
}

static const struct ttrpc_method health[] = { { "Check", serve_check } };
static const struct ttrpc_method agent[] = {
	{ "WaitProcess", serve_wait }, { "SignalProcess", serve_signal },
	{ "ReadStdout", serve_stdout }, { "ReadStderr", serve_stderr },
	{ "WriteStdin", serve_write }, { "CloseStdin", serve_close },
	{ "PauseContainer", serve_wait }, /* never answers in time */
};
static const struct ttrpc_service services[] = {
	{ &grpc__health__descriptor, health, ARRAY_SIZE(health) },
	{ &grpc__agent_service__descriptor, agent, ARRAY_SIZE(agent) },
};

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int fix_new(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct fix *f = calloc(1, sizeof(*f));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err err;

	if (!f || fd < 0)
		return -1;
	pthread_mutex_init(&f->lock, NULL);
	strcpy(f->dir, "/tmp/sampan-test-agent-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->address, sizeof(f->address), "unix://%s/s", f->dir);
	strcpy(sa.sun_path, f->address + strlen("unix://"));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 10))
		return -1;
	if (loop_new(&f->loop, &err) ||
		ttrpc_server_new(&f->server, f->loop, services, ARRAY_SIZE(services), f, &err) ||
		ttrpc_server_listen(f->server, fd, &err) ||
		pthread_create(&f->thread, NULL, run_loop, f->loop))
		return -1;
	*state = f;
	return 0;
}

static void stop_agent(struct fix *f)
{
	if (!f->server)
		return;
	loop_quit(f->loop);
	pthread_join(f->thread, NULL);
	ttrpc_server_free(take(&f->server));
	while (f->nparked)
		ttrpc_fail(f->parked[--f->nparked], TTRPC_CANCELLED, "late");
}

static int fix_free(void **state)
{
	struct fix *f = *state;
	int rc;

	stop_agent(f);
	loop_free(f->loop);
	unlink(f->address + strlen("unix://"));
	rc = rmdir(f->dir);
	free(f->out);
	free(f->err);
	free(f);
	return rc;
}

/* --- the command --- */

/* in, out: what the child has as stdin and stdout. */
static pid_t start(char **words, int in, int out, int err)
{
	pid_t pid = fork();
	int argc = 0, status;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	while (words[argc])
		argc++;
	status = cmd_agent(argc, words);
	fflush(stdout);
	_exit(status);
}

static int finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char *read_file(FILE *file, size_t *len)
{
	char *text;
	long size;

	fseek(file, 0, SEEK_END);
	size = ftell(file);
	text = calloc(1, (size_t)size + 1);
	rewind(file);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	fclose(file);
	if (len)
		*len = (size_t)size;
	return text;
}

/* Runs with input on stdin; the status. */
static int run_with(struct fix *f, const char *input, size_t input_len, size_t *out_len,
	char **words)
{
	FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
	int status;

	assert_true(in && out && err);
	assert_int_equal(fwrite(input, 1, input_len, in), input_len);
	rewind(in);
	fflush(stdout);
	status = finish(start(words, fileno(in), fileno(out), fileno(err)));
	fclose(in);
	free(f->out);
	free(f->err);
	f->out = read_file(out, out_len);
	f->err = read_file(err, NULL);
	return status;
}

#define W(...)		   ((char *[]){ __VA_ARGS__, NULL })
#define RUN(f, ...)	   run_with(f, "", 0, NULL, W(__VA_ARGS__))
#define RUN_IN(f, in, ...) run_with(f, in, strlen(in), NULL, W(__VA_ARGS__))

#define S(text) ((char[]){ text })

static void expect_error(const struct fix *f, const char *part)
{
	if (!strstr(f->err, part) || strncmp(f->err, "sampan: ", 8) ||
		strchr(f->err, '\n') != f->err + strlen(f->err) - 1)
		fail_msg("\"%s\" is no sentence with \"%s\"", f->err, part);
}

static void test_call(void **state)
{
	struct fix *f = *state;

	assert_int_equal(RUN(f, f->address, S("Check")), 0);
	assert_string_equal(f->out, "{\n  \"status\": \"SERVING\"\n}\n");
	assert_string_equal(f->err, "");
	assert_int_equal(RUN(f, f->address, S("grpc.Health/Check"), S("{}")), 0);
	assert_int_equal(RUN_IN(f, "{\"data\": \"YWJj\"}", f->address, S("WriteStdin"), S("-")), 0);
	assert_string_equal(f->out, "{\n  \"len\": 3\n}\n");
	pthread_mutex_lock(&f->lock);
	assert_memory_equal(f->heard, "abc", 3);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(RUN(f, f->address, S("CloseStdin")), 0);
	assert_string_equal(f->out, "{}\n");
}

static void test_agent_fails(void **state)
{
	struct fix *f = *state;

	assert_int_equal(RUN(f, f->address, S("SignalProcess"), S("{\"container_id\": \"c9\"}")),
		STATUS_ERROR);
	expect_error(f, "SignalProcess: NOT_FOUND: no process \"c9\"\n");
	assert_string_equal(f->out, "");
	assert_int_equal(RUN(f, f->address, S("SetPolicy")), STATUS_ERROR);
	expect_error(f, "SetPolicy: UNIMPLEMENTED: ");
	assert_int_equal(RUN(f, S("--timeout"), S("1"), f->address, S("WaitProcess")),
		STATUS_ERROR);
	expect_error(f, "WaitProcess: DEADLINE_EXCEEDED: ");
}

static void test_wrong_words(void **state)
{
	struct fix *f = *state;

	assert_int_equal(RUN(f, f->address), STATUS_USAGE);
	expect_error(f, "no method is given");
	assert_int_equal(RUN(f, f->address, S("Frobnicate")), STATUS_USAGE);
	expect_error(f, "unknown method \"Frobnicate\"");
	assert_int_equal(RUN(f, f->address, S("grpc.Health/StartContainer")), STATUS_USAGE);
	expect_error(f, "unknown method");
	assert_int_equal(RUN(f, f->address, S("Check"), S("{")), STATUS_USAGE);
	expect_error(f, "the request is not JSON");
	assert_int_equal(RUN(f, f->address, S("Check"), S("{\"a\": 1}")), STATUS_USAGE);
	expect_error(f, "unknown field \"a\"");
	assert_int_equal(RUN(f, f->address, S("Check"), S("{}"), S("{}")), STATUS_USAGE);
	expect_error(f, "more is given");
	assert_int_equal(RUN(f, f->address, S("stdin")), STATUS_USAGE);
	expect_error(f, "no container");
	assert_int_equal(RUN(f, f->address, S("batch"), S("x")), STATUS_USAGE);
	assert_int_equal(RUN(f, S("tcp://x"), S("Check")), STATUS_ERROR);
	expect_error(f, "is no address");
	assert_int_equal(RUN(f, S("unix:///nowhere/s"), S("Check")), STATUS_ERROR);
	expect_error(f, "connect to unix:///nowhere/s: No such file or directory\n");
}

static void test_list(void **state)
{
	struct fix *f = *state;

	assert_int_equal(RUN(f, S("--list")), 0);
	assert_non_null(
		strstr(f->out, "\nWriteStdin                     container_id exec_id data\n"));
	assert_non_null(strstr(f->out, "\ngrpc.Health/Check              service\n"));
	assert_int_equal(RUN(f, S("--help")), 0);
	assert_non_null(strstr(f->out, "--timeout S"));
}

static void test_stdout(void **state)
{
	struct fix *f = *state;
	size_t len;

	assert_int_equal(run_with(f, "", 0, &len, W(f->address, S("stdout"), S("c1"))), 0);
	assert_int_equal(len, OUTPUT);
	for (size_t i = 0; i < len; i++)
		assert_int_equal((uint8_t)f->out[i], (uint8_t)(i * 7));
	pthread_mutex_lock(&f->lock);
	f->said = 0;
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(RUN(f, f->address, S("stderr"), S("c1"), S("e1")), 0);
	assert_string_equal(f->out, "oh");
	assert_int_equal(RUN(f, f->address, S("stderr"), S("c1")), STATUS_ERROR);
	expect_error(f, "ReadStderr: NOT_FOUND: ");
}

static void test_stdin(void **state)
{
	struct fix *f = *state;
	char *data = malloc(90000);

	for (size_t i = 0; i < 90000; i++)
		data[i] = (char)(i * 11);
	assert_int_equal(run_with(f, data, 90000, NULL,
				 W(f->address, S("stdin"), S("c1"), S("e1"))),
		0);
	pthread_mutex_lock(&f->lock);
	assert_int_equal(f->nheard, 90000);
	assert_memory_equal(f->heard, data, 90000);
	assert_true(f->closed);
	pthread_mutex_unlock(&f->lock);
	/* the process takes no more */
	assert_int_equal(run_with(f, data, 90000, NULL, W(f->address, S("stdin"), S("c1"))),
		STATUS_ERROR);
	expect_error(f, "took 0 bytes");
	free(data);
}

/* --- batch --- */

/* The next line of fd as JSON; NULL: the end. */
static json_t *next_line(int fd)
{
	char line[4096];
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		json_t *json;

		assert_int_equal(poll(&p, 1, 10000), 1);
		if (read(fd, line + len, 1) != 1)
			return NULL;
		if (line[len++] != '\n') {
			assert_true(len < sizeof(line));
			continue;
		}
		json = json_loadb(line, len, 0, NULL);
		assert_non_null(json);
		return json;
	}
}

static void expect_line(int fd, const char *text)
{
	json_t *ours = next_line(fd), *wanted = json_loads(text, 0, NULL);

	assert_non_null(ours);
	assert_non_null(wanted);
	if (!json_equal(ours, wanted))
		fail_msg("%s is not %s", json_dumps(ours, 0), text);
	json_decref(ours);
	json_decref(wanted);
}

static void say(int fd, const char *line)
{
	assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
}

static pid_t start_batch(struct fix *f, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	fflush(stdout);
	pid = start(W(S("--timeout"), S("1"), f->address, S("batch")), to[0], from[1],
		STDERR_FILENO);
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
	return pid;
}

static void test_batch(void **state)
{
	struct fix *f = *state;
	int in, out;
	pid_t pid = start_batch(f, &in, &out);

	say(in, "{\"id\": 1, \"method\": \"WaitProcess\", \"request\": {\"container_id\": \"c1\"}}\n");
	say(in, "{\"id\": \"two\", \"method\": \"Check\"}\n");
	expect_line(out,
		"{\"id\": \"two\", \"code\": 0, \"message\": \"\", \"response\": {\"status\": \"SERVING\"}}");
	say(in, "{\"id\": 3, \"method\": \"Nope\"}\n{\"id\": 4, \"met");
	expect_line(out,
		"{\"id\": 3, \"code\": 3, \"message\": \"unknown method \\\"Nope\\\"\", \"response\": {}}");
	say(in, "hod\": \"CloseStdin\", \"request\": null}\n\n");
	expect_line(out, "{\"id\": 4, \"code\": 0, \"message\": \"\", \"response\": {}}");
	/* what is for ever has no deadline here, the rest has */
	say(in, "{\"id\": 5, \"method\": \"PauseContainer\"}\n");
	expect_line(out,
		"{\"id\": 5, \"code\": 4, \"message\": \"no answer came in time\", \"response\": {}}");
	say(in, "{\"id\": 6, \"method\": \"SignalProcess\", \"request\": {\"signal\": 1}}\n");
	expect_line(out, "{\"id\": 6, \"code\": 0, \"message\": \"\", \"response\": {}}");
	say(in, "{\"id\": 7, \"method\": \"SignalProcess\", \"request\": {\"signal\": 9}}");
	close(in);
	expect_line(out,
		"{\"id\": 1, \"code\": 0, \"message\": \"\", \"response\": {\"status\": 137}}");
	expect_line(out, "{\"id\": 7, \"code\": 0, \"message\": \"\", \"response\": {}}");
	assert_null(next_line(out));
	close(out);
	assert_int_equal(finish(pid), 0);
}

static void test_batch_bad_lines(void **state)
{
	struct fix *f = *state;

	assert_int_equal(
		RUN_IN(f,
			"{\"id\": 1}\n[]\nnonsense\n{\"id\": 2, \"method\": \"WriteStdin\","
			" \"request\": {\"data\": 1}}\n{\"id\": 3, \"method\": \"Check\"}",
			f->address, S("batch")),
		0);
	assert_string_equal(f->err, "");
	assert_non_null(strstr(f->out,
		"{\"id\":1,\"code\":3,\"message\":\"the line has no method\",\"response\":{}}\n"));
	assert_non_null(strstr(f->out,
		"{\"id\":null,\"code\":3,\"message\":\"the line is no JSON object\",\"response\":{}}\n"));
	assert_non_null(strstr(f->out,
		"{\"id\":2,\"code\":3,\"message\":\"WriteStdin: data: not a string of base64\","));
	assert_non_null(strstr(f->out, "{\"id\":3,\"code\":0,"));
}

/* Ten thousand calls from a file, more than is ever sent at once. */
static void test_batch_many(void **state)
{
	struct fix *f = *state;
	size_t n = 10000, lines = 0, size = 0;
	char *input = NULL;
	FILE *text = open_memstream(&input, &size);

	for (size_t i = 0; i < n; i++)
		fprintf(text,
			"{\"id\": %zu, \"method\": \"WriteStdin\", \"request\": {\"data\": "
			"\"%0512d\"}}\n",
			i, 0);
	fclose(text);
	assert_int_equal(run_with(f, input, size, NULL, W(f->address, S("batch"))), 0);
	free(input);
	for (const char *p = f->out; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, n);
	assert_null(strstr(f->out, "\"code\":1"));
}

/* All that waits is told when the agent goes. */
static void test_batch_lost(void **state)
{
	struct fix *f = *state;
	int in, out;
	pid_t pid = start_batch(f, &in, &out);

	say(in, "{\"id\": 1, \"method\": \"WaitProcess\"}\n{\"id\": 2, \"method\": \"Check\"}\n");
	json_decref(next_line(out));
	stop_agent(f);
	expect_line(out,
		"{\"id\": 1, \"code\": 14, \"message\": \"the peer closed the connection\", \"response\": {}}");
	assert_null(next_line(out));
	assert_int_equal(finish(pid), STATUS_ERROR);
	close(in);
	close(out);
}

/* The agent comes up after the command. */
static void test_comes_later(void **state)
{
	struct fix *f = *state;
	char other[96];
	FILE *out = tmpfile();
	pid_t pid;

	snprintf(other, sizeof(other), "unix://%s/later", f->dir);
	fflush(stdout);
	pid = start(W(S("--timeout"), S("10"), other, S("Check")), STDIN_FILENO, fileno(out),
		STDERR_FILENO);
	usleep(200000);
	assert_int_equal(symlink(f->address + 7, other + 7), 0);
	assert_int_equal(finish(pid), 0);
	unlink(other + 7);
	fclose(out);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fix_new, fix_free)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_call),
		T(test_agent_fails),
		T(test_wrong_words),
		T(test_list),
		T(test_stdout),
		T(test_stdin),
		T(test_batch),
		T(test_batch_bad_lines),
		T(test_batch_many),
		T(test_batch_lost),
		T(test_comes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
