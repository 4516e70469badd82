/*
 * The disk back ends: every operation through io_uring and through threads on a real file, what
 * can't be opened as a disk and what is said of it, and the stepper with results that a healthy
 * machine doesn't give.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include "block/backend.h"

#include <cmocka.h> /* last: it has a macro called fail */

#define CHUNK	4096
#define IN_TIME 5000000000 /* ns */

struct fix {
	enum block_io io;
	char dir[64], path[96];
	struct loop *loop;
	pthread_mutex_t lock;
	struct block_owner owner;
	struct block *b;
	unsigned done, settled;
	int result; /* of the last done() */
	struct timer timeout;
};

/* What a thread that may not make a ring finds. */
struct forbidden {
	struct fix *fix;
	bool filtered;
	int insisting, automatic; /* opened with BLOCK_IO_URING, with BLOCK_IO_AUTO */
	struct err err;
};

static void done(struct block_owner *o, struct block_req *req UNUSED, int result)
{
	struct fix *f = container_of(o, struct fix, owner);

	f->done++;
	f->result = result;
}

static void settled(struct block_owner *o)
{
	struct fix *f = container_of(o, struct fix, owner);

	f->settled++;
	loop_quit(f->loop);
}

static void timed_out(struct timer *t UNUSED)
{
	fail_msg("a request did not end");
}

static void make_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static int open_as(struct fix *f, const char *path, int fd, bool readonly, struct err *err)
{
	return block_open(&f->b, path, fd, readonly, f->io, f->loop, &f->owner, err);
}

static int set_up(void **state, enum block_io io)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->io = io;
	snprintf(f->dir, sizeof(f->dir), "/tmp/sampan-block-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/disk", f->dir);
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(timer_init(f->loop, &f->timeout, timed_out), 0);
	pthread_mutex_init(&f->lock, NULL);
	f->owner = (struct block_owner){ .lock = &f->lock, .done = done, .settled = settled };
	*state = f;
	return 0;
}

static int with_uring(void **state)
{
	return set_up(state, BLOCK_IO_URING);
}

static int with_threads(void **state)
{
	return set_up(state, BLOCK_IO_THREADS);
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	block_close(f->b);
	timer_fini(f->loop, &f->timeout);
	loop_free(f->loop);
	pthread_mutex_destroy(&f->lock);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* Opens a disk of size bytes, each its offset's low byte xor seed. Skips the test where io_uring is
 * not to be had. */
static void open_disk(struct fix *f, size_t size, uint8_t seed)
{
	AUTO_FREE uint8_t *data = malloc(size);
	struct err err = { 0 };
	int rc;

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i ^ seed);
	make_file(f->path, data, size);
	rc = open_as(f, f->path, -1, false, &err);
	if (f->io == BLOCK_IO_URING && (rc == -EPERM || rc == -ENOSYS || rc == -EACCES))
		skip();
	if (rc)
		fail_msg("%s", err.msg);
	assert_string_equal(block_io_name(f->b), f->io == BLOCK_IO_URING ? "io_uring" : "threads");
}

/* Submits and lets the loop bring the completion. */
static int do_req(struct fix *f, struct block_req *req)
{
	unsigned before = f->done;

	pthread_mutex_lock(&f->lock);
	block_submit(f->b, req);
	assert_int_equal(f->done, before);
	block_kick(f->b);
	assert_int_equal(f->done, before);
	pthread_mutex_unlock(&f->lock);
	timer_set(&f->timeout, IN_TIME, 0);
	while (f->done == before)
		loop_run(f->loop);
	timer_set(&f->timeout, 0, 0);
	assert_int_equal(f->done, before + 1);
	assert_true(f->settled > 0);
	return f->result;
}

static int transfer(struct fix *f, enum block_op op, uint64_t offset, void *buf, size_t len)
{
	struct iovec iov = { buf, len };
	struct block_req req = { .op = op, .offset = offset, .len = len, .iov = &iov, .niov = 1 };

	return do_req(f, &req);
}

static int simple(struct fix *f, enum block_op op, uint64_t offset, uint64_t len)
{
	struct block_req req = { .op = op, .offset = offset, .len = len };

	return do_req(f, &req);
}

static void file_read(struct fix *f, uint64_t offset, void *buf, size_t len)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
	close(fd);
}

static struct stat file_stat(struct fix *f)
{
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	return st;
}

static void reads_and_writes(void **state)
{
	struct fix *f = *state;
	uint8_t a[512], b[1024], c[512], want[2048];
	struct iovec iov[3] = { { a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) } };
	struct block_req req = { .op = BLOCK_WRITE,
		.offset = 1024,
		.len = 2048,
		.iov = iov,
		.niov = 3 };

	open_disk(f, 8192, 0);
	assert_int_equal(block_info(f->b)->size, 8192);
	assert_int_equal(block_info(f->b)->logical_size, 512);
	assert_int_equal(block_info(f->b)->physical_size % 512, 0);
	assert_false(block_info(f->b)->readonly);
	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	memset(c, 3, sizeof(c));
	assert_int_equal(do_req(f, &req), 0);
	file_read(f, 1024, want, sizeof(want));
	assert_memory_equal(want, a, 512);
	assert_memory_equal(want + 512, b, 1024);
	assert_memory_equal(want + 1536, c, 512);
	memset(want, 0, sizeof(want));
	assert_int_equal(transfer(f, BLOCK_READ, 512, want, sizeof(want)), 0);
	assert_int_equal(want[0], 0);
	assert_int_equal(want[255], 255);
	assert_memory_equal(want + 512, a, 512);
	assert_memory_equal(want + 1024, b, 1024);
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0), 0);
}

static void durable_write(void **state)
{
	struct fix *f = *state;
	uint8_t data[512] = { 9 }, got[512];
	struct iovec iov = { data, sizeof(data) };
	struct block_req req = { .op = BLOCK_WRITE,
		.durable = true,
		.len = 512,
		.iov = &iov,
		.niov = 1 };

	open_disk(f, 4096, 0);
	assert_int_equal(do_req(f, &req), 0);
	file_read(f, 0, got, sizeof(got));
	assert_memory_equal(got, data, sizeof(got));
}

static void check_zeroed(struct fix *f, uint64_t offset, size_t len)
{
	AUTO_FREE uint8_t *got = malloc(len + 2);

	file_read(f, offset - 1, got, len + 2);
	assert_int_equal(got[0], (uint8_t)(offset - 1) ^ 0x55);
	assert_int_equal(got[len + 1], (uint8_t)(offset + len) ^ 0x55);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got[i + 1], 0);
}

static void zeroes(void **state)
{
	struct fix *f = *state;

	open_disk(f, MiB, 0x55);
	assert_int_equal(simple(f, BLOCK_ZERO, 512, 1024), 0);
	check_zeroed(f, 512, 1024);
	assert_int_equal(simple(f, BLOCK_ZERO_UNMAP, 65536, 131072), 0);
	check_zeroed(f, 65536, 131072);
	assert_int_equal(file_stat(f).st_size, MiB);
}

/* As on a file system that has neither holes nor ZERO_RANGE. */
static void zeroes_by_writing(void **state)
{
	struct fix *f = *state;

	open_disk(f, MiB, 0x55);
	f->b->no_punch = f->b->no_zero_range = true;
	assert_int_equal(simple(f, BLOCK_ZERO, 1536, BLOCK_ZEROS + 512), 0);
	check_zeroed(f, 1536, BLOCK_ZEROS + 512);
	assert_int_equal(simple(f, BLOCK_ZERO_UNMAP, 524288, 512), 0);
	check_zeroed(f, 524288, 512);
}

static void discards(void **state)
{
	struct fix *f = *state;
	blkcnt_t before;

	open_disk(f, MiB, 0x55);
	if (!block_info(f->b)->can_discard)
		skip();
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0),
		0); /* blocks are counted once they are allocated */
	before = file_stat(f).st_blocks;
	assert_int_equal(simple(f, BLOCK_DISCARD, 262144, 524288), 0);
	check_zeroed(f, 262144, 524288);
	assert_true(file_stat(f).st_blocks + 524288 / 512 <= before);
	assert_int_equal(file_stat(f).st_size, MiB);
}

static void tail_reads_as_zeros(void **state)
{
	struct fix *f = *state;
	uint8_t buf[1024];

	open_disk(f, 700, 0);
	assert_int_equal(block_info(f->b)->size, 700);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	for (unsigned i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i < 700 ? (uint8_t)i : 0);
	memset(buf, 7, 512); /* a write there makes the file longer, and it stays a disk */
	assert_int_equal(transfer(f, BLOCK_WRITE, 512, buf, 512), 0);
	memset(buf, 0, 512);
	assert_int_equal(transfer(f, BLOCK_READ, 512, buf, 512), 0);
	assert_int_equal(buf[511], 7);
	assert_int_equal(file_stat(f).st_size, 1024);
}

static void one_byte(void **state)
{
	struct fix *f = *state;
	uint8_t buf[512];

	open_disk(f, 1, 0x41);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	assert_int_equal(buf[0], 0x41);
	for (unsigned i = 1; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
}

static void file_made_shorter(void **state)
{
	struct fix *f = *state;
	uint8_t buf[1024];

	open_disk(f, 8192, 0);
	assert_int_equal(truncate(f->path, 4608), 0);
	assert_int_equal(transfer(f, BLOCK_READ, 4096, buf, sizeof(buf)), -EIO);
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
}

/* A file that refuses to be written: the error comes through, and reading goes on. */
static void refused_write(void **state)
{
	struct fix *f = *state;
	uint8_t buf[512] = { 0 };
	struct err err = { 0 };
	int fd = memfd_create("disk", MFD_ALLOW_SEALING | MFD_CLOEXEC), rc;

	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	rc = open_as(f, "sealed", fd, false, &err);
	if (rc && f->io == BLOCK_IO_URING)
		skip();
	assert_int_equal(rc, 0);
	assert_int_equal(transfer(f, BLOCK_WRITE, 0, buf, sizeof(buf)), -EPERM);
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
}

static void *drain_elsewhere(void *arg)
{
	struct fix *f = arg;

	pthread_mutex_lock(&f->lock);
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* More than the submission ring holds, and nobody runs the loop. */
static void drains_from_any_thread(void **state)
{
	struct fix *f = *state;
	static const enum block_op ops[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_ZERO, BLOCK_FLUSH };
	AUTO_FREE struct block_req *req = calloc(BLOCK_DEPTH, sizeof(*req));
	AUTO_FREE struct iovec *iov = calloc(BLOCK_DEPTH, sizeof(*iov));
	AUTO_FREE uint8_t *buf = calloc(BLOCK_DEPTH, CHUNK);
	pthread_t thread;

	open_disk(f, BLOCK_DEPTH * CHUNK, 1);
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < BLOCK_DEPTH; i++) {
		iov[i] = (struct iovec){ buf + i * CHUNK, CHUNK };
		req[i] = (struct block_req){ .op = ops[i % 4],
			.offset = i * CHUNK,
			.len = CHUNK,
			.iov = &iov[i],
			.niov = 1 };
		block_submit(f->b, &req[i]);
	}
	block_kick(f->b);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(pthread_create(&thread, NULL, drain_elsewhere, f), 0);
	pthread_join(thread, NULL);
	assert_int_equal(f->done, BLOCK_DEPTH);
	for (unsigned i = 0; i < BLOCK_DEPTH; i++)
		assert_int_equal(req[i].result, 0);
	assert_int_equal(buf[4 * CHUNK + 5], 5 ^ 1);
	pthread_mutex_lock(&f->lock);
	block_drain(f->b); /* nothing in flight: returns at once */
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0), 0); /* the loop's side still works */
}

static void drain_sends_what_was_not_kicked(void **state)
{
	struct fix *f = *state;
	struct block_req req = { .op = BLOCK_FLUSH };

	open_disk(f, 4096, 0);
	pthread_mutex_lock(&f->lock);
	block_submit(f->b, &req);
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->result, 0);
}

static unsigned count_workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(dir))) {
		char path[300], comm[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, comm, sizeof(comm) - 1) > 0)
			n += !strcmp(comm, "blk-worker\n");
		if (fd >= 0)
			close(fd);
	}
	closedir(dir);
	return n;
}

/* A thread has its name a moment after its start, and is listed for a moment after its end. */
static void wait_for_workers(unsigned n)
{
	for (unsigned i = 0; count_workers() != n; i++) {
		assert_true(i < 1000);
		usleep(1000);
	}
}

static void workers_come_when_needed(void **state)
{
	struct fix *f = *state;
	struct block_req req[64];

	open_disk(f, 4096, 0);
	assert_int_equal(count_workers(), 0);
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0), 0);
	assert_int_equal(count_workers(), 1);
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < ARRAY_SIZE(req); i++) {
		req[i] = (struct block_req){ .op = BLOCK_FLUSH };
		block_submit(f->b, &req[i]);
	}
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(f->done, 1 + ARRAY_SIZE(req));
	wait_for_workers(4);
	block_close(take(&f->b));
	wait_for_workers(0);
}

/* Another file takes the ring's descriptor, as if a filter forbade to enter it. */
static void ring_that_refuses(void **state)
{
	struct fix *f = *state;
	int ring = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	uint8_t buf[512];

	open_disk(f, 4096, 0);
	for (int fd = 3; fd < 256 && ring < 0; fd++) {
		char link[32], target[64] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, target, sizeof(target) - 1) > 0 && strstr(target, "[io_uring]"))
			ring = fd;
	}
	assert_true(ring >= 0);
	assert_int_equal(dup2(null, ring), ring);
	close(null);
	assert_true(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)) < 0);
	assert_true(simple(f, BLOCK_FLUSH, 0, 0) < 0);
	pthread_mutex_lock(&f->lock);
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
}

/* In a thread that may not make a ring, as by kernel.io_uring_disabled or a filter of system calls.
 */
static void *open_without_uring(void *arg)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { ARRAY_SIZE(code), code };
	struct forbidden *f = arg;

	f->filtered = !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
		!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	f->fix->io = BLOCK_IO_URING;
	f->insisting = open_as(f->fix, f->fix->path, -1, false, &f->err);
	f->fix->io = BLOCK_IO_AUTO;
	f->automatic = open_as(f->fix, f->fix->path, -1, false, NULL);
	return NULL;
}

static void threads_where_no_ring_can_be(void **state)
{
	struct fix *fix = *state;
	struct forbidden f = { .fix = fix };
	uint8_t data[1024] = { 7 }, got[1024];
	pthread_t thread;

	make_file(fix->path, (uint8_t[8192]){ 0 }, 8192);
	assert_int_equal(pthread_create(&thread, NULL, open_without_uring, &f), 0);
	pthread_join(thread, NULL);
	assert_true(f.filtered);
	assert_int_equal(f.insisting, -EPERM);
	assert_non_null(strstr(f.err.msg, "use io_uring for disk "));
	assert_int_equal(f.automatic, 0);
	assert_string_equal(block_io_name(fix->b), "threads");
	assert_int_equal(transfer(fix, BLOCK_WRITE, 1024, data, sizeof(data)), 0);
	assert_int_equal(simple(fix, BLOCK_FLUSH, 0, 0), 0);
	assert_int_equal(transfer(fix, BLOCK_READ, 1024, got, sizeof(got)), 0);
	assert_memory_equal(got, data, sizeof(got));
	file_read(fix, 1024, got, sizeof(got));
	assert_memory_equal(got, data, sizeof(got));
}

/* opening */

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

static int fds_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
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

/* the stepper */

static struct block_req begun(struct block *b, enum block_op op, struct iovec *iov, unsigned niov)
{
	struct block_req req = { .op = op, .offset = 1024, .iov = iov, .niov = niov };

	for (unsigned i = 0; i < niov; i++)
		req.len += iov[i].iov_len;
	if (!niov)
		req.len = 4096;
	block_begin(b, &req);
	return req;
}

static void short_transfers_go_on(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	char buf[1000];
	struct iovec iov[2] = { { buf, 600 }, { buf + 600, 400 } };
	struct block_req req = begun(&b, BLOCK_WRITE, iov, 2);
	struct block_step s;

	assert_false(block_stepped(&b, &req, 100));
	s = block_step(&b, &req);
	assert_int_equal(s.kind, STEP_WRITEV);
	assert_int_equal(s.offset, 1124);
	assert_int_equal(s.niov, 2);
	assert_ptr_equal(s.iov[0].iov_base, buf + 100);
	assert_int_equal(s.iov[0].iov_len, 500);
	assert_false(block_stepped(&b, &req, 500)); /* exactly the first buffer */
	s = block_step(&b, &req);
	assert_int_equal(s.niov, 1);
	assert_ptr_equal(s.iov[0].iov_base, buf + 600);
	assert_false(block_stepped(&b, &req, -EINTR));
	assert_false(block_stepped(&b, &req, -EAGAIN));
	assert_false(block_stepped(&b, &req, 399));
	assert_true(block_stepped(&b, &req, 1));
	assert_int_equal(req.result, 0);
}

static void errors_end_a_request(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	char buf[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct block_req req = begun(&b, BLOCK_WRITE, &iov, 1);

	assert_true(block_stepped(&b, &req, -ENOSPC));
	assert_int_equal(req.result, -ENOSPC);
	req = begun(&b, BLOCK_WRITE, &iov, 1);
	assert_true(block_stepped(&b, &req, 0)); /* a write of nothing can't go on */
	assert_int_equal(req.result, -EIO);
	req = begun(&b, BLOCK_FLUSH, NULL, 0);
	assert_true(block_stepped(&b, &req, -EIO));
	assert_int_equal(req.result, -EIO);
	req = begun(&b, BLOCK_ZERO, NULL, 0);
	assert_true(block_stepped(&b, &req, -ENOSPC));
	assert_int_equal(req.result, -ENOSPC);
}

static void retries_end(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	char buf[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct block_req req = begun(&b, BLOCK_READ, &iov, 1);
	unsigned n = 0;

	while (!block_stepped(&b, &req, -EAGAIN))
		assert_true(++n < 1000);
	assert_int_equal(req.result, -EIO);
}

static void ways_round(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	struct block_req req = begun(&b, BLOCK_ZERO_UNMAP, NULL, 0);
	struct block_step s;

	assert_false(block_stepped(&b, &req, -EOPNOTSUPP)); /* no holes */
	assert_false(block_stepped(&b, &req, -EINVAL));	    /* not this range */
	assert_true(b.no_punch && !b.no_zero_range);
	s = block_step(&b, &req);
	assert_int_equal(s.kind, STEP_WRITE);
	assert_false(block_stepped(&b, &req, 1000));
	s = block_step(&b, &req);
	assert_int_equal(s.offset, 2024);
	assert_int_equal(s.len, 3096);
	assert_true(block_stepped(&b, &req, 3096));
	assert_int_equal(req.result, 0);
	req = begun(&b, BLOCK_ZERO, NULL, 0);
	assert_false(block_stepped(&b, &req, -EOPNOTSUPP));
	assert_true(b.no_zero_range);
	assert_true(block_stepped(&b, &req, 4096));
	req = begun(&b, BLOCK_ZERO_UNMAP, NULL, 0);
	assert_int_equal(block_step(&b, &req).kind, STEP_WRITE); /* remembered */
	req = begun(&b, BLOCK_DISCARD, NULL, 0);
	assert_true(block_stepped(&b, &req, -EOPNOTSUPP));
	assert_int_equal(req.result, -EOPNOTSUPP);
}

static void durable_ends_in_sync(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	struct block_req req = { .op = BLOCK_ZERO, .durable = true, .len = 512 };

	block_begin(&b, &req);
	assert_false(block_stepped(&b, &req, 0));
	assert_int_equal(block_step(&b, &req).kind, STEP_FDATASYNC);
	assert_true(block_stepped(&b, &req, -EIO));
	assert_int_equal(req.result, -EIO);
}

#define BOTH(test)                                                                                 \
	{ "uring: " #test, test, with_uring, tear_down, NULL },                                    \
	{                                                                                          \
		"threads: " #test, test, with_threads, tear_down, NULL                             \
	}
#define ONE(test, with) cmocka_unit_test_setup_teardown(test, with, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(reads_and_writes),
		BOTH(durable_write),
		BOTH(zeroes),
		BOTH(zeroes_by_writing),
		BOTH(discards),
		BOTH(tail_reads_as_zeros),
		BOTH(one_byte),
		BOTH(file_made_shorter),
		BOTH(refused_write),
		BOTH(drains_from_any_thread),
		BOTH(drain_sends_what_was_not_kicked),
		BOTH(nothing_is_left_open),
		ONE(workers_come_when_needed, with_threads),
		ONE(ring_that_refuses, with_uring),
		ONE(threads_where_no_ring_can_be, with_threads),
		ONE(not_a_disk, with_threads),
		ONE(not_writable, with_threads),
		ONE(in_use, with_threads),
		ONE(given_descriptor, with_threads),
		ONE(refused_is_unlocked, with_threads),
		ONE(readonly_is_opened_so, with_threads),
		cmocka_unit_test(short_transfers_go_on),
		cmocka_unit_test(errors_end_a_request),
		cmocka_unit_test(retries_end),
		cmocka_unit_test(ways_round),
		cmocka_unit_test(durable_ends_in_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
