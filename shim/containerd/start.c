/*
 * `start`: containerd runs it in a container's bundle and reads the address of the shim that serves
 * it. Everything that can be known to be wrong is told here, where the sentence reaches the user:
 * the configuration, the kernel, /dev/kvm. The daemon is this process's child; the listening socket
 * is there before the answer. If this process is killed before it has answered, the daemon ends:
 * nobody would.
 */
#define _GNU_SOURCE
#include "shim/containerd/start.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "core/log.h"
#include "shim/containerd/bootstrap.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/daemon.h"
#include "shim/containerd/file.h"
#include "shim/containerd/place.h"

struct start {
	const struct args *args;
	struct bootstrap boot;
	struct bundle_group group;
	struct daemon daemon;
	int answered; /* the daemon's pipe, our end */
	char socket[PLACE_SOCKET], address[PLACE_SOCKET + 8], ttrpc[PLACE_SOCKET + 8];
};

int shim_error(const char *sentence)
{
	fprintf(stderr, SHIM_NAME ": %s\n", sentence);
	return 1;
}

static int read_input(struct start *s, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t len;
	int rc = file_read_fd(STDIN_FILENO, "standard input", BOOTSTRAP_MAX, &data, &len, err);

	return rc ? rc : bootstrap_parse(&s->boot, data, len, s->args->id, s->args->namespace, err);
}

/* Where events go: told by containerd, in the message, the environment, or by its other socket. */
static void find_ttrpc(struct start *s)
{
	const char *told = s->boot.ttrpc_address ? s->boot.ttrpc_address : getenv("TTRPC_ADDRESS");

	if (told && *told)
		snprintf(s->ttrpc, sizeof(s->ttrpc), "%s", told);
	else
		snprintf(s->ttrpc, sizeof(s->ttrpc), "%s.ttrpc",
			s->args->address ? s->args->address : "/run/containerd/containerd.sock");
	s->daemon.ttrpc_address = s->ttrpc;
}

static int prepare(struct start *s, struct err *err)
{
	const struct args *a = s->args;
	int rc = read_input(s, err);

	if (!rc)
		rc = bundle_load(&s->daemon.spec, ".", err);
	if (!rc)
		rc = bundle_group(&s->group, s->daemon.spec, a->id, err);
	if (!rc)
		rc = place_socket(s->socket, s->boot.socket_dir, a->address ? a->address : "",
			a->namespace, s->group.sandbox_id, err);
	snprintf(s->address, sizeof(s->address), "unix://%s", s->socket);
	find_ttrpc(s);
	return rc;
}

static int configure(struct start *s, struct err *err)
{
	const struct config_source source = bootstrap_config(&s->boot);
	int rc = config_load(&s->daemon.config, &source, err);

	if (!rc)
		rc = config_annotate(&s->daemon.config, s->daemon.spec, err);
	if (!rc)
		rc = config_check(&s->daemon.config, err);
	s->daemon.config.debug |= s->args->debug || s->boot.debug;
	return rc;
}

/* --- the daemon --- */

/* containerd reads the bundle's FIFO while it is there; what it does not read is dropped. */
static void open_log(bool debug)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_FD log = open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (null < 0)
		exit(1); /* nothing that this process says would be heard */
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log >= 0 ? log : null, STDERR_FILENO);
	log_setup(STDERR_FILENO, debug ? LOG_DEBUG : LOG_WARN, SHIM_NAME);
}

/* As containerd's own shims: a little sooner than containerd when memory runs out. */
static void set_oom_score(void)
{
	AUTO_FREE char *text = NULL;
	char fresh[24];
	size_t len;
	long score;

	if (file_read("/proc/self/oom_score_adj", 64, &text, &len, NULL))
		return;
	score = strtol(text, NULL, 10) + 1;
	snprintf(fresh, sizeof(fresh), "%ld", MIN(score, 1000L));
	if (file_poke("/proc/self/oom_score_adj", fresh, NULL))
		log_debug("the OOM score stays");
}

static NORETURN void become_daemon(struct start *s)
{
	struct err err = { 0 };
	int status;

	setsid();
	auto_fd_close(&s->answered);
	open_log(s->daemon.config.debug);
	set_oom_score();
	if (place_write_pid(".", getpid(), &err))
		log_warn("%s", err.msg);
	s->daemon.namespace = s->args->namespace;
	s->daemon.id = s->group.sandbox_id;
	s->daemon.socket = s->socket;
	status = daemon_run(&s->daemon);
	exit(status);
}

static pid_t fork_daemon(struct start *s)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	s->daemon.answered = ends[0];
	s->answered = ends[1];
	pid = fork();
	if (!pid)
		become_daemon(s);
	close(ends[0]);
	return pid;
}

static int start_daemon(struct start *s, struct err *err)
{
	int rc;

	if (place_is_live(s->socket))
		return 0;
	rc = configure(s, err);
	if (!rc)
		rc = place_listen(&s->daemon.listener, s->socket, err);
	if (rc)
		return rc;
	if (fork_daemon(s) < 0) {
		rc = fail(err, -errno, "start the daemon");
		unlink(s->socket);
	}
	auto_fd_close(&s->daemon.listener);
	return rc;
}

/* --- the answer --- */

static int write_all(const char *data, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno != EINTR)
			return fail(err, -errno, "answer containerd");
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* containerd 1.7 finds it again by the file in the bundle. */
static int answer(const struct start *s, struct err *err)
{
	void *data = NULL;
	size_t len = 0;
	int rc = file_replace("address", s->address, err);

	if (!rc)
		rc = bootstrap_answer(&s->boot, s->address, &data, &len, err);
	if (!rc)
		rc = write_all(data, len, err);
	free(data);
	return rc;
}

/* One that is gone already is containerd's to find. */
static void tell_daemon(const struct start *s)
{
	if (s->answered < 0)
		return;
	signal(SIGPIPE, SIG_IGN);
	if (write(s->answered, "", 1) < 0)
		log_debug("the daemon has ended already");
}

int start_run(const struct args *a)
{
	struct start s = { .args = a, .daemon.listener = -1, .answered = -1 };
	struct err err = { 0 };
	int rc = prepare(&s, &err);

	if (!rc && s.group.kind == BUNDLE_MEMBER && !place_is_live(s.socket))
		rc = failx(&err, -ENOENT, "container %s: its pod %s has no shim any more", a->id,
			s.group.sandbox_id);
	if (!rc && s.group.kind != BUNDLE_MEMBER)
		rc = start_daemon(&s, &err);
	if (!rc)
		rc = answer(&s, &err);
	if (!rc)
		tell_daemon(&s);
	config_free(&s.daemon.config);
	json_decref(s.daemon.spec);
	bootstrap_free(&s.boot);
	return rc ? shim_error(err.msg) : 0;
}
