/*
 * Channels to a descriptor, a file and a socket: both directions, back-pressure, a far side that
 * comes, goes or sticks.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "core/test/check.h"
#include "core/sock.h"
#include "dev/chardev.h"
#include "dev/test/turn.h"

#define MANY (1024 * 1024)

struct fix {
	struct loop *loop;
	struct chardev *c;
	struct chardev_reader reader;
	int far;
	size_t got, want, chunk,
		room_calls; /* input seen; what is waited for; room given at a time */
	bool bad;	    /* input differed from the pattern */
	unsigned on, off, writable;
	size_t sent, seen; /* output given to the channel, and read by the far side */
	char dir[32], path[64];
	struct err err;
};

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) * 17);
}

static void input(struct chardev_reader *r, const uint8_t *data, size_t len)
{
	struct fix *f = container_of(r, struct fix, reader);

	assert_true(len > 0 && len <= f->chunk);
	for (size_t i = 0; i < len; i++)
		f->bad |= data[i] != pattern(f->got + i);
	f->got += len;
	f->room_calls++;
	if (f->chunk)
		chardev_want_input(f->c, f->chunk);
}

static void connected(struct chardev_reader *r, bool on)
{
	struct fix *f = container_of(r, struct fix, reader);

	if (on)
		f->on++;
	else
		f->off++;
}

static void writable(struct chardev_reader *r)
{
	container_of(r, struct fix, reader)->writable++;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f || loop_new(&f->loop, &f->err))
		return -1;
	strcpy(f->dir, "/tmp/chardev-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/it", f->dir);
	f->reader = (struct chardev_reader){ .input = input,
		.connected = connected,
		.writable = writable };
	f->far = -1;
	f->chunk = 1000;
	*state = f;
	return 0;
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	chardev_free(f->c);
	if (f->far >= 0)
		close(f->far);
	loop_free(f->loop);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void open_channel(struct fix *f, struct chardev_config cfg)
{
	assert_int_equal(chardev_new(&f->c, &cfg, f->loop, &f->err), 0);
	chardev_attach(f->c, &f->reader);
	chardev_want_input(f->c, f->chunk);
}

static void open_pair(struct fix *f)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	f->far = fd[1];
	assert_int_equal(fcntl(f->far, F_SETFL, O_NONBLOCK), 0);
	open_channel(f, (struct chardev_config){ .kind = CHARDEV_FD, .fd = fd[0] });
}

static void open_socket(struct fix *f)
{
	open_channel(f, (struct chardev_config){ .kind = CHARDEV_SOCKET, .path = f->path });
}

static int client(struct fix *f)
{
	int fd = -1;

	assert_int_equal(sock_connect(&fd, f->path, &f->err), 0);
	return fd;
}

static bool is_on(void *arg)
{
	struct fix *f = arg;

	return f->on && chardev_is_connected(f->c);
}

static bool is_off(void *arg)
{
	return ((struct fix *)arg)->off > 0;
}

static bool got_all(void *arg)
{
	struct fix *f = arg;

	return f->got >= f->want;
}

/* Writes as much of the pattern as the channel takes, up to want bytes in all. */
static void send_more(struct fix *f)
{
	uint8_t buf[3000];
	size_t n, taken;

	do {
		n = MIN(sizeof(buf), f->want - f->sent);
		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(f->sent + i);
		taken = chardev_write(f->c, buf, n);
		f->sent += taken;
	} while (taken && f->sent < f->want);
}

/* The far side reads at most len bytes. */
static void see(struct fix *f, size_t len)
{
	uint8_t buf[8192];

	while (len) {
		ssize_t n = read(f->far, buf, MIN(len, sizeof(buf)));

		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++)
			f->bad |= buf[i] != pattern(f->seen + (size_t)i);
		f->seen += (size_t)n;
		len -= (size_t)n;
	}
}

static bool slow_reader(void *arg)
{
	struct fix *f = arg;

	see(f, 5000);
	if (f->writable) {
		f->writable = 0;
		send_more(f);
	}
	return f->seen >= f->want;
}

/* both directions */

static void none_takes_and_drops(void **state)
{
	struct fix *f = *state;

	open_channel(f, (struct chardev_config){ .kind = CHARDEV_NONE });
	assert_false(chardev_is_connected(f->c));
	for (int i = 0; i < 100; i++)
		assert_int_equal(chardev_write(f->c, f->path, sizeof(f->path)), sizeof(f->path));
}

static void output_of_a_megabyte(void **state)
{
	struct fix *f = *state;

	open_pair(f);
	f->want = MANY;
	send_more(f);
	assert_true(f->sent >= CHARDEV_BACKLOG);
	assert_true(f->sent < MANY); /* it was held back */
	assert_true(turn_until(f->loop, slow_reader, f));
	assert_int_equal(f->sent, MANY);
	assert_false(f->bad);
}

static bool feed(void *arg)
{
	struct fix *f = arg;
	uint8_t buf[4096];
	ssize_t n;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(f->sent + i);
	n = write(f->far, buf, MIN(sizeof(buf), f->want - f->sent));
	f->sent += n > 0 ? (size_t)n : 0;
	return f->got >= f->want;
}

static void input_of_a_megabyte(void **state)
{
	struct fix *f = *state;

	open_pair(f);
	f->want = MANY;
	f->chunk = 777;
	chardev_want_input(f->c, f->chunk);
	assert_true(turn_until(f->loop, feed, f));
	assert_int_equal(f->got, MANY);
	assert_false(f->bad);
}

static void no_input_without_room(void **state)
{
	struct fix *f = *state;
	uint8_t buf[3] = { pattern(0), pattern(1), pattern(2) };

	open_pair(f);
	chardev_want_input(f->c, 0);
	assert_int_equal(write(f->far, buf, 3), 3);
	turn_some(f->loop);
	assert_int_equal(f->got, 0);
	f->chunk = 2;
	chardev_want_input(f->c, 2);
	turn_some(f->loop);
	assert_int_equal(f->got, 3); /* in two pieces: input() checks */
	assert_false(f->bad);
	chardev_attach(f->c, NULL);
	assert_int_equal(write(f->far, buf, 3), 3);
	turn_some(f->loop);
	assert_int_equal(f->got, 3);
}

/* a far side that sticks */

static bool was_writable(void *arg)
{
	return ((struct fix *)arg)->writable > 0;
}

static void stuck_is_waited_for(void **state)
{
	struct fix *f = *state;

	open_pair(f);
	f->want = MANY;
	send_more(f);
	assert_false(turn_within(f->loop, 100, was_writable, f));
	assert_int_equal(chardev_write(f->c, "x", 1), 0);
	see(f, MANY);
	assert_true(turn_until(f->loop, was_writable, f));
	assert_int_equal(chardev_write(f->c, "x", 1), 1);
}

static void stuck_is_dropped_when_asked(void **state)
{
	struct fix *f = *state;
	size_t kept;

	open_pair(f);
	chardev_drop_when_stuck(f->c, 20);
	f->want = MANY;
	send_more(f);
	kept = f->sent;
	assert_true(kept < MANY);
	assert_true(turn_until(f->loop, was_writable, f));
	send_more(f); /* takes all, keeps none */
	assert_int_equal(f->sent, MANY);
	f->want = kept;
	f->writable = 0;
	assert_true(turn_until(f->loop, slow_reader, f)); /* the oldest were kept */
	assert_false(f->bad);
	turn_some(f->loop);
	see(f, MANY);
	assert_int_equal(f->seen, kept);
	f->sent = 0; /* and it is as before */
	f->want = MANY;
	send_more(f);
	assert_true(f->sent < MANY);
}

static bool slow_but_moving(void *arg)
{
	struct fix *f = arg;

	usleep(2000);
	return slow_reader(f);
}

static void slow_is_not_stuck(void **state)
{
	struct fix *f = *state;

	open_pair(f);
	chardev_drop_when_stuck(f->c, 250);
	f->want = MANY;
	send_more(f);
	assert_true(turn_until(f->loop, slow_but_moving, f));
	assert_int_equal(f->sent, MANY);
	assert_false(f->bad);
}

static void a_dead_far_side_is_no_wall(void **state)
{
	struct fix *f = *state;

	open_pair(f);
	f->want = MANY;
	send_more(f);
	assert_true(f->sent < MANY);
	close(f->far);
	f->far = -1;
	assert_true(turn_until(f->loop, was_writable, f));
	assert_true(turn_until(f->loop, is_off, f));
	send_more(f);
	assert_int_equal(f->sent, MANY);
	assert_false(chardev_is_connected(f->c));
}

static void free_writes_what_is_left(void **state)
{
	struct fix *f = *state;
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	f->far = fd[0];
	open_channel(f, (struct chardev_config){ .kind = CHARDEV_FD, .fd = fd[1] });
	assert_int_equal(fcntl(f->far, F_SETPIPE_SZ, 65536), 65536);
	f->want = 65536 + 1000;
	send_more(f);
	assert_int_equal(f->sent, f->want);
	see(f, 32768); /* room for the rest */
	chardev_free(f->c);
	f->c = NULL;
	see(f, MANY);
	assert_int_equal(f->seen, f->want);
	assert_false(f->bad);
}

static void free_does_not_wait_for_ever(void **state)
{
	struct fix *f = *state;
	int64_t begin;

	open_pair(f);
	f->want = MANY;
	send_more(f);
	begin = turn_now_ms();
	chardev_free(f->c);
	f->c = NULL;
	assert_in_range(turn_now_ms() - begin, CHARDEV_LINGER_MS - 50, 3 * CHARDEV_LINGER_MS);
}

/* FILE */

static int new_error(struct fix *f, struct chardev_config cfg)
{
	struct chardev *c = NULL;
	int rc = chardev_new(&c, &cfg, f->loop, &f->err);

	chardev_free(c);
	return rc;
}

static int file_error(struct fix *f, const char *path)
{
	return new_error(f, (struct chardev_config){ .kind = CHARDEV_FILE, .path = path });
}

static void file_is_made_private_and_truncated(void **state)
{
	struct fix *f = *state;
	struct stat st;
	char buf[16] = { 0 };
	int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "old content", 11), 11);
	close(fd);
	open_channel(f, (struct chardev_config){ .kind = CHARDEV_FILE, .path = f->path });
	assert_true(chardev_is_connected(f->c));
	assert_int_equal(chardev_write(f->c, "new\n", 4), 4);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "new\n");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
}

static void file_that_can_not_be(void **state)
{
	struct fix *f = *state;

	assert_int_equal(file_error(f, f->dir), -EISDIR);
	assert_non_null(strstr(f->err.msg, f->dir));
	assert_int_equal(file_error(f, "/nowhere/at/all"), -ENOENT);
	assert_int_equal(symlink("/etc/passwd", f->path), 0);
	assert_int_equal(file_error(f, f->path), -ELOOP);
	assert_non_null(strstr(f->err.msg, "symbolic link"));
}

static void devices_and_fifos_are_files_too(void **state)
{
	struct fix *f = *state;

	assert_int_equal(file_error(f, "/dev/null"), 0);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	open_channel(f, (struct chardev_config){ .kind = CHARDEV_FILE, .path = f->path });
	f->want = 150000;
	send_more(f); /* nobody reads yet */
	assert_true(f->sent < f->want);
	f->far = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(turn_until(f->loop, slow_reader, f));
	assert_false(f->bad);
}

static void a_full_disk_is_survived(void **state)
{
	struct fix *f = *state;

	open_channel(f, (struct chardev_config){ .kind = CHARDEV_FILE, .path = "/dev/full" });
	assert_int_equal(chardev_write(f->c, "lost", 4), 4);
	assert_int_equal(chardev_write(f->c, "too", 3), 3);
}

/* SOCKET */

static void one_client_at_a_time(void **state)
{
	struct fix *f = *state;
	char byte;
	int second;

	open_socket(f);
	assert_false(chardev_is_connected(f->c));
	assert_int_equal(chardev_write(f->c, "nobody", 6), 6);
	f->far = client(f);
	assert_true(turn_until(f->loop, is_on, f));
	second = client(f);
	turn_some(f->loop);
	assert_int_equal(read(second, &byte, 1), 0); /* closed without a word */
	close(second);
	f->want = 10;
	send_more(f);
	see(f, 10);
	assert_int_equal(f->seen, 10);
	close(f->far);
	f->far = -1;
	assert_true(turn_until(f->loop, is_off, f));
	f->on = 0;
	f->far = client(f);
	assert_true(turn_until(f->loop, is_on, f));
}

static void the_socket_goes_with_the_channel(void **state)
{
	struct fix *f = *state;
	struct chardev *other = NULL;

	open_socket(f);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(chardev_new(&other,
				 &(struct chardev_config){ .kind = CHARDEV_SOCKET,
					 .path = f->path },
				 f->loop, &f->err),
		-EADDRINUSE);
	chardev_free(f->c);
	f->c = NULL;
	assert_int_equal(access(f->path, F_OK), -1);
}

static void send_pattern(int fd, size_t from, size_t len)
{
	uint8_t buf[8192];

	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(from + i);
	assert_int_equal(write(fd, buf, len), len);
}

/* What a client leaves behind is still read, before the next one's. */
static void input_left_behind(void **state)
{
	struct fix *f = *state;
	int first, second;

	open_socket(f);
	chardev_want_input(f->c, 0);
	first = client(f);
	assert_true(turn_until(f->loop, is_on, f));
	send_pattern(first, 0, 5000);
	close(first);
	turn_some(f->loop);
	second = client(f);
	send_pattern(second, 5000, 3000);
	turn_some(f->loop);
	assert_int_equal(f->off, 0);
	chardev_want_input(f->c, f->chunk);
	f->want = 8000;
	assert_true(turn_until(f->loop, got_all, f));
	assert_int_equal(f->got, 8000);
	assert_false(f->bad);
	assert_int_equal(f->on, 2);
	assert_int_equal(f->off, 1);
	close(second);
}

/* ... unless nobody takes it. */
static void input_left_behind_for_good(void **state)
{
	struct fix *f = *state;

	open_socket(f);
	chardev_drop_when_stuck(f->c, 20);
	chardev_want_input(f->c, 0);
	f->far = client(f);
	assert_true(turn_until(f->loop, is_on, f));
	send_pattern(f->far, 0, 100);
	close(f->far);
	f->far = client(f);
	f->on = 0;
	assert_true(turn_until(f->loop, is_on, f));
	chardev_want_input(f->c, f->chunk);
	f->want = 50;
	send_pattern(f->far, 0, 50);
	assert_true(turn_until(f->loop, got_all, f));
	assert_int_equal(f->got, 50);
	assert_false(f->bad);
}

static void half_closed_still_gets_output(void **state)
{
	struct fix *f = *state;

	open_socket(f);
	f->far = client(f);
	assert_true(turn_until(f->loop, is_on, f));
	send_pattern(f->far, 0, 100);
	shutdown(f->far, SHUT_WR);
	f->want = 100;
	assert_true(turn_until(f->loop, got_all, f));
	turn_some(f->loop);
	assert_int_equal(f->off, 0);
	f->want = 200000;
	send_more(f);
	assert_true(turn_until(f->loop, slow_reader, f));
	assert_false(f->bad);
	close(f->far);
	f->far = -1;
	assert_true(turn_until(f->loop, is_off, f));
}

static void bad_socket_paths(void **state)
{
	struct fix *f = *state;
	char path[200];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = 0;
	assert_int_equal(new_error(f,
				 (struct chardev_config){ .kind = CHARDEV_SOCKET, .path = path }),
		-ENAMETOOLONG);
	assert_int_equal(new_error(f, (struct chardev_config){ .kind = CHARDEV_FD, .fd = 987 }),
		-EBADF);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_takes_and_drops),
		TEST(output_of_a_megabyte),
		TEST(input_of_a_megabyte),
		TEST(no_input_without_room),
		TEST(stuck_is_waited_for),
		TEST(stuck_is_dropped_when_asked),
		TEST(slow_is_not_stuck),
		TEST(a_dead_far_side_is_no_wall),
		TEST(free_writes_what_is_left),
		TEST(free_does_not_wait_for_ever),
		TEST(file_is_made_private_and_truncated),
		TEST(file_that_can_not_be),
		TEST(devices_and_fifos_are_files_too),
		TEST(a_full_disk_is_survived),
		TEST(one_client_at_a_time),
		TEST(the_socket_goes_with_the_channel),
		TEST(input_left_behind),
		TEST(input_left_behind_for_good),
		TEST(half_closed_still_gets_output),
		TEST(bad_socket_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
