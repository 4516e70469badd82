/* Opening a disk: what can't be one and what is said of it, whose descriptor is whose, locks. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "block/test/block_fix.h"

static void refuses(struct fix *f, const char *path, int fd, bool readonly, int code,
	const char *why)
{
	struct err err = { 0 };

	f->b = NULL;
	assert_int_equal(open_as(f, path, fd, readonly, &err), code);
	assert_null(f->b);
	assert_non_null(strstr(err.msg, path ? path : "fd "));
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
}

static int fds_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void not_a_disk(void **state)
{
	struct fix *f = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	refuses(f, f->path, -1, false, -ENOENT, "No such file");
	refuses(f, f->dir, -1, false, -EISDIR, "is a directory");
	refuses(f, f->dir, -1, true, -EISDIR, "is a directory");
	refuses(f, "/dev/null", -1, false, -EINVAL, "is a character device");
	assert_int_equal(mkfifo(f->path, 0600), 0);
	refuses(f, f->path, -1, true, -EINVAL, "is a FIFO");
	unlink(f->path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->path);
	assert_int_equal(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	refuses(f, f->path, -1, false, -EINVAL, "is a socket");
	close(s);
	unlink(f->path);
	make_file(f->path, "", 0);
	refuses(f, f->path, -1, false, -EINVAL, "is empty");
	refuses(f, f->path, -1, true, -EINVAL, "is empty");
	refuses(f, "", -1, true, -EINVAL, "needs a path");
}

static void not_writable(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };
	int rc = open_as(f, "/sys/devices/system/cpu/online", -1, false, &err);

	assert_true(rc == -EROFS || rc == -EACCES || rc == -EPERM);
	assert_non_null(strstr(err.msg, "open disk /sys/devices/system/cpu/online for writing: "));
}

static void in_use(void **state)
{
	struct fix *f = *state;
	struct block *first;

	make_file(f->path, "x", 1);
	assert_int_equal(open_as(f, f->path, -1, false, NULL), 0);
	first = take(&f->b);
	refuses(f, f->path, -1, false, -EBUSY, "in use by another process");
	refuses(f, f->path, -1, true, -EBUSY, "in use by another process");
	block_close(first);
	assert_int_equal(open_as(f, f->path, -1, true, NULL), 0); /* two may read */
	first = take(&f->b);
	assert_int_equal(open_as(f, f->path, -1, true, NULL), 0);
	block_close(take(&f->b));
	refuses(f, f->path, -1, false, -EBUSY, "in use by another process");
	block_close(first);
}

static void given_descriptor(void **state)
{
	struct fix *f = *state;
	int fd, before;

	make_file(f->path, "x", 1);
	fd = open(f->path, O_RDONLY); /* NOLINT: without O_CLOEXEC on purpose */
	before = fds_open();
	refuses(f, NULL, fd, false, -EBADF, "opened read-only");
	assert_int_equal(fds_open(), before);
	assert_int_equal(fcntl(fd, F_GETFD), 0); /* still there, still as it was */
	assert_int_equal(open_as(f, NULL, fd, true, NULL), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	block_close(take(&f->b));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fd = open(f->path, O_PATH | O_CLOEXEC);
	refuses(f, NULL, fd, true, -EBADF, "without the right to read");
	close(fd);
	fd = open(f->path, O_WRONLY | O_CLOEXEC);
	refuses(f, NULL, fd, false, -EBADF, "without the right to read");
	close(fd);
	refuses(f, NULL, 1000, false, -EBADF, "Bad file descriptor");
}

/* A refused descriptor doesn't keep the lock that it got on the way. */
static void refused_is_unlocked(void **state)
{
	struct fix *f = *state;
	int fd;

	make_file(f->path, "", 0);
	fd = open(f->path, O_RDWR | O_CLOEXEC);
	refuses(f, f->path, fd, false, -EINVAL, "is empty");
	make_file(f->path, "x", 1);
	assert_int_equal(open_as(f, f->path, -1, false, NULL), 0);
	close(fd);
}

static void readonly_is_opened_so(void **state)
{
	struct fix *f = *state;

	make_file(f->path, "x", 1);
	assert_int_equal(open_as(f, f->path, -1, true, NULL), 0);
	assert_int_equal(fcntl(f->b->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(f->b->fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(f->b->fd, F_GETFD), FD_CLOEXEC);
	assert_true(block_info(f->b)->readonly);
	assert_false(block_info(f->b)->can_discard);
}

static void nothing_is_left_open(void **state)
{
	struct fix *f = *state;
	int before = fds_open();

	for (unsigned i = 0; i < 3; i++) {
		open_disk(f, 512, 0);
		block_close(take(&f->b));
	}
	refuses(f, f->dir, -1, true, -EISDIR, "is a directory");
	assert_int_equal(fds_open(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(not_a_disk, with_threads),
		ONE(not_writable, with_threads),
		ONE(in_use, with_threads),
		ONE(given_descriptor, with_threads),
		ONE(refused_is_unlocked, with_threads),
		ONE(readonly_is_opened_so, with_threads),
		BOTH(nothing_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
