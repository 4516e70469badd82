/* The file system device with a scripted back end: what that is told, what it may say, and what
 * becomes of the device when it lies, is silent or dies. */
#define _GNU_SOURCE
#include "virtio/fs.h"
#include "virtio/test/back_end.h"
#include "virtio/test/driver.h"

#include <fcntl.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "core/test/check.h"

#define RING   16
#define BIT(n) (UINT64_C(1) << (n))
#define SHORT  50 /* ms of patience */
#define LONG   5000

struct fix {
	struct driver d;
	int back;
	int memfd;
	unsigned before; /* open descriptors */
};

/* The driver's RAM is no memfd; one that stands for it is what the device hands over. */
static void share_ram(struct fix *f, bool on)
{
	for (unsigned i = 0; i < f->d.mem.nregions; i++)
		f->d.mem.region[i].memfd = on ? f->memfd : -2;
}

static int assemble(struct fix *f, struct virtio_dev **dev, const char *tag, unsigned patience,
	uint64_t protocol, struct err *err)
{
	struct virtio_env env = { .mem = &f->d.mem, .loop = f->d.loop, .label = "fs0" };
	int fd;

	back_pair(&fd, &f->back);
	back_greets(f->back, UINT64_MAX, protocol, 2);
	return fs_assemble(dev, fd, "the back end", patience, tag, &env, err);
}

static void fix_with(struct fix *f, unsigned patience, uint64_t protocol)
{
	struct virtio_dev *dev;
	struct err err = { 0 };

	log_setup(-1, LOG_ERROR, "test");
	f->before = open_descriptors();
	driver_init(&f->d);
	f->memfd = memfd_create("ram", MFD_CLOEXEC);
	share_ram(f, true);
	if (assemble(f, &dev, "box", patience, protocol, &err))
		fail_msg("%s", err.msg);
	driver_plug(&f->d, dev);
	back_forgets(f->back);
}

static void fix_new(struct fix *f, unsigned patience)
{
	fix_with(f, patience, UINT64_MAX);
}

static void fix_free(struct fix *f)
{
	share_ram(f, false);
	driver_fini(&f->d);
	close(f->memfd);
	if (f->back >= 0)
		close(f->back);
	assert_int_equal(open_descriptors(), f->before);
}

static const uint32_t ring_orders[] = { VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
	VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_SET_VRING_KICK };

/* Acknowledges the start of nqueues queues. */
static void acknowledge(struct fix *f, unsigned nqueues)
{
	back_answers(f->back, VHOST_USER_SET_FEATURES, 0);
	back_answers(f->back, VHOST_USER_SET_MEM_TABLE, 0);
	for (unsigned i = 0; i < nqueues * ARRAY_SIZE(ring_orders); i++)
		back_answers(f->back, ring_orders[i % ARRAY_SIZE(ring_orders)], 0);
}

static void positions(struct fix *f, uint16_t hiprio, uint16_t request)
{
	back_answers(f->back, VHOST_USER_GET_VRING_BASE, (uint64_t)hiprio << 32);
	back_answers(f->back, VHOST_USER_GET_VRING_BASE, (uint64_t)request << 32 | 1);
}

static void start(struct fix *f)
{
	acknowledge(f, FS_QUEUES);
	driver_start(&f->d, 0, FS_QUEUES, RING);
	driver_turn(&f->d);
	assert_false(driver_needs_reset(&f->d));
	back_forgets(f->back);
}

static bool needs_reset(void *arg)
{
	return driver_needs_reset(arg);
}

/* The device is of no more use, the machine is: its driver may reset it and try again. */
static void is_given_up(struct fix *f)
{
	struct told t;
	ssize_t n;
	char byte;

	assert_true(driver_run(&f->d, needs_reset, &f->d));
	assert_true(driver_ack_irq(&f->d) & VIRTIO_MMIO_INT_CONFIG);
	back_forgets(f->back);
	n = recv(f->back, &byte, 1, MSG_DONTWAIT);
	assert_true(!n || (n < 0 && errno == ECONNRESET));
	driver_kick(&f->d, FS_REQUEST);
	virtio_mmio_pause(f->d.m);
	virtio_mmio_resume(f->d.m);
	for (int i = 0; i < 3; i++) {
		driver_reset(&f->d);
		assert_false(driver_needs_reset(&f->d));
		driver_start(&f->d, 0, FS_QUEUES, RING);
		assert_true(driver_needs_reset(&f->d));
		assert_int_equal(f->d.dev->kernel_queues, 0);
	}
	assert_false(back_hears(f->back, &t));
}

/* what the driver sees */

static void offers_what_both_know(void **state UNUSED)
{
	struct virtio_fs_config config;
	struct fix f;

	fix_new(&f, LONG);
	assert_true(driver_features(&f.d) ==
		(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC)));
	assert_int_equal(driver_get(&f.d, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_FS);
	for (uint32_t i = 0; i < sizeof(config); i += 4)
		driver_config(&f.d, i, (char *)&config + i, 4);
	assert_memory_equal(config.tag,
		"box\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36);
	assert_int_equal(config.num_request_queues, 1);
	for (uint32_t q = 0; q < 3; q++) {
		driver_set(&f.d, VIRTIO_MMIO_QUEUE_SEL, q);
		assert_int_equal(driver_get(&f.d, VIRTIO_MMIO_QUEUE_NUM_MAX),
			q < FS_QUEUES ? FS_QUEUE_SIZE : 0);
	}
	fix_free(&f);
}

/* start and stop */

static void hears(struct fix *f, uint32_t request, struct told *t)
{
	assert_true(back_hears(f->back, t));
	assert_int_equal(t->m.request, request);
	assert_int_equal(t->m.flags, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY);
}

static void hears_state(struct fix *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct told t;

	hears(f, request, &t);
	assert_int_equal(t.m.size, 8);
	assert_int_equal(t.m.body.state.index, index);
	assert_int_equal(t.m.body.state.num, num);
	assert_int_equal(t.nfds, 0);
}

static void hears_file(struct fix *f, uint32_t request, uint32_t index, int fd)
{
	uint64_t n = 7, got = 0;
	struct told t;

	hears(f, request, &t);
	assert_true(t.m.body.u64 == index);
	assert_int_equal(t.nfds, 1);
	(void)!read(fd, &got, sizeof(got));
	assert_int_equal(write(t.fd[0], &n, sizeof(n)), sizeof(n)); /* they are one eventfd */
	assert_int_equal(read(fd, &got, sizeof(got)), sizeof(got));
	assert_int_equal(got, 7);
	told_free(&t);
}

static void hears_ring(struct fix *f, uint32_t q)
{
	struct told t;

	hears_state(f, VHOST_USER_SET_VRING_NUM, q, RING);
	hears_state(f, VHOST_USER_SET_VRING_BASE, q, 0);
	hears(f, VHOST_USER_SET_VRING_ADDR, &t);
	assert_int_equal(t.m.size, 40);
	assert_int_equal(t.m.body.addr.index, q);
	assert_int_equal(t.m.body.addr.flags, 0);
	assert_true(t.m.body.addr.desc_user_addr == f->d.q[q].desc);
	assert_true(t.m.body.addr.used_user_addr == f->d.q[q].used);
	assert_true(t.m.body.addr.avail_user_addr == f->d.q[q].avail);
	hears_file(f, VHOST_USER_SET_VRING_CALL, q, f->d.m->irqfd);
	hears_state(f, VHOST_USER_SET_VRING_ENABLE, q, 1);
	hears_file(f, VHOST_USER_SET_VRING_KICK, q, f->d.kick_fd[q]);
}

static void start_tells_everything_in_order(void **state UNUSED)
{
	struct stat ram, seen;
	struct told t;
	struct fix f;

	fix_new(&f, LONG);
	acknowledge(&f, FS_QUEUES);
	driver_start(&f.d, BIT(VIRTIO_RING_F_INDIRECT_DESC), FS_QUEUES, RING);
	hears(&f, VHOST_USER_SET_FEATURES, &t);
	assert_true(t.m.body.u64 == (BACK_FEATURES | BIT(VIRTIO_RING_F_INDIRECT_DESC)));
	hears(&f, VHOST_USER_SET_MEM_TABLE, &t);
	assert_int_equal(t.m.body.memory.nregions, 2);
	assert_true(t.m.body.memory.region[0].gpa == DRIVER_RAM &&
		t.m.body.memory.region[0].size == DRIVER_RAM_SIZE &&
		t.m.body.memory.region[1].gpa == DRIVER_RAM2);
	assert_int_equal(t.nfds, 2);
	assert_true(!fstat(f.memfd, &ram) && !fstat(t.fd[1], &seen) && ram.st_ino == seen.st_ino);
	told_free(&t);
	hears_ring(&f, FS_HIPRIO);
	hears_ring(&f, FS_REQUEST);
	assert_false(back_hears(f.back, &t));
	assert_int_equal(f.d.dev->kernel_queues, 3);
	assert_true(driver_get(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING);
	driver_turn(&f.d);
	assert_false(driver_needs_reset(&f.d));
	positions(&f, 0, 0);
	driver_reset(&f.d);
	fix_free(&f);
}

static void kicks_are_left_to_the_back_end(void **state UNUSED)
{
	uint64_t n;
	struct fix f;

	fix_new(&f, LONG);
	start(&f);
	assert_int_equal(read(f.d.kick_fd[FS_REQUEST], &n, sizeof(n)), sizeof(n)); /* look now */
	driver_kick(&f.d, FS_REQUEST);
	assert_int_equal(read(f.d.kick_fd[FS_REQUEST], &n, sizeof(n)), sizeof(n));
	positions(&f, 0, 0);
	fix_free(&f);
}

static void a_queue_that_is_not_ready_is_not_given(void **state UNUSED)
{
	struct told t;
	struct fix f;

	fix_new(&f, LONG);
	acknowledge(&f, 1);
	driver_start(&f.d, 0, 1, RING);
	assert_int_equal(f.d.dev->kernel_queues, 1);
	for (unsigned i = 0; i < 2 + ARRAY_SIZE(ring_orders); i++) {
		assert_true(back_hears(f.back, &t));
		told_free(&t);
	}
	assert_false(back_hears(f.back, &t));
	driver_turn(&f.d);
	assert_false(driver_needs_reset(&f.d));
	back_answers(f.back, VHOST_USER_GET_VRING_BASE, 0);
	driver_reset(&f.d);
	assert_int_equal(f.d.dev->kernel_queues, 0);
	fix_free(&f);
}

static void pause_keeps_the_ring_positions(void **state UNUSED)
{
	uint16_t used = 4;
	struct told t;
	struct fix f;

	fix_new(&f, LONG);
	start(&f);
	memcpy((char *)driver_ptr(&f.d, f.d.q[FS_REQUEST].used) + 2, &used, sizeof(used));
	positions(&f, 65535, 7);
	virtio_mmio_pause(f.d.m);
	assert_true(back_hears(f.back, &t));
	assert_int_equal(t.m.request, VHOST_USER_GET_VRING_BASE);
	assert_int_equal(t.m.flags, VHOST_USER_VERSION);
	back_forgets(f.back);
	assert_int_equal(f.d.dev->queue[FS_HIPRIO].next_avail, 65535);
	assert_int_equal(f.d.dev->queue[FS_REQUEST].next_avail, 7);
	assert_int_equal(f.d.dev->queue[FS_REQUEST].next_used, 4);
	assert_false(driver_get(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS));
	acknowledge(&f, FS_QUEUES);
	virtio_mmio_resume(f.d.m);
	assert_int_equal(f.d.dev->kernel_queues, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(back_hears(f.back, &t));
		told_free(&t);
	}
	hears_state(&f, VHOST_USER_SET_VRING_BASE, FS_HIPRIO, 65535);
	driver_turn(&f.d);
	assert_false(driver_needs_reset(&f.d));
	positions(&f, 0, 0);
	fix_free(&f);
}

static int64_t ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A back end that tells positions when it is asked for both; it has served n requests after a
 * while. */
struct worker {
	struct fix *f;
	pthread_t thread;
	uint16_t served;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pollfd p = { .fd = w->f->back, .events = POLLIN };
	struct told t;
	uint32_t asked = 0;

	poll(NULL, 0, 2 * SHORT);
	__atomic_store_n((uint16_t *)driver_ptr(&w->f->d, w->f->d.q[FS_REQUEST].used + 2),
		w->served, __ATOMIC_RELEASE);
	while (asked < FS_QUEUES && poll(&p, 1, LONG) == 1 && back_hears(p.fd, &t))
		asked += t.m.request == VHOST_USER_GET_VRING_BASE;
	positions(w->f, 0, w->served);
	return NULL;
}

/* How long a pause takes with avail.idx as the driver says, and served of that done. It waits for
 * half of patience at the most. */
static int64_t pause_with(struct fix *f, unsigned patience, uint16_t avail, uint16_t served)
{
	struct worker w = { .f = f, .served = served };
	int64_t from;

	fix_new(f, patience);
	start(f);
	driver_avail_idx(&f->d, FS_REQUEST, avail);
	from = ms();
	assert_int_equal(pthread_create(&w.thread, NULL, work, &w), 0);
	virtio_mmio_pause(f->d.m);
	from = ms() - from;
	pthread_join(w.thread, NULL);
	assert_false(driver_needs_reset(&f->d));
	assert_int_equal(f->d.dev->queue[FS_REQUEST].next_avail, served);
	assert_int_equal(f->d.dev->queue[FS_REQUEST].next_used, served);
	fix_free(f);
	return from;
}

static void pause_waits_for_requests(void **state UNUSED)
{
	struct fix f;

	assert_in_range(pause_with(&f, LONG, 1, 1), 2 * SHORT - 1, LONG / 2 - 1);
	assert_in_range(pause_with(&f, LONG, RING, RING), 2 * SHORT - 1, LONG / 2 - 1);
}

/* One that takes too long goes on later; what a driver only claims is not waited for. */
static void pause_does_not_wait_for_ever(void **state UNUSED)
{
	struct fix f;

	assert_in_range(pause_with(&f, 20 * SHORT, 2, 1), 10 * SHORT - 1, LONG);
	assert_in_range(pause_with(&f, LONG, RING + 1, 0), 0, LONG / 2 - 1);
	assert_in_range(pause_with(&f, LONG, 40000, 0), 0, LONG / 2 - 1);
}

/* A second driver after a reset gets the same back end. */
static void restarts(void **state UNUSED)
{
	struct fix f;

	fix_new(&f, LONG);
	for (int i = 0; i < 20; i++) {
		start(&f);
		assert_int_equal(f.d.dev->kernel_queues, 3);
		positions(&f, 1, 2);
		driver_reset(&f.d);
		assert_int_equal(f.d.dev->kernel_queues, 0);
		back_forgets(f.back);
	}
	start(&f);
	positions(&f, 0, 0);
	fix_free(&f);
}

/* One that does not acknowledge is asked something, to know when it is done. */
static void starts_a_plain_back_end(void **state UNUSED)
{
	struct told t = { 0 };
	struct fix f;

	fix_with(&f, LONG, 0);
	back_answers(f.back, VHOST_USER_GET_FEATURES, 0);
	driver_start(&f.d, BIT(VIRTIO_RING_F_INDIRECT_DESC), FS_QUEUES, RING);
	assert_false(driver_needs_reset(&f.d));
	for (unsigned i = 0; i < 2 + FS_QUEUES * ARRAY_SIZE(ring_orders); i++) {
		assert_true(back_hears(f.back, &t));
		assert_int_equal(t.m.flags, VHOST_USER_VERSION);
		told_free(&t);
	}
	assert_true(back_hears(f.back, &t));
	assert_int_equal(t.m.request, VHOST_USER_GET_FEATURES);
	positions(&f, 0, 0);
	driver_reset(&f.d);
	driver_start(&f.d, 0, FS_QUEUES, RING); /* silent now, and given up after a turn's time */
	assert_true(driver_needs_reset(&f.d));
	fix_free(&f);
}

/* back ends that fail */

static void dies_while_it_works(void **state UNUSED)
{
	struct fix f;

	fix_new(&f, LONG);
	start(&f);
	driver_ack_irq(&f.d);
	need(!shutdown(f.back, SHUT_RDWR));
	is_given_up(&f);
	fix_free(&f);
}

static void dies_before_there_is_a_driver(void **state UNUSED)
{
	struct fix f;

	fix_new(&f, LONG);
	close(take_fd(&f.back));
	driver_turn(&f.d);
	assert_false(driver_needs_reset(&f.d));
	for (int i = 0; i < 2; i++) {
		driver_start(&f.d, 0, FS_QUEUES, RING);
		assert_true(driver_needs_reset(&f.d));
	}
	fix_free(&f);
}

/* The loop does not know yet that it is gone. */
static void dies_unseen(void **state UNUSED)
{
	struct fix f;

	fix_new(&f, LONG);
	close(take_fd(&f.back));
	driver_start(&f.d, 0, FS_QUEUES, RING);
	assert_true(driver_needs_reset(&f.d));
	driver_turn(&f.d);
	driver_reset(&f.d);
	fix_free(&f);

	fix_new(&f, LONG);
	start(&f);
	close(take_fd(&f.back));
	driver_reset(&f.d);
	driver_start(&f.d, 0, FS_QUEUES, RING);
	assert_true(driver_needs_reset(&f.d));
	fix_free(&f);
}

static void refuses_an_order(void **state UNUSED)
{
	struct fix f;

	for (unsigned bad = 0; bad < 2 + FS_QUEUES * ARRAY_SIZE(ring_orders); bad++) {
		fix_new(&f, LONG);
		for (unsigned i = 0; i <= bad; i++)
			back_answers(f.back,
				i < 2 ? (i ? VHOST_USER_SET_MEM_TABLE : VHOST_USER_SET_FEATURES)
				      : ring_orders[(i - 2) % ARRAY_SIZE(ring_orders)],
				i == bad ? 1 : 0);
		driver_start(&f.d, 0, FS_QUEUES, RING);
		is_given_up(&f);
		fix_free(&f);
	}
}

static void says_what(bool working, const void *bytes, size_t len, bool with_fd)
{
	struct fix f;

	fix_new(&f, LONG);
	if (working) {
		start(&f);
		driver_ack_irq(&f.d);
	}
	back_sends(f.back, bytes, len, with_fd ? f.memfd : -1);
	if (!working)
		driver_start(&f.d, 0, FS_QUEUES, RING);
	is_given_up(&f);
	fix_free(&f);
}

static void says_what_it_must_not(void **state UNUSED)
{
	const uint32_t ack[5] = { VHOST_USER_SET_FEATURES, 5, 8 },
		       other[5] = { VHOST_USER_SET_VRING_NUM, 5, 8 },
		       huge[5] = { VHOST_USER_SET_FEATURES, 5, UINT32_MAX };

	says_what(true, "", 1, false);
	says_what(true, ack, sizeof(ack), false);
	says_what(true, ack, 12, true);
	says_what(false, ack, sizeof(ack), true);
	says_what(false, other, sizeof(other), false);
	says_what(false, huge, 12, false);
}

static void never_acknowledges(void **state UNUSED)
{
	static const uint32_t ack[5] = { VHOST_USER_SET_FEATURES, 5, 8 };
	struct fix f;

	for (size_t some = 0; some < sizeof(ack); some += 19) {
		int64_t from;

		fix_new(&f, SHORT);
		if (some)
			back_sends(f.back, ack, some, -1);
		from = ms();
		driver_start(&f.d, 0, FS_QUEUES, RING);
		assert_in_range(ms() - from, SHORT - 1, LONG);
		is_given_up(&f);
		fix_free(&f);
	}
}

static void does_not_read(void **state UNUSED)
{
	struct fix f;

	fix_new(&f, LONG);
	for (int i = 0; i < 10000 && !driver_needs_reset(&f.d); i++) {
		acknowledge(&f, FS_QUEUES);
		driver_start(&f.d, 0, FS_QUEUES, RING);
		if (driver_needs_reset(&f.d))
			break;
		positions(&f, 0, 0);
		driver_reset(&f.d);
	}
	assert_true(driver_needs_reset(&f.d));
	fix_free(&f);
}

static void stop_with(const uint64_t *says, unsigned n)
{
	int64_t from;
	struct fix f;

	fix_new(&f, SHORT);
	start(&f);
	for (unsigned i = 0; i < n; i++)
		back_answers(f.back, VHOST_USER_GET_VRING_BASE, says[i]);
	from = ms();
	virtio_mmio_pause(f.d.m);
	assert_in_range(ms() - from, 0, LONG);
	assert_int_equal(f.d.dev->kernel_queues, 0);
	is_given_up(&f);
	fix_free(&f);
}

static void lies_at_the_end(void **state UNUSED)
{
	stop_with(NULL, 0);
	stop_with((uint64_t[]){ 0 }, 1);
	stop_with((uint64_t[]){ 1, 0 }, 2);
	stop_with((uint64_t[]){ 0, 34 }, 2);
	stop_with((uint64_t[]){ UINT32_MAX }, 1);
	stop_with((uint64_t[]){ BIT(48) }, 1);
	stop_with((uint64_t[]){ BIT(63) }, 1);
}

/* making one */

static void bad_tags_and_memory(void **state UNUSED)
{
	static const char longest[] = "123456789012345678901234567890123456";
	struct virtio_dev *dev;
	struct err err = { 0 };
	struct fix f;

	fix_new(&f, LONG);
	close(f.back);
	assert_int_equal(assemble(&f, &dev, "", LONG, UINT64_MAX, &err), -EINVAL);
	assert_string_equal(err.msg, "a tag has 1 to 36 bytes");
	close(f.back);
	assert_int_equal(assemble(&f, &dev, "1234567890123456789012345678901234567", LONG,
				 UINT64_MAX, &err),
		-EINVAL);
	close(f.back);
	assert_int_equal(assemble(&f, &dev, longest, LONG, UINT64_MAX, &err), 0);
	assert_memory_equal(dev->config, longest, 36);
	dev->ops->free(dev);
	close(f.back);
	share_ram(&f, false);
	assert_int_equal(assemble(&f, &dev, "box", LONG, UINT64_MAX, &err), -EINVAL);
	assert_string_equal(err.msg, "the guest's memory is not shared");
	fix_free(&f);
}

static void sentences(void **state UNUSED)
{
	struct vm_fs cfg = { .fd = -1, .tag = "box" };
	struct virtio_env env = { .label = "fs0" };
	struct virtio_dev *dev;
	struct err err = { 0 };
	struct fix f;

	fix_new(&f, LONG);
	env.mem = &f.d.mem;
	env.loop = f.d.loop;
	assert_int_equal(virtio_fs_new(&dev, &cfg, &env, &err), -EINVAL);
	assert_string_equal(err.msg, "fs0: neither a socket nor its descriptor is given");
	cfg.socket = "/nowhere/fs.sock";
	assert_int_equal(virtio_fs_new(&dev, &cfg, &env, &err), -ENOENT);
	assert_string_equal(err.msg, "fs0: connect to /nowhere/fs.sock: No such file or directory");
	cfg.fd = open("/dev/null", O_RDWR);
	assert_true(virtio_fs_new(&dev, &cfg, &env, &err) < 0);
	assert_non_null(strstr(err.msg, "is not a unix stream socket"));
	assert_int_equal(fcntl(cfg.fd, F_GETFD), -1);
	fix_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_what_both_know),
		cmocka_unit_test(start_tells_everything_in_order),
		cmocka_unit_test(kicks_are_left_to_the_back_end),
		cmocka_unit_test(a_queue_that_is_not_ready_is_not_given),
		cmocka_unit_test(pause_keeps_the_ring_positions),
		cmocka_unit_test(pause_waits_for_requests),
		cmocka_unit_test(pause_does_not_wait_for_ever),
		cmocka_unit_test(restarts),
		cmocka_unit_test(starts_a_plain_back_end),
		cmocka_unit_test(dies_while_it_works),
		cmocka_unit_test(dies_before_there_is_a_driver),
		cmocka_unit_test(dies_unseen),
		cmocka_unit_test(refuses_an_order),
		cmocka_unit_test(says_what_it_must_not),
		cmocka_unit_test(never_acknowledges),
		cmocka_unit_test(does_not_read),
		cmocka_unit_test(lies_at_the_end),
		cmocka_unit_test(bad_tags_and_memory),
		cmocka_unit_test(sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
