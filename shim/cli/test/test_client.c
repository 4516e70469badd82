/* Tests of the waiting QMP client, against a peer that plays a script: client.c. */
#include "shim/cli/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cmocka.h>
#include "core/sock.h"

#define GREETING "{\"QMP\":{\"version\":{},\"capabilities\":[]}}\r\n"
#define OK	 "{\"return\":{}}\r\n"
#define SHORT_MS 50

/* What the peer says, one item before each thing that it hears; NULL ends: it closes (or, silent,
 * waits to be left). */
struct script {
	const char *say[8];
	bool silent;
	struct sock_listener listener;
	pthread_t thread;
	char heard[512];
};

/* A request ends at its newline, however it is cut into packets. */
static bool hear(struct script *s, int fd)
{
	size_t end = strlen(s->heard);

	do {
		ssize_t n = recv(fd, s->heard + end, sizeof(s->heard) - 1 - end, 0);

		if (n <= 0)
			return false;
		end += (size_t)n;
	} while (s->heard[end - 1] != '\n');
	return true;
}

static void *play(void *arg)
{
	struct script *s = arg;
	int fd = -1;

	while (fd < 0)
		fd = accept(s->listener.fd, NULL, NULL);
	for (size_t i = 0; s->say[i]; i++) {
		if (send(fd, s->say[i], strlen(s->say[i]), MSG_NOSIGNAL) < 0)
			break;
		if ((s->say[i + 1] || s->silent) && !hear(s, fd))
			break;
	}
	close(fd);
	return NULL;
}

static const char *path(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "/tmp/test-client.%d", (int)getpid());
	return text;
}

static void begin(struct script *s)
{
	struct err err = { 0 };

	assert_int_equal(sock_listen(&s->listener, path(), "the test", &err), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
}

static void end(struct script *s, struct client *c)
{
	client_close(c);
	pthread_join(s->thread, NULL);
	sock_unlisten(&s->listener);
}

static void a_call(void **state UNUSED)
{
	struct script s = { .say = { GREETING, OK,
				    "{\"event\":\"STOP\"}\r\n{\"error\":{\"desc\":\"no\"}}\r\n",
				    "{\"return\":[1]}" } };
	struct client c;
	struct err err = { 0 };
	json_t *request = json_pack("{s:s}", "execute", "stop"), *reply;

	begin(&s);
	assert_int_equal(client_open(&c, path(), 5000, &err), 0);
	assert_int_equal(client_call(&c, request, -1, &reply, &err), 0);
	assert_non_null(json_object_get(reply, "error"));
	json_decref(reply);
	assert_int_equal(client_call(&c, request, -1, &reply, &err), 0);
	assert_int_equal(json_array_size(json_object_get(reply, "return")), 1);
	json_decref(reply);
	assert_int_not_equal(client_call(&c, request, -1, &reply, &err), 0);
	assert_null(reply);
	end(&s, &c);
	assert_string_equal(s.heard,
		"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"stop\"}\n"
		"{\"execute\":\"stop\"}\n");
	json_decref(request);
}

static void bad_peers(void **state UNUSED)
{
	static const struct {
		struct script script;
		const char *sentence;
	} cases[] = {
		{ { .say = { "" } }, "the monitor closed the connection" },
		{ { .say = { "SSH-2.0-x\r\n" } }, "what answers does not speak QMP" },
		{ { .say = { "{\"hello\":1}\r\n" } }, "what answers does not speak QMP" },
		{ { .say = { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" } },
			"what answers does not speak QMP" },
		{ { .say = { GREETING, "{\"error\":{}}\r\n" } },
			"the monitor refused to negotiate capabilities" },
		{ { .say = { "{\"QMP\":" }, .silent = true },
			"the monitor did not answer in time" },
		{ { .say = { GREETING, "{\"event\":\"X\"}\n" }, .silent = true },
			"the monitor did not answer in time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct script s = cases[i].script;
		struct client c;
		struct err err = { 0 };

		begin(&s);
		assert_int_not_equal(client_open(&c, path(), s.silent ? SHORT_MS : 5000, &err), 0);
		assert_string_equal(err.msg, cases[i].sentence);
		end(&s, &c);
	}
}

static void nobody_there(void **state UNUSED)
{
	struct client c;
	struct err err = { 0 };

	assert_int_equal(client_open(&c, "/nowhere/api", 5000, &err), -ENOENT);
	assert_string_equal(err.msg, "connect to /nowhere/api: No such file or directory");
	client_close(&c);
}

/* A listener that accepts nothing and whose queue is full. */
static void nobody_accepts(void **state UNUSED)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0);
	struct client c;
	struct err err = { 0 };

	strcpy(sa.sun_path, path());
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(first, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(client_open(&c, path(), SHORT_MS, &err), -EAGAIN);
	client_close(&c);
	close(first);
	close(listener);
	unlink(path());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call),
		cmocka_unit_test(bad_peers),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(nobody_accepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
