/*
 * The channel to stdin and stdout: terminals (a pty), pipes, files, nothing; the Ctrl-A keys; and
 * that a terminal is restored on every way out. Descriptors 0 and 1 are the test's only while a
 * channel is made.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include "core/test/check.h"
#include "dev/chardev.h"
#include "dev/test/turn.h"

struct fix {
	struct loop *loop;
	struct chardev *c;
	struct chardev_reader reader;
	int master, slave;
	struct termios before;
	uint8_t got[16384];
	size_t ngot, want;
	unsigned escapes, resizes;
	uint16_t columns, rows;
	struct err err;
};

static void input(struct chardev_reader *r, const uint8_t *data, size_t len)
{
	struct fix *f = container_of(r, struct fix, reader);

	assert_true(f->ngot + len <= sizeof(f->got));
	memcpy(f->got + f->ngot, data, len);
	f->ngot += len;
	chardev_want_input(f->c, 100);
}

static void resized(struct chardev_reader *r, uint16_t columns, uint16_t rows)
{
	struct fix *f = container_of(r, struct fix, reader);

	f->resizes++;
	f->columns = columns;
	f->rows = rows;
}

static void escaped(void *arg)
{
	((struct fix *)arg)->escapes++;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f || loop_new(&f->loop, &f->err))
		return -1;
	f->reader = (struct chardev_reader){ .input = input, .resized = resized };
	f->master = f->slave = -1;
	*state = f;
	return 0;
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	chardev_free(f->c);
	if (f->master >= 0)
		close(f->master);
	if (f->slave >= 0)
		close(f->slave);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* Makes the channel while in and out are descriptors 0 and 1. */
static int stdio_on(struct fix *f, struct chardev **c, int in, int out)
{
	int in0 = fcntl(0, F_DUPFD_CLOEXEC, 10), out0 = fcntl(1, F_DUPFD_CLOEXEC, 10), rc;

	fflush(stdout);
	dup2(in, 0);
	dup2(out, 1);
	rc = chardev_new(c, &(struct chardev_config){ .kind = CHARDEV_STDIO }, f->loop, &f->err);
	dup2(in0, 0);
	dup2(out0, 1);
	close(in0);
	close(out0);
	return rc;
}

static void open_stdio(struct fix *f, int in, int out)
{
	assert_int_equal(stdio_on(f, &f->c, in, out), 0);
	chardev_attach(f->c, &f->reader);
	chardev_on_escape(f->c, escaped, f);
	chardev_want_input(f->c, 100);
}

static void open_pty(struct fix *f)
{
	struct winsize ws = { .ws_col = 80, .ws_row = 25 };

	f->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(f->master >= 0);
	assert_int_equal(grantpt(f->master) | unlockpt(f->master), 0);
	f->slave = open(ptsname(f->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(f->slave >= 0);
	assert_int_equal(tcgetattr(f->slave, &f->before), 0);
	assert_int_equal(ioctl(f->master, TIOCSWINSZ, &ws), 0);
}

static bool is_raw(struct fix *f)
{
	struct termios now;

	assert_int_equal(tcgetattr(f->slave, &now), 0);
	return !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_oflag & OPOST);
}

static bool as_before(struct fix *f)
{
	struct termios now;

	assert_int_equal(tcgetattr(f->slave, &now), 0);
	return now.c_lflag == f->before.c_lflag && now.c_oflag == f->before.c_oflag &&
		now.c_iflag == f->before.c_iflag &&
		!memcmp(now.c_cc, f->before.c_cc, sizeof(now.c_cc));
}

static bool got_all(void *arg)
{
	struct fix *f = arg;

	return f->ngot >= f->want;
}

static void expect(struct fix *f, const char *typed, size_t len, const char *seen, size_t nseen)
{
	f->ngot = 0;
	f->want = nseen;
	assert_int_equal(write(f->master, typed, len), len);
	assert_true(turn_until(f->loop, got_all, f));
	turn_some(f->loop);
	assert_int_equal(f->ngot, nseen);
	assert_memory_equal(f->got, seen, nseen);
}

/* a terminal */

static void terminal_is_raw_and_restored(void **state)
{
	struct fix *f = *state;
	char buf[32];

	open_pty(f);
	open_stdio(f, f->slave, f->slave);
	assert_true(is_raw(f));
	assert_true(chardev_is_connected(f->c));
	assert_int_equal(fcntl(f->slave, F_GETFL) & O_NONBLOCK,
		0); /* the shell's description is as it was */
	expect(f, "\003\032\n\r\x7f", 5, "\003\032\n\r\x7f", 5);
	assert_int_equal(chardev_write(f->c, "a\nb", 3), 3);
	assert_int_equal(read(f->master, buf, sizeof(buf)), 3); /* no carriage return put in */
	chardev_free(f->c);
	f->c = NULL;
	assert_true(as_before(f));
}

static void keys(void **state)
{
	struct fix *f = *state;
	char buf[200];
	ssize_t n;

	open_pty(f);
	open_stdio(f, f->slave, f->slave);
	expect(f, "a\001\001b", 4, "a\001b", 3);
	expect(f, "\001ac", 3, "\001c", 2);
	expect(f, "\001zd", 3, "d", 1);
	assert_int_equal(f->escapes, 0);
	expect(f, "1\001", 2, "1", 1);
	expect(f, "x2", 2, "2", 1); /* the prefix may come alone */
	assert_int_equal(f->escapes, 1);
	expect(f, "\001h3", 3, "3", 1);
	n = read(f->master, buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = 0;
	assert_non_null(strstr(buf, "Ctrl-A X"));
}

static bool has_escaped(void *arg)
{
	return ((struct fix *)arg)->escapes > 0;
}

/* A guest that doesn't read can still be left, and what was typed meanwhile is not lost. */
static void keys_work_without_room(void **state)
{
	struct fix *f = *state;

	open_pty(f);
	open_stdio(f, f->slave, f->slave);
	chardev_want_input(f->c, 0);
	assert_int_equal(write(f->master, "abc\001xde", 7), 7);
	assert_true(turn_until(f->loop, has_escaped, f));
	assert_int_equal(f->ngot, 0);
	chardev_want_input(f->c, 2);
	f->want = 5;
	assert_true(turn_until(f->loop, got_all, f));
	assert_memory_equal(f->got, "abcde", 5);
}

static bool has_resized(void *arg)
{
	return ((struct fix *)arg)->resizes > 0;
}

static void size(void **state)
{
	struct winsize ws = { .ws_col = 132, .ws_row = 43 };
	struct fix *f = *state;
	uint16_t columns, rows;

	open_pty(f);
	open_stdio(f, f->slave, f->slave);
	assert_true(chardev_size(f->c, &columns, &rows));
	assert_int_equal(columns, 80);
	assert_int_equal(rows, 25);
	assert_int_equal(ioctl(f->master, TIOCSWINSZ, &ws), 0);
	raise(SIGWINCH); /* the pty is not our controlling terminal */
	assert_true(turn_until(f->loop, has_resized, f));
	assert_int_equal(f->columns, 132);
	assert_int_equal(f->rows, 43);
}

static void terminal_that_hangs_up(void **state)
{
	struct fix *f = *state;

	open_pty(f);
	open_stdio(f, f->slave, f->slave);
	close(f->master);
	f->master = -1;
	turn_some(f->loop);
	for (int i = 0; i < 100; i++)
		assert_int_equal(chardev_write(f->c, f->got, sizeof(f->got)), sizeof(f->got));
}

/* How a child that makes the terminal raw ends. */
static int child_ends(struct fix *f, void (*end)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL); /* the test library has handlers of its own */
		signal(SIGTERM, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		if (stdio_on(f, &f->c, f->slave, f->slave) || !is_raw(f))
			_exit(99);
		end();
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void end_by_abort(void)
{
	abort();
}

static void end_by_term(void)
{
	raise(SIGTERM);
}

static void end_by_bus(void)
{
	raise(SIGBUS);
}

static void end_by_exit(void)
{
	exit(7);
}

static void end_in_a_child(void)
{
	if (!fork()) {
		raise(SIGTERM); /* a child of the monitor dies: not its terminal */
		_exit(0);
	}
	wait(NULL);
	kill(getpid(), SIGKILL);
}

static void restored_on_every_way_out(void **state)
{
	struct fix *f = *state;
	int status;

	open_pty(f);
	status = child_ends(f, end_by_abort);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(as_before(f));
	status = child_ends(f, end_by_term);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_true(as_before(f));
	status = child_ends(f, end_by_bus);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	assert_true(as_before(f));
	status = child_ends(f, end_in_a_child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(is_raw(f)); /* nobody can help that */
	assert_int_equal(tcsetattr(f->slave, TCSANOW, &f->before), 0);
}

static void restored_at_exit(void **state)
{
	struct fix *f = *state;
	int status;

	open_pty(f);
	status = child_ends(f, end_by_exit);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_true(as_before(f));
}

/* no terminal */

static void only_one(void **state)
{
	struct chardev *other = NULL;
	struct fix *f = *state;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	open_stdio(f, null, null);
	assert_int_equal(stdio_on(f, &other, null, null), -EBUSY);
	assert_non_null(strstr(f->err.msg, "already used"));
	chardev_free(f->c);
	f->c = NULL;
	open_stdio(f, null, null);
	close(null);
}

static void pipes_pass_all_bytes(void **state)
{
	struct fix *f = *state;
	char buf[16];
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	open_stdio(f, in[0], out[1]);
	f->master = in[1];
	expect(f, "\001x\001h\0\377", 6, "\001x\001h\0\377", 6);
	assert_int_equal(f->escapes, 0);
	assert_int_equal(chardev_write(f->c, "out", 3), 3);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 3);
	close(in[1]);
	f->master = -1;
	turn_some(f->loop);
	assert_true(chardev_is_connected(f->c)); /* output goes on */
	assert_int_equal(chardev_write(f->c, "more", 4), 4);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 4);
	close(out[0]);
	close(out[1]);
	close(in[0]);
	assert_int_equal(chardev_write(f->c, "gone", 4), 4); /* no SIGPIPE */
	assert_int_equal(chardev_write(f->c, "gone", 4), 4);
}

static void a_file_is_read_to_its_end(void **state)
{
	struct fix *f = *state;
	int in = memfd_create("in", MFD_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(write(in, &(uint8_t){ (uint8_t)(i * 7) }, 1), 1);
	lseek(in, 0, SEEK_SET);
	open_stdio(f, in, null);
	close(in);
	close(null);
	f->want = 10000;
	assert_true(turn_until(f->loop, got_all, f));
	turn_some(f->loop);
	assert_int_equal(f->ngot, 10000);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(f->got[i], (uint8_t)(i * 7));
}

/* Where the file stands matters, too: >> must not write over its beginning. */
static void a_file_is_appended_to(void **state)
{
	struct fix *f = *state;
	int out = memfd_create("out", MFD_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char buf[16];

	assert_int_equal(write(out, "one ", 4), 4);
	open_stdio(f, null, out);
	close(null);
	assert_int_equal(chardev_write(f->c, "two", 3), 3);
	assert_int_equal(pread(out, buf, sizeof(buf), 0), 7);
	assert_memory_equal(buf, "one two", 7);
	close(out);
	turn_some(f->loop); /* the end of /dev/null doesn't spin or disconnect */
	assert_true(chardev_is_connected(f->c));
}

static void endless_input_leaves_the_loop_alive(void **state)
{
	struct fix *f = *state;
	int in = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	open_stdio(f, in, in);
	close(in);
	f->want = 1000;
	assert_true(turn_until(f->loop, got_all, f));
	chardev_attach(f->c, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(terminal_is_raw_and_restored),
		TEST(keys),
		TEST(keys_work_without_room),
		TEST(size),
		TEST(terminal_that_hangs_up),
		TEST(restored_on_every_way_out),
		TEST(restored_at_exit),
		TEST(only_one),
		TEST(pipes_pass_all_bytes),
		TEST(a_file_is_read_to_its_end),
		TEST(a_file_is_appended_to),
		TEST(endless_input_leaves_the_loop_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
