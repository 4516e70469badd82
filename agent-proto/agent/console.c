/*
 * The debug console; see console.h. Each connection is a session: a shell that leads a terminal
 * session of its own, and bytes carried both ways between the connection and the terminal, each way
 * through a buffer that is read into only while it is empty, so that neither end can make the agent
 * grow or wait.
 *
 * A session ends when the shell has (after what it wrote has been sent), or the connection. A peer
 * that closed only its sending side gets an end-of-file typed, every second, since a shell that is
 * just taking over the terminal may miss one; after GRACE of them the session ends. Without a
 * listener there is one session, on the kernel's console, begun again when it ends.
 */
#define _GNU_SOURCE
#include "agent/console.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#define SESSIONS 8
#define BUFFER	 8192
#define GRACE	 30
#define LINGER	 5 /* seconds for the last words of a shell that has ended */
#define SECOND	 UINT64_C(1000000000)
#define AGAIN	 1 /* seconds until the kernel's console gets another shell */

struct way {
	char data[BUFFER];
	size_t begin, end;
	bool closed; /* nothing more will be read into it */
};

struct session {
	struct debug_console *console;
	struct reap_watch child;
	struct watch conn, master; /* fd -1: the session has none */
	struct timer grace;
	struct way in, out; /* to the shell, from the shell */
	bool alive;	    /* the shell */
	unsigned typed;	    /* ends of file */
};

struct debug_console {
	struct agent *agent;
	struct watch listener;
	struct timer again; /* of the kernel's console */
	struct log_limit limit;
	struct session *sessions[SESSIONS];
};

static void session_free(struct session *s)
{
	struct debug_console *c = s->console;

	for (int i = 0; i < SESSIONS; i++)
		if (c->sessions[i] == s)
			c->sessions[i] = NULL;
	if (s->alive) {
		reap_unwatch(c->agent->reaper, &s->child);
		kill(-s->child.pid, SIGHUP);
		kill(s->child.pid, SIGKILL);
	}
	loop_remove(c->agent->loop, &s->conn);
	loop_remove(c->agent->loop, &s->master);
	timer_fini(c->agent->loop, &s->grace);
	if (s->conn.fd >= 0)
		close(s->conn.fd);
	if (s->master.fd >= 0)
		close(s->master.fd);
	free(s);
}

/* --- carrying bytes --------------------------------------------------------------------------- */

/* What can be read now, when what was read before has gone. False when the descriptor has failed;
 * at its end the way is closed. */
static bool way_fill(struct way *w, int fd)
{
	ssize_t n;

	if (w->closed || w->begin < w->end)
		return true;
	w->begin = w->end = 0;
	n = read(fd, w->data, sizeof(w->data));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	w->end = (size_t)n;
	w->closed = n == 0;
	return true;
}

static bool way_empty(struct way *w, int fd)
{
	while (w->begin < w->end) {
		ssize_t n = write(fd, w->data + w->begin, w->end - w->begin);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		w->begin += (size_t)n;
	}
	return true;
}

static uint32_t events_of(const struct way *from, const struct way *to)
{
	return (from->closed || from->begin < from->end ? 0 : EPOLLIN) |
		(to->begin < to->end ? EPOLLOUT : 0);
}

static void type_end(struct session *s)
{
	s->typed++;
	if (s->in.begin < s->in.end)
		return;
	s->in.data[0] = 4; /* Ctrl-D */
	s->in.begin = 0;
	s->in.end = 1;
}

static bool move_in(struct session *s)
{
	bool was_open = !s->in.closed;

	if (!way_fill(&s->in, s->conn.fd))
		return false;
	if (was_open && s->in.closed) {
		type_end(s);
		timer_set(&s->grace, SECOND, SECOND);
	}
	if (!way_empty(&s->in, s->master.fd))
		s->in.begin = s->in.end; /* nobody reads the terminal any more */
	return true;
}

static bool move_out(struct session *s)
{
	/* A terminal whose last other end has closed fails. */
	if (!way_fill(&s->out, s->master.fd))
		s->out.closed = true;
	if (!way_empty(&s->out, s->conn.fd))
		return false;
	return !s->out.closed || s->out.begin < s->out.end;
}

static void master_event(struct watch *w, uint32_t events);

/* Moves what can be moved; the session may be gone afterwards. */
static void session_move(struct session *s)
{
	struct loop *loop = s->console->agent->loop;
	uint32_t events;

	if (!move_in(s) || !move_out(s)) {
		session_free(s);
		return;
	}
	loop_modify(loop, &s->conn, events_of(&s->in, &s->out));
	/* A terminal that has hung up says so all the time: it is listened to only for something.
	 */
	events = events_of(&s->out, &s->in);
	if (!events)
		loop_remove(loop, &s->master);
	else if (s->master.added)
		loop_modify(loop, &s->master, events);
	else if (loop_add(loop, &s->master, s->master.fd, events, master_event))
		session_free(s);
}

static void conn_event(struct watch *w, uint32_t events)
{
	struct session *s = container_of(w, struct session, conn);

	if (events & (EPOLLERR | EPOLLHUP))
		session_free(s); /* nobody is there to read what is left */
	else
		session_move(s);
}

static void master_event(struct watch *w, uint32_t events)
{
	(void)events;
	session_move(container_of(w, struct session, master));
}

static void grace_over(struct timer *t)
{
	struct session *s = container_of(t, struct session, grace);

	if (!s->alive || s->typed >= GRACE) {
		session_free(s);
		return;
	}
	type_end(s);
	session_move(s);
}

/* --- the shell -------------------------------------------------------------------------------- */

/* In the child: nothing here may allocate or lock. */
static NORETURN void become_shell(int tty)
{
	static char *const env[] = { (char *)(uintptr_t)"HOME=/root",
		(char *)(uintptr_t)"TERM=linux",
		(char *)(uintptr_t)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
				   "/sbin:/bin",
		NULL };
	/* Nothing of the guest's own set-up stands between its trouble and who looks at it. */
	static const char *const shells[][4] = { { "/bin/bash", "--norc", "-i" },
		{ "/bin/sh", "-i" } };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	setsid();
	ioctl(tty, TIOCSCTTY, 1);
	for (int i = 0; i < 3; i++)
		if (dup2(tty, i) < 0)
			_exit(126);
	if (chdir("/"))
		_exit(126);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		execve(shells[i][0], (char *const *)(uintptr_t)shells[i], env);
	_exit(127);
}

/* In the loop thread, which also reaps: the watch is there before the child can have been missed.
 */
static int shell_start(struct session *s, int tty, struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return fail(err, -errno, "start a shell");
	if (!pid)
		become_shell(tty);
	s->child.pid = pid;
	s->alive = true;
	reap_watch(s->console->agent->reaper, &s->child);
	return 0;
}

/* The terminal has its last words; it ends when nobody has it open any more, or soon. */
static void shell_ended(struct reap_watch *child, int status)
{
	struct session *s = container_of(child, struct session, child);

	(void)status;
	s->alive = false;
	if (s->conn.fd < 0) {
		timer_set(&s->console->again, AGAIN * SECOND, 0);
		session_free(s);
		return;
	}
	s->in.closed = true;
	s->in.begin = s->in.end = 0;
	timer_set(&s->grace, LINGER * SECOND, 0);
	session_move(s);
}

/* --- sessions --------------------------------------------------------------------------------- */

static struct session *session_new(struct debug_console *c, struct err *err)
{
	struct session *s;
	int i = 0;

	while (i < SESSIONS && c->sessions[i])
		i++;
	if (i == SESSIONS) {
		failx(err, -EBUSY, "the debug console has %d sessions already", SESSIONS);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s || timer_init(c->agent->loop, &s->grace, grace_over)) {
		fail(err, -ENOMEM, "open the debug console");
		free(s);
		return NULL;
	}
	s->console = c;
	s->conn.fd = s->master.fd = -1;
	s->child.ended = shell_ended;
	c->sessions[i] = s;
	return s;
}

/* A terminal for the session; its other end is returned, or -errno. */
static int open_terminal(struct session *s, struct err *err)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int tty;

	s->master.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (s->master.fd < 0 || unlockpt(s->master.fd))
		return fail(err, -errno, "open a terminal");
	ioctl(s->master.fd, TIOCSWINSZ, &size);
	tty = ioctl(s->master.fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return tty < 0 ? fail(err, -errno, "open a terminal") : tty;
}

static int session_connect(struct session *s, struct err *err)
{
	struct loop *loop = s->console->agent->loop;
	AUTO_FD tty = open_terminal(s, err);
	int r;

	if (tty < 0)
		return tty;
	r = loop_add(loop, &s->conn, s->conn.fd, EPOLLIN, conn_event);
	if (!r)
		r = loop_add(loop, &s->master, s->master.fd, EPOLLIN, master_event);
	if (r)
		return fail(err, r, "serve the debug console");
	return shell_start(s, tty, err);
}

static void accept_event(struct watch *w, uint32_t events)
{
	struct debug_console *c = container_of(w, struct debug_console, listener);
	AUTO_FD fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct err err = { 0 };
	struct session *s;

	(void)events;
	if (fd < 0)
		return;
	s = session_new(c, &err);
	if (s) {
		s->conn.fd = take_fd(&fd);
		if (!session_connect(s, &err))
			return;
		session_free(s);
	}
	log_limited(&c->limit, "%s", err.msg);
}

static void kernel_console(struct timer *t)
{
	struct debug_console *c = container_of(t, struct debug_console, again);
	AUTO_FD tty = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct err err = { 0 };
	struct session *s;

	if (tty < 0) {
		log_warn("open /dev/console: %s", strerror(errno));
		return;
	}
	s = session_new(c, &err);
	if (s && !shell_start(s, tty, &err))
		return;
	if (s)
		session_free(s);
	log_warn("%s", err.msg);
}

int debug_console_new(struct debug_console **out, struct agent *a, int listen_fd, struct err *err)
{
	AUTO_FD fd = listen_fd;
	struct debug_console *c = calloc(1, sizeof(*c));
	int r = c ? timer_init(a->loop, &c->again, kernel_console) : -ENOMEM;

	if (r) {
		free(c);
		return fail(err, r, "make the debug console");
	}
	c->agent = a;
	c->listener.fd = -1;
	if (fd < 0)
		timer_set(&c->again, 1, 0);
	else if (fcntl(fd, F_SETFL, O_NONBLOCK))
		r = -errno;
	else
		r = loop_add(a->loop, &c->listener, fd, EPOLLIN, accept_event);
	if (r) {
		timer_fini(a->loop, &c->again);
		free(c);
		return fail(err, r, "listen for the debug console");
	}
	take_fd(&fd);
	*out = c;
	return 0;
}

void debug_console_free(struct debug_console *c)
{
	if (!c)
		return;
	for (int i = 0; i < SESSIONS; i++)
		if (c->sessions[i])
			session_free(c->sessions[i]);
	loop_remove(c->agent->loop, &c->listener);
	if (c->listener.fd >= 0)
		close(c->listener.fd);
	timer_fini(c->agent->loop, &c->again);
	free(c);
}
