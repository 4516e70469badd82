/*
 * The hybrid vsock as its guest and its host clients see it: streams that either side opens, and
 * what a reset or a pause does to open ones. Sockets are in a directory of the test's own.
 */
#define _GNU_SOURCE
#include "virtio/test/hvsock_fix.h"

static void host_connects_and_both_sides_talk(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	fd = up_connected(&f, &port);
	assert_true(port >= 1U << 30);
	assert_int_equal(f.h.type, VIRTIO_VSOCK_TYPE_STREAM);
	assert_int_equal(f.h.buf_alloc, HV_BUFFER);
	host_says(&f, fd, "to the guest");
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f.h.len, 12);
	assert_memory_equal(f.data, "to the guest", 12);
	assert_true(f.h.src_port == port && f.h.dst_port == 1024);
	writes(&f, port, 1024, "to the host", 11);
	host_hears(fd, "to the host");
	hears_nothing(&f);
	close(fd);
	down(&f);
}

static void guest_dials_a_service(void **state UNUSED)
{
	struct fix f;
	int listener, fd;

	up(&f);
	listener = service(&f, 5000);
	says(&f, 5000, 33333, VIRTIO_VSOCK_OP_REQUEST, 0);
	hears(&f, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(f.h.src_port == 5000 && f.h.dst_port == 33333);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	writes(&f, 5000, 33333, "question", 8);
	host_hears(fd, "question");
	host_says(&f, fd, "answer");
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "answer", 6);
	no_service(&f, 5000, listener);
	says(&f, 5000, 33334, VIRTIO_VSOCK_OP_REQUEST, 0);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(f.h.dst_port, 33334);
	close(fd);
	down(&f);
}

static void reset_ends_all_streams(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd, waiting;

	fd = up_connected(&f, &port);
	waiting = client(&f);
	driver_reset(&f.d);
	assert_true(at_end(fd));
	assert_true(at_end(waiting));
	close(fd);
	close(waiting);
	start(&f, RING);
	hears_nothing(&f);
	says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	fd = connected(&f, &port);
	close(fd);
	down(&f);
}

static void pause_holds_everything(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd, late;

	fd = up_connected(&f, &port);
	virtio_mmio_pause(f.d.m);
	host_says(&f, fd, "held");
	late = client(&f);
	host_says(&f, late, "CONNECT 9\n");
	hears_nothing(&f);
	virtio_mmio_resume(f.d.m);
	driver_turn(&f.d);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "held", 4);
	hears(&f, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(f.h.dst_port, 9);
	close(fd);
	close(late);
	down(&f);
}

static void constructor_checks_what_it_is_told(void **state UNUSED)
{
	static const uint32_t bad[] = { 1, 2, UINT32_MAX };
	struct virtio_env env = { .label = "vsock0" };
	struct virtio_dev *dev;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vm_vsock cfg = { .cid = bad[i], .uds = "/nowhere/v" };
		struct err err = { 0 };

		assert_int_equal(virtio_hvsock_new(&dev, &cfg, &env, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "a guest's is 3 to 4294967294"));
		cfg.cid = 3;
		assert_int_equal(virtio_hvsock_new(&dev, &cfg, &env, &err), -ENOENT);
		assert_non_null(strstr(err.msg, "the vsock socket /nowhere/v"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_connects_and_both_sides_talk),
		cmocka_unit_test(guest_dials_a_service),
		cmocka_unit_test(reset_ends_all_streams),
		cmocka_unit_test(pause_holds_everything),
		cmocka_unit_test(constructor_checks_what_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
