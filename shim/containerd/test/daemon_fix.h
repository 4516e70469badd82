/*
 * The daemon between a containerd and an agent that are played here. The daemon is a child process;
 * its pod has no machine (fake_pod.c). What the tests of its subjects share; the calls by their
 * names are in daemon_calls.h.
 */
#ifndef SAMPAN_CONTAINERD_TEST_DAEMON_FIX_H
#define SAMPAN_CONTAINERD_TEST_DAEMON_FIX_H

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
#include "client/client.h"
#include "core/log.h"
#include "core/test/check.h"
#include "forward.pb-c.h"
#include "shim/containerd/bundle.h"
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
	int answered[2]; /* see struct daemon */
	bool untold;	 /* the daemon's address is told to nobody */
	struct ttrpc_client *client;
	const char *service; /* "": version 2 */
	ProtobufCServiceDescriptor v3;
	const char *config;
	const char *disk; /* of the next Create: a file with a file system in it */
	struct watch out; /* the reading end of a FIFO of the test's */
	char heard[1024]; /* from it */
	bool out_ended;
};

/* containerd's part */

static inline void serve_forward(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
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

static inline void on_late(struct timer *t)
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

static inline void on_reply(void *arg, struct ttrpc_answer *answer)
{
	struct reply *r = arg;

	r->come = true;
	r->code = answer->code;
	snprintf(r->message, sizeof(r->message), "%s", answer->message);
	r->response = take(&answer->response);
	loop_quit(r->f->loop);
}

static inline void ask(struct fix *f, const char *method, const ProtobufCMessage *request,
	struct reply *r)
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
static inline void until(struct fix *f, const bool *come)
{
	timer_set(&f->late, SECONDS * UINT64_C(1000000000), 0);
	while (!*come)
		loop_run(f->loop);
	timer_set(&f->late, 0, 0);
}

static inline int call(struct fix *f, const char *method, const ProtobufCMessage *request,
	struct reply *r)
{
	ask(f, method, request, r);
	until(f, &r->come);
	return r->code;
}

static inline void forget(struct reply *r)
{
	protobuf_c_message_free_unpacked(r->response, NULL);
	r->response = NULL;
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) != TTRPC_OK)                                                            \
			fail_msg("%s: %d: %s", #call, r.code, r.message);                          \
		forget(&r);                                                                        \
	} while (0)

/* the world */

static inline void until_text(struct fix *f, const char *where, const char *text)
{
	timer_set(&f->late, SECONDS * UINT64_C(1000000000), 0);
	while (!strstr(where, text))
		loop_run(f->loop);
	timer_set(&f->late, 0, 0);
}

static inline void on_output(struct watch *w, uint32_t events)
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

static inline void path_of(const struct fix *f, char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", f->dir, name);
}

static inline void make_file(const struct fix *f, const char *name, const char *text)
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
static inline void make_bundle(const struct fix *f, const char *name, const char *more)
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

static inline int listen_at(const struct fix *f, const char *name)
{
	char path[128];
	struct err err = { 0 };
	int fd;

	path_of(f, path, name);
	assert_int_equal(place_listen(&fd, path, &err), 0);
	return fd;
}

static inline NORETURN void be_daemon(const struct fix *f, const char *id, const char *bundle,
	int listener)
{
	char ttrpc[128], socket[128], path[160];
	struct daemon d = { .namespace = "ns",
		.id = id,
		.ttrpc_address = ttrpc,
		.socket = socket,
		.listener = listener,
		.answered = f->answered[0] };
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

static inline void dial(struct fix *f)
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
static inline void start(struct fix *f, const char *id, const char *bundle)
{
	int shim = listen_at(f, "shim"), agent = listen_at(f, "agent"),
	    events = listen_at(f, "events");
	struct err err = { 0 };
	char path[128];

	path_of(f, path, "agent");
	setenv(FAKE_AGENT, path, 1);
	assert_int_equal(pipe2(f->answered, O_CLOEXEC), 0);
	f->daemon = fork();
	if (!f->daemon) {
		close(f->answered[1]);
		be_daemon(f, id, bundle, shim);
	}
	close(shim);
	close(f->answered[0]);
	assert_int_equal(loop_new(&f->loop, &err), 0);
	assert_int_equal(timer_init(f->loop, &f->late, on_late), 0);
	fake_agent_start(&f->agent, f->loop, agent);
	assert_int_equal(ttrpc_server_new(&f->events, f->loop, &forward, 1, f, &err), 0);
	assert_int_equal(ttrpc_server_listen(f->events, events, &err), 0);
	f->v3 = containerd__task__v2__task__descriptor;
	f->v3.name = "containerd.task.v3.Task";
	dial(f);
	assert_int_equal(f->untold ? 0 : write(f->answered[1], "", 1), !f->untold);
	close(f->answered[1]);
}

/* The daemon ends by itself, well. */
static inline void ends(struct fix *f)
{
	int status = -1;

	for (unsigned i = 0; i < 100 * SECONDS && waitpid(f->daemon, &status, WNOHANG) != f->daemon;
		i++)
		usleep(10000);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	f->daemon = 0;
}

/* The daemon is told to leave, and does. */
static inline void leave(struct fix *f)
{
	Containerd__Task__V2__ShutdownRequest request = FRESH(
		containerd__task__v2__shutdown_request);
	struct reply r;

	assert_int_equal(call(f, "Shutdown", &request.base, &r), TTRPC_OK);
	forget(&r);
	ends(f);
}

static inline int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_daemon.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->out.fd = -1;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fix *f = *state;

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
	remove_tree(f->dir);
	free(f);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
