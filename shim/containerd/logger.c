/* See logger.h. */
#define _GNU_SOURCE
#include "shim/containerd/logger.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "core/log.h"
#include "shim/containerd/spawn.h"
#include "shim/containerd/text.h"

struct logger {
	struct loop *loop;
	pid_t pid;
	struct watch process;
	int ready; /* the reading end: whoever writes into a pipe that nobody reads is killed */
	void (*ended)(void *arg);
	void *arg;
};

static const char *const schemes[] = { "binary://", "binary-v2://" };

/* What follows the scheme; NULL: it is another one. */
static char *after_scheme(char *uri)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strncmp(uri, schemes[i], strlen(schemes[i])))
			return uri + strlen(schemes[i]);
	return NULL;
}

bool logger_is_meant(const char *name)
{
	return after_scheme(UNCONST(name));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent signs of a URI (RFC 3986 §2.1); in its query a plus sign is a space. */
static bool decode(char *text, bool query)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		char c = query && *p == '+' ? ' ' : *p;

		if (c == '%') {
			int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);

			if (low < 0 || !(high | low))
				return false;
			c = (char)(high << 4 | low);
			p += 2;
		}
		*to++ = c;
	}
	*to = 0;
	return true;
}

bool logger_parse(char *uri, const char *words[LOGGER_WORDS])
{
	char *path = after_scheme(uri), *query = path ? strchr(path, '?') : NULL, *save = NULL;
	size_t n = 1;

	if (!path || *path != '/')
		return false;
	if (query)
		*query++ = 0;
	words[0] = path;
	for (char *pair = query ? strtok_r(query, "&", &save) : NULL; pair;
		pair = strtok_r(NULL, "&", &save)) {
		char *value = strchr(pair, '=');

		if (n + 3 > LOGGER_WORDS)
			return false;
		if (value)
			*value++ = 0;
		words[n++] = pair;
		words[n++] = value ? value : pair + strlen(pair);
		if (!decode(pair, true) || (value && !decode(value, true)))
			return false;
	}
	words[n] = NULL;
	return decode(path, false);
}

/* --- the process --- */

static void on_ended(struct watch *w, uint32_t events UNUSED)
{
	struct logger *l = container_of(w, struct logger, process);
	int status = 0;

	if (waitpid(l->pid, &status, WNOHANG) != l->pid)
		return;
	l->pid = 0;
	loop_remove(l->loop, w);
	if (status)
		log_warn("a logger ended with %s %d", WIFEXITED(status) ? "status" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	l->ended(l->arg);
}

/* pipes: of output, error output, readiness; each end is there or -1. */
static int execute(struct logger *l, const struct logger_wish *wish, int pipes[3][2],
	struct err *err)
{
	AUTO_FREE char *uri = strdup(wish->uri);
	const char *words[LOGGER_WORDS];
	char id[160], namespace[160];
	const char *const environment[] = { id, namespace, NULL };
	struct spawn s = { .argv = words,
		.env = environment,
		.fds = { -1, STDERR_FILENO, STDERR_FILENO, pipes[0][0], pipes[1][0], pipes[2][1] },
		.nfds = 6,
		.netns = -1 };

	if (!uri)
		return fail(err, -ENOMEM, "start a logger");
	if (!logger_parse(uri, words))
		return failx(err, -EINVAL, "output to \"%.120s\": that names no program",
			wish->uri);
	snprintf(id, sizeof(id), "CONTAINER_ID=%.100s", wish->id);
	snprintf(namespace, sizeof(namespace), "CONTAINER_NAMESPACE=%.100s", wish->namespace);
	s.path = words[0];
	return spawn(&l->pid, &s, err);
}

static int watch(struct logger *l, struct err *err)
{
	int rc;

	l->process.fd = (int)syscall(SYS_pidfd_open, l->pid, 0);
	if (l->process.fd < 0)
		return fail(err, -errno, "watch a logger");
	rc = loop_add(l->loop, &l->process, l->process.fd, EPOLLIN, on_ended);
	return rc ? fail(err, rc, "watch a logger") : 0;
}

static void close_pipes(int pipes[3][2])
{
	for (int i = 0; i < 3; i++)
		for (int end = 0; end < 2; end++)
			auto_fd_close(&pipes[i][end]);
}

int logger_start(struct logger **out, struct loop *loop, const struct logger_wish *wish, int fds[2],
	void (*ended)(void *arg), void *arg, struct err *err)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct logger *l = calloc(1, sizeof(*l));
	int rc = l ? 0 : fail(err, -ENOMEM, "start a logger");

	if (rc)
		return rc;
	*l = (struct logger){ .loop = loop,
		.process.fd = -1,
		.ready = -1,
		.ended = ended,
		.arg = arg };
	for (int i = 0; i < 3 && !rc; i++)
		if (pipe2(pipes[i], O_CLOEXEC) ||
			(i < 2 && fcntl(pipes[i][1], F_SETFL, O_NONBLOCK)))
			rc = fail(err, -errno, "start a logger");
	if (!rc)
		rc = execute(l, wish, pipes, err);
	if (!rc)
		rc = watch(l, err);
	if (!rc) {
		l->ready = take_fd(&pipes[2][0]);
		fds[0] = take_fd(&pipes[0][1]);
		fds[1] = take_fd(&pipes[1][1]);
		*out = l;
	} else {
		logger_free(l);
	}
	close_pipes(pipes);
	return rc;
}

void logger_free(struct logger *l)
{
	if (!l)
		return;
	if (l->process.fd >= 0) {
		loop_remove(l->loop, &l->process);
		close(l->process.fd);
	}
	spawn_kill(&l->pid);
	auto_fd_close(&l->ready);
	free(l);
}
