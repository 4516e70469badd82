/*
 * The debug console with real shells on terminals, and the log port with readers that read and
 * readers that don't. The loop runs in the test's thread until what is waited for is there.
 */
#define _GNU_SOURCE
#include "agent/console.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "core/log.h"
#include "core/test/check.h"

struct fix {
	struct agent agent;
	struct sockaddr_un where;
	struct timer tick;
	struct debug_console *console;
	struct log_port *port;
};

static struct fix *ticking(struct timer *t)
{
	return container_of(t, struct fix, tick);
}

static void tick(struct timer *t)
{
	loop_quit(ticking(t)->agent.loop);
}

/* Serves for ms. */
static void serve(struct fix *f, unsigned ms)
{
	timer_set(&f->tick, ms * UINT64_C(1000000), 0);
	loop_run(f->agent.loop);
}

static int listener(struct fix *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(sa_family_t);

	f->where.sun_family = AF_UNIX;
	assert_int_equal(bind(fd, (struct sockaddr *)&f->where, len), 0); /* any free name */
	len = sizeof(f->where);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&f->where, &len), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static int dial(struct fix *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&f->where, sizeof(sa_family_t) + 6), 0);
	return fd;
}

/* Reads until the text has come, or the connection has ended; NULL is the end. */
static bool read_until(struct fix *f, int fd, const char *text)
{
	static char got[65536];
	time_t end = time(NULL) + 30; /* a busy machine: most of it goes to who floods */
	size_t len = 0;

	while (time(NULL) < end) {
		ssize_t n = read(fd, got + len, sizeof(got) - 1 - len);

		if (n > 0) {
			len += (size_t)n;
			got[len] = 0;
			if (len > sizeof(got) / 2) {
				len -= sizeof(got) / 4;
				memmove(got, got + sizeof(got) / 4, len + 1);
			}
			if (text && strstr(got, text))
				return true;
		} else if (n == 0 || errno != EAGAIN) {
			return !text;
		} else {
			serve(f, 20);
		}
	}
	print_message("# got: %s\n", got);
	return false;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	*state = f;
	f->agent.config.log_level = LOG_INFO;
	return loop_new(&f->agent.loop, &err) || timer_init(f->agent.loop, &f->tick, tick) ||
		reaper_new(&f->agent.reaper, f->agent.loop, &err);
}

static int teardown(void **state)
{
	struct fix *f = *state;

	debug_console_free(f->console);
	log_port_free(f->port);
	reaper_free(f->agent.reaper);
	timer_fini(f->agent.loop, &f->tick);
	loop_free(f->agent.loop);
	free(f);
	return 0;
}

static void begin(struct fix *f)
{
	struct err err = { 0 };

	if (debug_console_new(&f->console, &f->agent, listener(f), &err))
		fail_msg("%s", err.msg);
}

/* --- the console ------------------------------------------------------------------------------ */

static void shell_on_a_terminal(void **state)
{
	struct fix *f = *state;
	int fd;

	begin(f);
	fd = dial(f);
	say(fd, "tty; stty size; echo sum=$((40+2))\n");
	assert_true(read_until(f, fd, "sum=42"));
	say(fd, "cd /; kill -0 $$ && echo here=$PWD. term=$TERM.\n");
	assert_true(read_until(f, fd, "here=/. term=linux."));
	say(fd, "exit\n");
	assert_true(read_until(f, fd, NULL));
	close(fd);
}

static void last_words_arrive(void **state)
{
	struct fix *f = *state;
	int fd;

	begin(f);
	fd = dial(f);
	/* More than all the buffers between; the peer begins to read late. */
	say(fd,
		"i=0; while [ $i -lt 9000 ]; do echo line $i ...........; i=$((i+1)); done; "
		"echo last; echo w'o'rds; exit\n");
	serve(f, 300);
	assert_true(read_until(f, fd, "last\r\nwords\r\n"));
	assert_true(read_until(f, fd, NULL));
	close(fd);
}

static void half_closed(void **state)
{
	struct fix *f = *state;
	int fd;

	begin(f);
	fd = dial(f);
	say(fd, "echo a'n'swer\n");
	shutdown(fd, SHUT_WR);
	assert_true(read_until(f, fd, "answer\r\n"));
	assert_true(read_until(f, fd, NULL)); /* the shell saw an end of file */
	close(fd);
}

/* A shell's pid, printed by itself. */
static pid_t shell_pid(struct fix *f, int fd)
{
	char got[4096];
	size_t len = 0;
	const char *p;

	say(fd, "echo pid=$$\n");
	for (int i = 0; i < 200; i++) {
		ssize_t n = read(fd, got + len, sizeof(got) - 1 - len);

		if (n > 0)
			len += (size_t)n;
		got[len] = 0;
		p = strstr(got, "\npid=");
		if (p && strchr(p + 1, '\n'))
			return atoi(p + 5);
		serve(f, 20);
	}
	fail_msg("no pid in %s", got);
	return -1;
}

static void connection_that_goes_takes_the_shell(void **state)
{
	struct fix *f = *state;
	pid_t pid;
	int fd;

	begin(f);
	fd = dial(f);
	pid = shell_pid(f, fd);
	assert_true(pid > 1);
	say(fd, "trap '' HUP; cat\n");
	serve(f, 100);
	assert_int_equal(kill(pid, 0), 0);
	close(fd);
	serve(f, 300);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void count_is_bounded(void **state)
{
	struct fix *f = *state;
	int fd[9];

	begin(f);
	for (int i = 0; i < 9; i++)
		fd[i] = dial(f);
	assert_true(read_until(f, fd[8], NULL)); /* hung up on */
	say(fd[0], "exit\n");
	assert_true(read_until(f, fd[0], NULL));
	close(fd[8]);
	fd[8] = dial(f);
	say(fd[8], "echo room'-'again\n");
	assert_true(read_until(f, fd[8], "room-again\r\n"));
	for (int i = 0; i < 9; i++)
		close(fd[i]);
	serve(f, 50);
}

/* A peer that reads nothing while the shell writes without end: nothing grows, others are served.
 */
static void peer_that_does_not_read(void **state)
{
	struct fix *f = *state;
	int stuck, other;

	begin(f);
	stuck = dial(f);
	say(stuck, "yes\n");
	serve(f, 200);
	other = dial(f);
	say(other, "echo o'k'\n");
	assert_true(read_until(f, other, "ok\r\n"));
	close(stuck);
	close(other);
	serve(f, 50);
}

/* --- the log port ----------------------------------------------------------------------------- */

static void begin_log(struct fix *f)
{
	struct err err = { 0 };

	if (log_port_new(&f->port, &f->agent, listener(f), &err))
		fail_msg("%s", err.msg);
}

static void readers_get_lines(void **state)
{
	struct fix *f = *state;
	int one, two;

	begin_log(f);
	one = dial(f);
	two = dial(f);
	shutdown(two, SHUT_WR);
	serve(f, 20);
	log_info("first line");
	assert_true(read_until(f, one, "sampan-agent: info: first line\n"));
	assert_true(read_until(f, two, "sampan-agent: info: first line\n"));
	close(one);
	serve(f, 20);
	log_debug("not this");
	log_warn("second line");
	assert_true(read_until(f, two, "sampan-agent: warn: second line\n"));
	close(two);
}

static void slow_reader_loses_lines(void **state)
{
	struct fix *f = *state;
	int slow, err = dup(2), quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

	begin_log(f);
	slow = dial(f);
	serve(f, 20);
	dup2(quiet, 2);
	for (int i = 0; i < 8000; i++) {
		log_info("line %d: ...................................................", i);
		if (i % 100 == 0)
			serve(f, 1);
	}
	serve(f, 10);
	dup2(err, 2);
	close(err);
	close(quiet);
	while (read_until(f, slow, "line")) {
		struct pollfd p = { .fd = slow, .events = POLLIN };

		serve(f, 1);
		if (poll(&p, 1, 0) <= 0)
			break;
	}
	log_info("after all");
	assert_true(read_until(f, slow, " lines lost]\nsampan-agent: info: after all\n"));
	close(slow);
}

static void more_readers_than_fit(void **state)
{
	struct fix *f = *state;
	int fd[5];

	begin_log(f);
	for (int i = 0; i < 5; i++)
		fd[i] = dial(f);
	assert_true(read_until(f, fd[4], NULL));
	log_info("to the others");
	assert_true(read_until(f, fd[3], "to the others"));
	for (int i = 0; i < 5; i++)
		close(fd[i]);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(shell_on_a_terminal),
		T(last_words_arrive),
		T(half_closed),
		T(connection_that_goes_takes_the_shell),
		T(count_is_bounded),
		T(peer_that_does_not_read),
		T(readers_get_lines),
		T(slow_reader_loses_lines),
		T(more_readers_than_fit),
	};

	signal(SIGPIPE, SIG_IGN); /* as main.c does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
