/*
 * Opening taps: the sentence for each thing that can be wrong. Where the test may make a network
 * namespace of its own, real taps are opened in it and carry frames; elsewhere those tests are
 * skipped.
 */
#define _GNU_SOURCE
#include "virtio/net.h"
#include "virtio/test/driver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/test/check.h"

/* A tap that stays for as long as the test's namespace does; -1: none can be made here. */
static int make_tap(const char *name, int flags)
{
	struct ifreq req = { .ifr_flags = (short)(IFF_NO_PI | flags) };
	AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(req.ifr_name, name);
	return fd < 0 || ioctl(fd, TUNSETIFF, &req) || ioctl(fd, TUNSETPERSIST, 1) ? -1 : 0;
}

static void need_tap(const char *name, int flags)
{
	if (make_tap(name, flags))
		skip();
}

static void set_up(const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_UP };
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(req.ifr_name, name);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &req), 0);
}

static void refused(const char *name, unsigned queues, const char *sentence)
{
	struct err err = { 0 };
	struct tap t;

	assert_true(tap_open(&t, name, queues, &err) < 0);
	assert_string_equal(err.msg, sentence);
	assert_int_equal(t.nfds, 0);
}

static void names_that_can_not_be(void **state UNUSED)
{
	refused("", 1, "tap : a network interface's name has 1 to 15 bytes");
	refused("abcdefghijklmnop", 1,
		"tap abcdefghijklmnop: a network interface's name has 1 to 15 bytes");
	refused("nosuchtap", 1, "tap nosuchtap: no such network interface");
	assert_int_equal(if_nametoindex("nosuchtap"), 0); /* and none was made */
}

static void descriptors_that_are_no_tap(void **state UNUSED)
{
	struct err err = { 0 };
	struct tap t;
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(tap_adopt(&t, pipes, 2, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "is not a tap"));
	assert_int_equal(fcntl(pipes[0], F_GETFD), -1); /* taken over also when refused */
	assert_int_equal(fcntl(pipes[1], F_GETFD), -1);
}

static void constructor_checks_what_it_is_told(void **state UNUSED)
{
	static const struct {
		struct vm_net cfg;
		const char *sentence;
	} bad[] = {
		{ { .tap = "x", .queues = 17 },
			"net0: 17 queue pairs: a network card has at most 16" },
		{ { .tap = "x", .mac = { 1, 2, 3, 4, 5, 6 } },
			"net0: 01:02:03:04:05:06 is a multicast address" },
		{ { .tap = "x", .mtu = 67 },
			"net0: an MTU of 67 is less than the 68 that IPv4 needs" },
		{ { .mtu = 0 }, "net0: neither a tap's name nor its descriptor is given" },
		{ { .tap = "nosuchtap" }, "net0: tap nosuchtap: no such network interface" },
	};
	struct virtio_env env = { .label = "net0" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct virtio_dev *dev;
		struct err err = { 0 };

		assert_true(virtio_net_new(&dev, &bad[i].cfg, &env, &err) < 0);
		assert_string_equal(err.msg, bad[i].sentence);
	}
}

static void interfaces_of_the_wrong_kind(void **state UNUSED)
{
	need_tap("tun0", IFF_TUN);
	need_tap("tap1", IFF_TAP);
	need_tap("tapm", IFF_TAP | IFF_MULTI_QUEUE);
	refused("lo", 1, "network interface lo is not a tap");
	refused("tun0", 1, "network interface tun0 is not a tap");
	refused("tap1", 2, "tap tap1 has one queue: it was made without multi_queue");
	refused("tapm", 1, "tap tapm was made with multi_queue: open it with two queues or more");
}

static void busy_tap(void **state UNUSED)
{
	struct err err = { 0 };
	struct tap t;

	need_tap("tap2", IFF_TAP);
	assert_int_equal(tap_open(&t, "tap2", 1, &err), 0);
	refused("tap2", 1, "tap tap2 is in use by another process");
	assert_true(t.offloads & TUN_F_TSO4);
	tap_close(&t);
	assert_int_equal(tap_open(&t, "tap2", 1, &err), 0);
	tap_close(&t);
}

static void queues_attach_and_detach(void **state UNUSED)
{
	struct err err = { 0 };
	struct tap t, again;
	int fds[3];

	need_tap("tap3", IFF_TAP | IFF_MULTI_QUEUE);
	assert_int_equal(tap_open(&t, "tap3", 3, &err), 0);
	assert_int_equal(t.nfds, 3);
	assert_int_equal(tap_attach(&t, 2, false), 0);
	assert_int_equal(tap_attach(&t, 2, false), -EINVAL); /* it was */
	assert_int_equal(tap_attach(&t, 2, true), 0);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = dup(t.fd[i]);
	tap_close(&t);
	assert_int_equal(tap_adopt(&again, fds, 3, &err), 0);
	assert_string_equal(again.name, "tap3");
	assert_int_equal(fcntl(again.fd[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(again.fd[1], F_GETFD), FD_CLOEXEC);
	tap_close(&again);
}

static void descriptors_of_the_wrong_shape(void **state UNUSED)
{
	struct ifreq bare = { .ifr_name = "tap4", .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct err err = { 0 };
	struct tap one, two, t;
	int fds[2] = { open("/dev/net/tun", O_RDWR | O_CLOEXEC), -1 };

	if (fds[0] < 0 || ioctl(fds[0], TUNSETIFF, &bare)) {
		auto_fd_close(&fds[0]);
		skip();
	}
	assert_int_equal(tap_adopt(&t, fds, 1, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "tap tap4 was opened without IFF_VNET_HDR"));
	need_tap("tap5", IFF_TAP | IFF_MULTI_QUEUE);
	need_tap("tap6", IFF_TAP | IFF_MULTI_QUEUE);
	assert_int_equal(tap_open(&one, "tap5", 2, &err), 0);
	assert_int_equal(tap_open(&two, "tap6", 2, &err), 0);
	fds[0] = dup(one.fd[0]);
	fds[1] = dup(two.fd[0]);
	assert_int_equal(tap_adopt(&t, fds, 2, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "belongs to tap tap6, an earlier one to tap5"));
	tap_close(&one);
	tap_close(&two);
}

/* The host's side of the interface. */
static int packet_socket(const char *name)
{
	struct sockaddr_ll sa = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(0x88b5), /* for experiments */
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static const uint8_t frame[64] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 'h',
	'i' };

static void wait_for_frame(struct driver *d, uint64_t gpa)
{
	struct vring_used_elem e;
	const uint8_t *got;

	do { /* the kernel's own multicasts come by, too */
		assert_true(driver_wait_used(d, 0, &e));
		got = driver_ptr(d, gpa + 2048 * (d->q[0].last_used - 1U));
	} while (memcmp(got + TAP_HEADER + 12, frame + 12, 2));
	assert_int_equal(e.len, TAP_HEADER + sizeof(frame));
	assert_memory_equal(got + TAP_HEADER, frame, sizeof(frame));
	assert_int_equal(got[10] | got[11] << 8, 1); /* num_buffers */
}

static void frames_through_a_real_tap(void **state UNUSED)
{
	struct vm_net cfg = { .tap = "tap8", .queues = 2, .vhost = VM_VHOST_OFF };
	struct driver d;
	struct virtio_env env = { .mem = &d.mem, .label = "net0" };
	struct virtio_dev *dev;
	struct err err = { 0 };
	uint8_t out[TAP_HEADER + sizeof(frame)] = { 0 }, in[128];
	struct vring_used_elem e;
	uint64_t gpa;
	AUTO_FD fd = -1;

	need_tap("tap8", IFF_TAP | IFF_MULTI_QUEUE);
	driver_init(&d);
	env.loop = d.loop;
	assert_int_equal(virtio_net_new(&dev, &cfg, &env, &err), 0);
	driver_plug(&d, dev);
	set_up("tap8");
	fd = packet_socket("tap8");
	for (unsigned round = 0; round < 2; round++) { /* and again after a reset */
		driver_start(&d, driver_features(&d), 5, 32);
		assert_false(driver_needs_reset(&d));
		gpa = driver_alloc(&d, 2048 * 32, 16);
		for (unsigned i = 0; i < 32; i++)
			driver_add(&d, 0,
				&(struct buf){ .gpa = gpa + 2048 * i, .len = 2048, .in = true }, 1);
		driver_kick(&d, 0);
		assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
		wait_for_frame(&d, gpa);
		memcpy(out + TAP_HEADER, frame, sizeof(frame));
		driver_add(&d, 1, &(struct buf[]){ driver_out(&d, out, sizeof(out)) }[0], 1);
		driver_kick(&d, 1);
		assert_true(driver_wait_used(&d, 1, &e));
		assert_int_equal(recv(fd, in, sizeof(in), 0), sizeof(frame));
		assert_memory_equal(in, frame, sizeof(frame));
	}
	driver_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_can_not_be),
		cmocka_unit_test(descriptors_that_are_no_tap),
		cmocka_unit_test(constructor_checks_what_it_is_told),
		cmocka_unit_test(interfaces_of_the_wrong_kind),
		cmocka_unit_test(busy_tap),
		cmocka_unit_test(queues_attach_and_detach),
		cmocka_unit_test(descriptors_of_the_wrong_shape),
		cmocka_unit_test(frames_through_a_real_tap),
	};

	/* Never a tap in the machine's own network. */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET))
		return cmocka_run_group_tests_name("tap, without a namespace",
			((const struct CMUnitTest[]){ tests[0], tests[1], tests[2] }), NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
