/* See monitor.h. Commands wait in a list until they are answered, in their order. */
#define _GNU_SOURCE
#include "shim/containerd/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include "core/log.h"
#include "shim/containerd/monitor_main.h"
#include "shim/containerd/pass.h"
#include "shim/containerd/spawn.h"

#define SELF	    "/proc/self/exe"
#define CONSOLE_AT  3 /* in the order of struct wire_config */
#define LAST_LINES  6
#define LINGER_READ 64 /* reads of a console that is about to close */

struct command {
	STAILQ_ENTRY(command) link;
	void (*done)(void *arg, int rc, const char *text);
	void *arg;
};

struct monitor {
	struct loop *loop;
	pid_t pid;
	struct watch control, console;
	const struct monitor_events *events; /* NULL: the end was told */
	void *arg;
	STAILQ_HEAD(, command) commands;
	struct deferred tell;
	bool log_console, gone;
	char last[MONITOR_CONSOLE + 1];
	size_t last_len;
	struct err why;
};

/* --- console --- */

static void log_lines(const struct monitor *m, const char *text, size_t len)
{
	while (m->log_console && len) {
		size_t n = (const char *)memchr(text, '\n', len)
			? (size_t)((const char *)memchr(text, '\n', len) - text)
			: len;
		int shown = (int)(n && text[n - 1] == '\r' ? n - 1 : n);

		log_info("guest: %.*s", shown, text);
		n += n < len;
		text += n;
		len -= n;
	}
}

static void keep(struct monitor *m, const char *text, size_t len)
{
	size_t over;

	if (len > MONITOR_CONSOLE) {
		text += len - MONITOR_CONSOLE;
		len = MONITOR_CONSOLE;
	}
	over = m->last_len + len > MONITOR_CONSOLE ? m->last_len + len - MONITOR_CONSOLE : 0;
	memmove(m->last, m->last + over, m->last_len - over);
	m->last_len -= over;
	memcpy(m->last + m->last_len, text, len);
	m->last_len += len;
	m->last[m->last_len] = 0;
}

static bool read_console(struct monitor *m)
{
	char text[2048];
	ssize_t n = read(m->console.fd, text, sizeof(text));

	if (n <= 0)
		return false;
	keep(m, text, (size_t)n);
	log_lines(m, text, (size_t)n);
	return true;
}

static void on_console(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, console);

	if (!read_console(m) && events & (EPOLLHUP | EPOLLERR))
		loop_remove(m->loop, w);
}

/* Where the last lines of what is kept begin. */
static const char *last_lines(const struct monitor *m)
{
	const char *p = m->last + m->last_len;

	for (unsigned lines = 0; p > m->last; p--)
		if (p[-1] == '\n' && ++lines > LAST_LINES)
			break;
	return p;
}

void monitor_last_words(const struct monitor *m, char *text, size_t size)
{
	size_t at = 0;

	for (const char *p = last_lines(m); *p && at + 4 < size; p++) {
		if (*p == '\n' && p[1] && at)
			at += (size_t)snprintf(text + at, size - at, " | ");
		else if ((unsigned char)*p >= 0x20 && *p != 0x7f)
			text[at++] = *p;
	}
	text[at] = 0;
}

/* --- the end --- */

static void tell_end(struct deferred *d)
{
	struct monitor *m = container_of(d, struct monitor, tell);
	const struct monitor_events *events = m->events;
	struct command *c;

	if (!m->gone)
		return;
	while ((c = STAILQ_FIRST(&m->commands))) {
		STAILQ_REMOVE_HEAD(&m->commands, link);
		c->done(c->arg, -EPIPE, m->why.msg);
		free(c);
	}
	m->events = NULL;
	if (events)
		events->ended(m->arg, m->why.msg);
}

static void end(struct monitor *m, const char *why)
{
	if (!*m->why.msg)
		failx(&m->why, 0, "%s", why);
	if (m->gone)
		return;
	m->gone = true;
	loop_remove(m->loop, &m->control);
	for (int i = 0; i < LINGER_READ && read_console(m); i++)
		;
	loop_defer(m->loop, &m->tell);
}

/* --- what it says --- */

static void answer(struct monitor *m, const struct wire_event *e)
{
	struct command *c = STAILQ_FIRST(&m->commands);

	if (!c)
		return;
	STAILQ_REMOVE_HEAD(&m->commands, link);
	c->done(c->arg, e->code, e->text);
	free(c);
}

static void on_control(struct watch *w, uint32_t events UNUSED)
{
	struct monitor *m = container_of(w, struct monitor, control);
	struct wire_event e = { 0 };
	unsigned nfds;
	int n = pass_receive(w->fd, &e, sizeof(e), NULL, 0, &nfds);

	e.text[sizeof(e.text) - 1] = 0;
	if (n == -EAGAIN)
		return;
	if (n != sizeof(e))
		end(m, "the monitor was killed");
	else if (e.what == WIRE_ANSWER)
		answer(m, &e);
	else if (e.what == WIRE_STARTED && !e.code && m->events)
		m->events->started(m->arg);
	else
		end(m, e.text);
}

void monitor_command(struct monitor *m, const struct wire_command *command, int fd,
	void (*done)(void *arg, int rc, const char *text), void *arg)
{
	struct command *c = malloc(sizeof(*c));

	if (!c) {
		end(m, "no memory");
		return;
	}
	*c = (struct command){ .done = done, .arg = arg };
	STAILQ_INSERT_TAIL(&m->commands, c, link);
	if (m->gone)
		loop_defer(m->loop, &m->tell);
	else if (pass_send(m->control.fd, command, sizeof(*command), &fd, fd >= 0))
		end(m, "the monitor takes no commands");
}

/* --- the start --- */

static int start_process(struct monitor *m, const struct wire_config *config, int control,
	const struct monitor_place *place, struct err *err)
{
	const char *argv[] = { MONITOR_NAME, "monitor", config->name, NULL };
	struct spawn s = { .path = SELF,
		.argv = argv,
		.fds = { -1, STDERR_FILENO, STDERR_FILENO, control },
		.nfds = 4,
		.netns = place->netns,
		.cgroup = place->cgroup };

	return spawn(&m->pid, &s, err);
}

static int send_config(const struct monitor *m, const struct wire_config *config, const int *fds,
	unsigned nfds, int console, struct err *err)
{
	int all[WIRE_FDS], rc;

	if (nfds < CONSOLE_AT || nfds >= WIRE_FDS)
		return failx(err, -EINVAL, "the monitor can't have %u descriptors", nfds);
	memcpy(all, fds, CONSOLE_AT * sizeof(*fds));
	all[CONSOLE_AT] = console;
	memcpy(all + CONSOLE_AT + 1, fds + CONSOLE_AT, (nfds - CONSOLE_AT) * sizeof(*fds));
	rc = pass_send(m->control.fd, config, sizeof(*config), all, nfds + 1);
	return rc ? fail(err, rc, "configure the monitor") : 0;
}

static int watch_all(struct monitor *m, struct err *err)
{
	int rc;

	fcntl(m->control.fd, F_SETFL, O_NONBLOCK);
	fcntl(m->console.fd, F_SETFL, O_NONBLOCK);
	rc = loop_add(m->loop, &m->control, m->control.fd, EPOLLIN, on_control);
	if (!rc)
		rc = loop_add(m->loop, &m->console, m->console.fd, EPOLLIN, on_console);
	return rc ? fail(err, rc, "watch the monitor") : 0;
}

static int start(struct monitor *m, const struct wire_config *config, const int *fds, unsigned nfds,
	const struct monitor_place *place, struct err *err)
{
	AUTO_FD control = -1, console = -1;
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(err, -errno, "start the monitor");
	m->control.fd = pair[0];
	control = pair[1];
	if (pipe2(pair, O_CLOEXEC))
		return fail(err, -errno, "start the monitor");
	m->console.fd = pair[0];
	console = pair[1];
	rc = start_process(m, config, control, place, err);
	if (!rc)
		rc = send_config(m, config, fds, nfds, console, err);
	return rc ? rc : watch_all(m, err);
}

int monitor_start(struct monitor **out, struct loop *loop, const struct wire_config *config,
	const int *fds, unsigned nfds, const struct monitor_place *place,
	const struct monitor_events *events, void *arg, struct err *err)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return fail(err, -ENOMEM, "start the monitor");
	m->loop = loop;
	m->events = events;
	m->arg = arg;
	m->tell.fn = tell_end;
	m->log_console = place->log_console;
	m->control.fd = m->console.fd = -1;
	STAILQ_INIT(&m->commands);
	rc = start(m, config, fds, nfds, place, err);
	if (rc)
		monitor_free(m);
	else
		*out = m;
	return rc;
}

static void close_watch(struct monitor *m, struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(m->loop, w);
	close(w->fd);
}

void monitor_free(struct monitor *m)
{
	struct command *c;

	if (!m)
		return;
	spawn_kill(&m->pid);
	close_watch(m, &m->control);
	close_watch(m, &m->console);
	loop_undefer(m->loop, &m->tell);
	while ((c = STAILQ_FIRST(&m->commands))) {
		STAILQ_REMOVE_HEAD(&m->commands, link);
		free(c);
	}
	free(m);
}

void monitor_kill(struct monitor *m)
{
	if (m->pid > 0)
		kill(m->pid, SIGKILL);
}

pid_t monitor_pid(const struct monitor *m)
{
	return m->pid;
}
