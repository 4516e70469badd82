/*
 * vhost without a vhost: the ioctls go to a table of this test, which checks what the kernel would
 * be told, in which order, and what is taken back. And the vhost-vsock device on it.
 */
#include "virtio/test/driver.h"
#include "virtio/vsock.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_vsock.h>
#include <string.h>
#include <sys/eventfd.h>

#include "core/test/check.h"

#define RING   16
#define BIT(n) (UINT64_C(1) << (n))

static struct {
	unsigned long order[64];
	unsigned calls;
	unsigned long fails; /* this request fails */
	int error;
	uint64_t features, memory[2][3], cid;
	struct vhost_vring_state num[2], base[2];
	struct vhost_vring_addr addr[2];
	int kick[2], call[2], err[2];
	uint16_t left_at[2]; /* what VHOST_GET_VRING_BASE answers */
	int running;
	unsigned disturbed; /* so often a signal is pending when it is to make its thread */
} kernel;

static void table(const struct vhost_memory *m)
{
	assert_int_equal(m->nregions, 2);
	for (unsigned i = 0; i < 2; i++) {
		kernel.memory[i][0] = m->regions[i].guest_phys_addr;
		kernel.memory[i][1] = m->regions[i].memory_size;
		kernel.memory[i][2] = m->regions[i].userspace_addr;
	}
}

static void ring_file(int *fds, const struct vhost_vring_file *file)
{
	assert_in_range(file->index, 0, 1);
	fds[file->index] = file->fd;
}

static int fake_call(int fd UNUSED, unsigned long request, void *arg)
{
	struct vhost_vring_state *state = arg;
	struct vhost_vring_addr *addr = arg;

	if (request != VHOST_GET_FEATURES)
		kernel.order[kernel.calls++ % ARRAY_SIZE(kernel.order)] = request;
	if (request == kernel.fails)
		return -kernel.error;
	switch (request) {
	case VHOST_SET_OWNER:
		if (!kernel.disturbed)
			break;
		kernel.disturbed--;
		return -ENOMEM;
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) |
			BIT(VIRTIO_VSOCK_F_SEQPACKET);
		break;
	case VHOST_SET_FEATURES:
		kernel.features = *(uint64_t *)arg;
		break;
	case VHOST_SET_MEM_TABLE:
		table(arg);
		break;
	case VHOST_SET_VRING_NUM:
		kernel.num[state->index] = *state;
		break;
	case VHOST_SET_VRING_BASE:
		kernel.base[state->index] = *state;
		break;
	case VHOST_GET_VRING_BASE:
		state->num = kernel.left_at[state->index];
		break;
	case VHOST_SET_VRING_ADDR:
		kernel.addr[addr->index] = *addr;
		break;
	case VHOST_SET_VRING_KICK:
		ring_file(kernel.kick, arg);
		break;
	case VHOST_SET_VRING_CALL:
		ring_file(kernel.call, arg);
		break;
	case VHOST_SET_VRING_ERR:
		ring_file(kernel.err, arg);
		break;
	case VHOST_VSOCK_SET_GUEST_CID:
		kernel.cid = *(uint64_t *)arg;
		break;
	case VHOST_VSOCK_SET_RUNNING:
		kernel.running = *(int *)arg;
		break;
	}
	return 0;
}

static int new_vsock(struct driver *d, uint32_t cid, struct err *err)
{
	struct vm_vsock cfg = { .present = true, .cid = cid, .vhost_fd = -1 };
	struct virtio_env env = { .mem = &d->mem, .loop = d->loop, .label = "vsock0" };
	struct vhost vhost = { .call = fake_call };
	struct virtio_dev *dev;
	int rc;

	assert_int_equal(vhost_adopt(&vhost, dup(0), "vhost-vsock", err), 0);
	rc = vsock_assemble(&dev, &vhost, &cfg, &env, err);
	if (rc)
		vhost_close(&vhost);
	else
		driver_plug(d, dev);
	return rc;
}

static void plug(struct driver *d)
{
	struct err err = { 0 };

	memset(&kernel, 0, sizeof(kernel));
	log_setup(2, LOG_ERROR, "test");
	driver_init(d);
	assert_int_equal(new_vsock(d, 42, &err), 0);
	assert_int_equal(kernel.cid, 42);
}

static void told(const unsigned long *want, size_t n)
{
	assert_int_equal(kernel.calls, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kernel.order[i], want[i]);
	kernel.calls = 0;
}

static void offers_what_the_kernel_and_the_device_know(void **state UNUSED)
{
	uint64_t cid;
	struct driver d;

	plug(&d);
	assert_int_equal(driver_features(&d),
		BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) |
			BIT(VIRTIO_VSOCK_F_SEQPACKET));
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_VSOCK);
	driver_config(&d, 0, &cid, 8);
	assert_int_equal(cid, 42);
	driver_fini(&d);
}

static void start_tells_everything_in_order(void **state UNUSED)
{
	static const unsigned long order[] = { VHOST_SET_OWNER, VHOST_SET_FEATURES,
		VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE,
		VHOST_SET_VRING_ADDR, VHOST_SET_VRING_ERR, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE,
		VHOST_SET_VRING_ADDR, VHOST_SET_VRING_ERR, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_KICK, VHOST_VSOCK_SET_RUNNING };
	struct driver d;

	plug(&d);
	kernel.calls = 0;
	driver_start(&d, BIT(VIRTIO_RING_F_EVENT_IDX), 3, RING);
	told(order, ARRAY_SIZE(order));
	assert_int_equal(kernel.features, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX));
	assert_memory_equal(kernel.memory,
		((uint64_t[]){ DRIVER_RAM, DRIVER_RAM_SIZE, (uintptr_t)d.ram, DRIVER_RAM2,
			DRIVER_RAM2_SIZE, (uintptr_t)d.ram2 }),
		sizeof(kernel.memory));
	for (unsigned q = 0; q < 2; q++) {
		assert_int_equal(kernel.num[q].num, RING);
		assert_int_equal(kernel.base[q].num, 0);
		assert_ptr_equal(kernel.addr[q].desc_user_addr, driver_ptr(&d, d.q[q].desc));
		assert_ptr_equal(kernel.addr[q].avail_user_addr, driver_ptr(&d, d.q[q].avail));
		assert_ptr_equal(kernel.addr[q].used_user_addr, driver_ptr(&d, d.q[q].used));
		assert_int_equal(kernel.kick[q], d.kick_fd[q]);
		assert_int_equal(kernel.call[q], d.m->irqfd);
		assert_int_equal(kernel.err[q], kernel.err[0]);
	}
	assert_int_equal(kernel.running, 1);
	assert_int_equal(d.dev->kernel_queues, 3);
	driver_fini(&d);
}

/* A vCPU that is kicked while it starts the device. */
static void signals_at_the_start_do_no_harm(void **state UNUSED)
{
	struct driver d;

	plug(&d);
	kernel.disturbed = 3;
	driver_start(&d, 0, 3, RING);
	assert_int_equal(kernel.disturbed, 0);
	assert_int_equal(d.dev->kernel_queues, 3);
	driver_fini(&d);
}

/* The kernel polls kick descriptors; the loop must not eat what is meant for it, and does see the
 * third queue. */
static void kicks_are_left_to_the_kernel(void **state UNUSED)
{
	uint64_t n;
	struct driver d;

	plug(&d);
	driver_start(&d, 0, 3, RING);
	assert_int_equal(read(d.kick_fd[0], &n, sizeof(n)), sizeof(n)); /* look at the rings now */
	driver_kick(&d, 0);
	assert_int_equal(read(d.kick_fd[0], &n, sizeof(n)), sizeof(n));
	driver_kick(&d, 2);
	assert_int_equal(read(d.kick_fd[2], &n, sizeof(n)), -1);
	assert_true(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING);
	driver_fini(&d);
}

static void reset_takes_everything_back(void **state UNUSED)
{
	static const unsigned long order[] = { VHOST_VSOCK_SET_RUNNING, VHOST_GET_VRING_BASE,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR };
	struct driver d;

	plug(&d);
	driver_start(&d, 0, 3, RING);
	kernel.calls = 0;
	driver_reset(&d);
	told(order, ARRAY_SIZE(order));
	assert_int_equal(kernel.running, 0);
	for (unsigned q = 0; q < 2; q++)
		assert_true(kernel.kick[q] == -1 && kernel.call[q] == -1 && kernel.err[q] == -1);
	assert_int_equal(d.dev->kernel_queues, 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	driver_reset(&d);
	assert_int_equal(kernel.calls, 0);
	driver_start(&d, 0, 3, RING); /* a second driver: the owner is set already */
	assert_int_equal(kernel.order[0], VHOST_SET_FEATURES);
	assert_int_equal(kernel.running, 1);
	driver_fini(&d);
	assert_int_equal(kernel.running, 0);
}

static void pause_keeps_the_ring_positions(void **state UNUSED)
{
	uint16_t used = 4;
	struct driver d;

	plug(&d);
	driver_start(&d, 0, 3, RING);
	kernel.left_at[0] = 7;
	kernel.left_at[1] = 65535;
	memcpy((char *)driver_ptr(&d, d.q[0].used) + 2, &used, sizeof(used));
	virtio_mmio_pause(d.m);
	assert_int_equal(kernel.running, 0);
	assert_int_equal(d.dev->queue[0].next_avail, 7);
	assert_int_equal(d.dev->queue[0].next_used, 4);
	virtio_mmio_resume(d.m);
	assert_int_equal(kernel.running, 1);
	assert_int_equal(kernel.base[0].num, 7);
	assert_int_equal(kernel.base[1].num, 65535);
	assert_int_equal(d.dev->kernel_queues, 3);
	driver_fini(&d);
}

static void a_queue_that_is_not_ready_is_not_given(void **state UNUSED)
{
	struct driver d;

	plug(&d);
	kernel.kick[1] = -77;
	driver_start(&d, 0, 1, RING);
	assert_int_equal(d.dev->kernel_queues, 1);
	assert_int_equal(kernel.kick[1], -77);
	driver_fini(&d);
}

static void every_failure_leaves_nothing_behind(void **state UNUSED)
{
	static const unsigned long requests[] = { VHOST_SET_OWNER, VHOST_SET_FEATURES,
		VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE,
		VHOST_SET_VRING_ADDR, VHOST_SET_VRING_ERR, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_KICK, VHOST_VSOCK_SET_RUNNING };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct driver d;

		plug(&d);
		kernel.fails = requests[i];
		kernel.error = EBUSY;
		driver_start(&d, 0, 3, RING);
		assert_true(driver_needs_reset(&d));
		assert_int_equal(d.dev->kernel_queues, 0);
		assert_int_equal(kernel.running, 0);
		kernel.fails = 0;
		driver_start(&d, 0, 3, RING);
		assert_false(driver_needs_reset(&d));
		assert_int_equal(kernel.running, 1);
		driver_fini(&d);
	}
}

static void a_ring_that_the_kernel_refuses_breaks_the_device(void **state UNUSED)
{
	uint64_t one = 1;
	struct driver d;

	plug(&d);
	driver_start(&d, 0, 3, RING);
	assert_int_equal(write(kernel.err[0], &one, sizeof(one)), sizeof(one));
	driver_turn(&d);
	assert_true(driver_needs_reset(&d));
	driver_start(&d, 0, 3, RING);
	driver_turn(&d);
	assert_false(driver_needs_reset(&d));
	driver_fini(&d);
}

static void cid_in_use_and_other_sentences(void **state UNUSED)
{
	struct vm_vsock cfg = { .present = true, .cid = 2, .vhost_fd = -1 };
	struct virtio_env env = { .label = "vsock0" };
	struct virtio_dev *dev;
	struct err err = { 0 };
	struct driver d;

	memset(&kernel, 0, sizeof(kernel));
	driver_init(&d);
	kernel.fails = VHOST_VSOCK_SET_GUEST_CID;
	kernel.error = EADDRINUSE;
	assert_int_equal(new_vsock(&d, 42, &err), -EADDRINUSE);
	assert_string_equal(err.msg, "vsock cid 42 is in use by another guest");
	kernel.error = EINVAL;
	assert_int_equal(new_vsock(&d, 42, &err), -EINVAL);
	assert_string_equal(err.msg, "set vsock cid 42: Invalid argument");
	cfg.vhost_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(virtio_vsock_new(&dev, &cfg, &env, &err) < 0);
	assert_non_null(strstr(err.msg, "is not a vhost device"));
	assert_int_equal(fcntl(cfg.vhost_fd, F_GETFD), -1); /* taken over also when refused */
	driver_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_what_the_kernel_and_the_device_know),
		cmocka_unit_test(start_tells_everything_in_order),
		cmocka_unit_test(signals_at_the_start_do_no_harm),
		cmocka_unit_test(kicks_are_left_to_the_kernel),
		cmocka_unit_test(reset_takes_everything_back),
		cmocka_unit_test(pause_keeps_the_ring_positions),
		cmocka_unit_test(a_queue_that_is_not_ready_is_not_given),
		cmocka_unit_test(every_failure_leaves_nothing_behind),
		cmocka_unit_test(a_ring_that_the_kernel_refuses_breaks_the_device),
		cmocka_unit_test(cid_in_use_and_other_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
