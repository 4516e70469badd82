/* The thread-pool back end: its workers' coming and going, and hosts that let nobody make a ring.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "block/test/block_fix.h"

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

/* What a thread that may not make a ring finds. */
struct forbidden {
	struct fix *fix;
	bool filtered;
	int insisting, automatic; /* opened with BLOCK_IO_URING, with BLOCK_IO_AUTO */
	struct err err;
};

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(workers_come_when_needed, with_threads),
		ONE(threads_where_no_ring_can_be, with_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
