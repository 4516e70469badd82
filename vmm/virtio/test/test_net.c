/*
 * The network card over sockets instead of a tap: frames both ways, merged and oversized ones, the
 * control queue, and who serves the queues when vhost-net is there (its ioctl is
 * this test's) or fails. Taps are in test_tap.c.
 */
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include "virtio/test/net_fix.h"

/* what the driver sees */

static void offers_what_the_tap_can_do(void **state UNUSED)
{
	struct fix f;
	uint64_t features,
		must = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
		BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
		BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) |
		BIT(VIRTIO_NET_F_GUEST_UFO) | BIT(VIRTIO_NET_F_HOST_TSO4) |
		BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) |
		BIT(VIRTIO_NET_F_HOST_UFO) | MERGE | BIT(VIRTIO_NET_F_STATUS) |
		BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		BIT(VIRTIO_F_VERSION_1);

	up(&f, 1, 0);
	features = driver_features(&f.d);
	assert_int_equal(features, must); /* no MQ, no control queue, no MTU, no USO */
	assert_int_equal(driver_get(&f.d, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_NET);
	down(&f);
}

static void config_has_mac_status_pairs_mtu(void **state UNUSED)
{
	struct vm_net cfg = { .mac = { 2, 3, 4, 5, 6, 7 }, .mtu = 9000, .vhost = VM_VHOST_OFF };
	struct fix f;
	struct net_parts parts;
	uint8_t config[12];

	driver_init(&f.d);
	parts = parts_of(&f, 3);
	plug(&f, &parts, &cfg);
	assert_true(driver_features(&f.d) & BIT(VIRTIO_NET_F_MTU));
	assert_int_equal(driver_features(&f.d) & MULTI, MULTI);
	driver_config(&f.d, 0, config, 8);
	driver_config(&f.d, 8, config + 8, 4);
	assert_memory_equal(config, ((uint8_t[]){ 2, 3, 4, 5, 6, 7, 1, 0, 3, 0, 0x28, 0x23 }), 12);
	down(&f);
}

static void derived_mac_is_local_and_stable(void **state UNUSED)
{
	uint8_t mac[3][6];

	for (unsigned i = 0; i < 3; i++) {
		struct vm_net cfg = { .vhost = VM_VHOST_OFF };
		struct fix f;
		struct net_parts parts;

		driver_init(&f.d);
		parts = parts_of(&f, 1);
		parts.tap.name[3] = i == 2 ? '8' : '7';
		plug(&f, &parts, &cfg);
		driver_config(&f.d, 0, mac[i], 4);
		driver_config(&f.d, 4, mac[i] + 4, 2);
		down(&f);
	}
	assert_int_equal(mac[0][0] & 3, 2);
	assert_memory_equal(mac[0], mac[1], 6);
	assert_memory_not_equal(mac[0], mac[2], 6);
}

/* from the guest */

static void frame_in_many_descriptors_goes_out_whole(void **state UNUSED)
{
	struct vring_used_elem e;
	struct buf b[16];
	uint8_t frame[400];
	struct fix f;

	up(&f, 1, 0);
	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < 15; i++) /* the header alone takes twelve */
		b[i] = driver_out(&f.d, frame + i, 1);
	b[15] = driver_out(&f.d, frame + 15, sizeof(frame) - 15);
	driver_add(&f.d, TX, b, 16);
	driver_kick(&f.d, TX);
	assert_true(driver_wait_used(&f.d, TX, &e));
	assert_int_equal(e.len, 0);
	assert_true(network_hears(&f, 0, sizeof(frame)));
	assert_true(driver_take_irq(&f.d));
	down(&f);
}

static void full_network_makes_frames_wait_in_order(void **state UNUSED)
{
	int size = 1;
	unsigned heard = 0;
	struct fix f;

	up(&f, 1, BIT(VIRTIO_RING_F_EVENT_IDX));
	setsockopt(f.n->tap.fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (unsigned i = 0; i < RING; i++)
		add_tx(&f, TX, 1000 + i);
	driver_kick(&f.d, TX);
	assert_true(f.n->pair[0].tx_full);
	assert_in_range(driver_used_idx(&f.d, TX), 1, RING - 1);
	for (unsigned i = 0; i < 10 * RING && heard < RING; i++) {
		while (network_hears(&f, 0, 1000 + heard))
			heard++;
		driver_turn(&f.d);
	}
	assert_int_equal(heard, RING);
	assert_int_equal(driver_used_idx(&f.d, TX), RING);
	assert_false(f.n->pair[0].tx_full);
	down(&f);
}

static void long_batch_goes_on_by_itself(void **state UNUSED)
{
	struct fix f;
	unsigned heard = 0;

	log_setup(2, LOG_ERROR, "test");
	driver_init(&f.d);
	{
		struct vm_net cfg = { .vhost = VM_VHOST_OFF };
		struct net_parts parts = parts_of(&f, 1);

		plug(&f, &parts, &cfg);
	}
	driver_start(&f.d, 0, 2, 256);
	for (unsigned i = 0; i < 256; i++)
		add_tx(&f, TX, 60);
	driver_signal(&f.d, TX);
	for (unsigned i = 0; i < 200 && heard < 256; i++) {
		driver_turn(&f.d);
		while (network_hears(&f, 0, 60))
			heard++;
	}
	assert_int_equal(heard, 256);
	down(&f);
}

/* to the guest */

static void frame_arrives_in_one_buffer(void **state UNUSED)
{
	struct fix f;
	uint64_t gpa;

	up(&f, 1, 0);
	gpa = rx_buffer(&f, RX, 1526);
	driver_kick(&f.d, RX);
	network_sends(&f, 0, 1526);
	expect_frame(&f, RX, &gpa, 1, 1526, 1526);
	assert_true(driver_wait_irq(&f.d));
	down(&f);
}

static void large_frame_is_spread_over_buffers(void **state UNUSED)
{
	struct fix f;
	uint64_t gpa[45];

	up(&f, 1, MERGE | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4));
	for (unsigned i = 0; i < 45; i++)
		gpa[i] = rx_buffer(&f, RX, 1526);
	driver_kick(&f.d, RX);
	network_sends(&f, 0, 65000);
	network_sends(&f, 0, 64);
	expect_frame(&f, RX, gpa, 43, 1526, 65000);
	expect_frame(&f, RX, gpa + 43, 1, 1526, 64);
	down(&f);
}

static void frame_larger_than_its_room_waits_for_more(void **state UNUSED)
{
	struct vring_used_elem e;
	uint64_t gpa[4];
	struct fix f;

	up(&f, 1, MERGE);
	gpa[0] = rx_buffer(&f, RX, 1526);
	gpa[1] = rx_buffer(&f, RX, 1526);
	driver_kick(&f.d, RX);
	network_sends(&f, 0, 5000);
	network_sends(&f, 0, 64);
	driver_turn(&f.d);
	assert_false(driver_take_used(&f.d, RX, &e));
	assert_int_equal(f.n->pair[0].watch.events & EPOLLIN, 0); /* no spinning */
	gpa[2] = rx_buffer(&f, RX, 1526);
	driver_kick(&f.d, RX);
	assert_false(driver_take_used(&f.d, RX, &e));
	gpa[3] = rx_buffer(&f, RX, 1526);
	driver_kick(&f.d, RX);
	expect_frame(&f, RX, gpa, 4, 1526, 5000);
	gpa[0] = rx_buffer(&f, RX, 1526);
	driver_kick(&f.d, RX);
	expect_frame(&f, RX, gpa, 1, 1526, 64);
	down(&f);
}

static void frame_larger_than_the_ring_is_dropped(void **state UNUSED)
{
	struct vring_used_elem e;
	uint64_t gpa[RING];
	struct fix f;

	up(&f, 1, MERGE);
	for (unsigned i = 0; i < RING; i++)
		gpa[i] = rx_buffer(&f, RX, 64);
	driver_kick(&f.d, RX);
	network_sends(&f, 0, RING * 64 + 1);
	driver_turn(&f.d);
	assert_false(driver_take_used(&f.d, RX, &e));
	network_sends(&f, 0, 100);
	expect_frame(&f, RX, gpa, 2, 64, 100);
	down(&f);
}

static void unmerged_frame_that_does_not_fit_is_dropped(void **state UNUSED)
{
	struct fix f;
	uint64_t gpa[2];

	up(&f, 1, 0);
	gpa[0] = rx_buffer(&f, RX, 1000);
	gpa[1] = rx_buffer(&f, RX, 1000);
	driver_kick(&f.d, RX);
	network_sends(&f, 0, 1001);
	network_sends(&f, 0, NET_FRAME_MAX + 5000);
	network_sends(&f, 0, 1000);
	expect_frame(&f, RX, gpa, 1, 1000, 1000);
	network_sends(&f, 0, 999);
	expect_frame(&f, RX, gpa + 1, 1, 1000, 999);
	down(&f);
}

static void short_frames_of_the_network_are_dropped(void **state UNUSED)
{
	struct fix f;
	uint64_t gpa;

	up(&f, 1, 0);
	gpa = rx_buffer(&f, RX, 1000);
	driver_kick(&f.d, RX);
	for (size_t len = 1; len < TAP_HEADER + 14; len++)
		network_sends(&f, 0, len);
	network_sends(&f, 0, TAP_HEADER + 14);
	expect_frame(&f, RX, &gpa, 1, 1000, TAP_HEADER + 14);
	down(&f);
}

static void without_buffers_the_tap_is_left_alone(void **state UNUSED)
{
	struct fix f;
	uint64_t gpa;

	up(&f, 1, BIT(VIRTIO_RING_F_EVENT_IDX));
	network_sends(&f, 0, 100);
	driver_turn(&f.d);
	assert_int_equal(f.n->pair[0].watch.events, 0);
	gpa = rx_buffer(&f, RX, 1000);
	assert_true(driver_kick_wanted(&f.d, RX));
	driver_kick(&f.d, RX);
	expect_frame(&f, RX, &gpa, 1, 1000, 100);
	down(&f);
}

/* life */

static void reset_forgets_buffers_taken_ahead(void **state UNUSED)
{
	struct fix f;

	up(&f, 1, MERGE | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_CSUM));
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 3; k++)
			rx_buffer(&f, RX, 1000);
		network_sends(&f, 0, i % 2 ? 5000 : 200);
		driver_kick(&f.d, RX);
		driver_reset(&f.d);
		assert_int_equal(f.n->pair[0].rx.nbuf, 0);
		assert_false(f.n->pair[0].watch.added);
		driver_start(&f.d, MERGE, 2, RING);
		while (recv(f.n->tap.fd[0], &f.peer[1], 1, 0) > 0)
			;
	}
	assert_works(&f);
	down(&f);
}

static void pause_gives_buffers_back_and_resume_goes_on(void **state UNUSED)
{
	struct fix f;
	uint64_t gpa[3];

	up(&f, 1, MERGE);
	for (unsigned i = 0; i < 3; i++)
		gpa[i] = rx_buffer(&f, RX, 2000);
	driver_kick(&f.d, RX);
	network_sends(&f, 0, 500);
	expect_frame(&f, RX, gpa, 1, 2000, 500);
	virtio_mmio_pause(f.d.m);
	assert_int_equal(f.n->dev.queue[RX].next_avail, 1);
	assert_int_equal(f.n->dev.queue[RX].next_used, 1);
	network_sends(&f, 0, 600);
	add_tx(&f, TX, 300);
	driver_kick(&f.d, TX);
	assert_int_equal(driver_used_idx(&f.d, RX), 1);
	assert_false(network_hears(&f, 0, 0));
	virtio_mmio_resume(f.d.m);
	driver_turn(&f.d);
	expect_frame(&f, RX, gpa + 1, 1, 2000, 600);
	assert_true(network_hears(&f, 0, 300));
	virtio_mmio_pause(f.d.m); /* and a machine reset while paused */
	virtio_mmio_reset(f.d.m);
	virtio_mmio_resume(f.d.m);
	driver_start(&f.d, MERGE, 2, RING);
	assert_works(&f);
	down(&f);
}

static void network_gone_is_a_link_down(void **state UNUSED)
{
	struct vring_used_elem e;
	uint8_t status[2];
	struct fix f;

	up(&f, 1, BIT(VIRTIO_NET_F_STATUS));
	rx_buffer(&f, RX, 1000);
	driver_kick(&f.d, RX);
	shutdown(f.peer[0], SHUT_RDWR);
	driver_turn(&f.d);
	driver_config(&f.d, 6, status, 2);
	assert_int_equal(status[0], 0);
	assert_true(driver_ack_irq(&f.d) & VIRTIO_MMIO_INT_CONFIG);
	assert_false(f.n->pair[0].watch.added);
	add_tx(&f, TX, 100);
	driver_kick(&f.d, TX);
	assert_false(driver_needs_reset(&f.d));
	driver_start(&f.d, 0, 2, RING);
	assert_false(f.n->pair[0].watch.added);
	assert_false(driver_take_used(&f.d, TX, &e));
	down(&f);
}

/* the control queue */

static void pairs_are_used_when_the_driver_says_so(void **state UNUSED)
{
	struct vring_used_elem e;
	struct fix f;
	uint64_t gpa;

	up(&f, 2, MULTI);
	gpa = rx_buffer(&f, 2, 1000);
	add_tx(&f, 3, 100);
	driver_kick(&f.d, 2);
	driver_kick(&f.d, 3);
	assert_false(driver_take_used(&f.d, 3, &e)); /* one pair until then */
	assert_int_equal(set_pairs(&f, 4, 2), VIRTIO_NET_OK);
	assert_true(driver_wait_used(&f.d, 3, &e)); /* what it had queued before */
	assert_true(network_hears(&f, 1, 100));
	network_sends(&f, 1, 200);
	driver_turn(&f.d);
	expect_frame(&f, 2, &gpa, 1, 1000, 200);
	rx_buffer(&f, 2, 1000);
	driver_kick(&f.d, 2);
	assert_int_equal(set_pairs(&f, 4, 1), VIRTIO_NET_OK);
	assert_false(f.n->pair[1].watch.added);
	assert_int_equal(f.n->dev.queue[2].next_avail, 1);
	assert_works(&f);
	down(&f);
}

static void control_queue_is_third_without_multiqueue(void **state UNUSED)
{
	struct vring_used_elem e;
	struct fix f;

	up(&f, 2, BIT(VIRTIO_NET_F_CTRL_VQ));
	assert_int_equal(set_pairs(&f, 2, 1), VIRTIO_NET_ERR); /* not negotiated */
	rx_buffer(&f, 4, 100);
	driver_kick(&f.d, 4);
	assert_false(driver_take_used(&f.d, 4, &e));
	assert_works(&f);
	down(&f);
}

/* vhost-net */

static struct {
	int backend[2];
	unsigned kicks_set, unbound, backend_error;
	uint16_t base;
} kernel;

static int fake_call(int fd UNUSED, unsigned long request, void *arg)
{
	struct vhost_vring_file *file = arg;
	struct vhost_vring_state *ring = arg;

	switch (request) {
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = UINT64_MAX & ~BIT(VIRTIO_RING_F_INDIRECT_DESC);
		break;
	case VHOST_SET_FEATURES:
		assert_false(*(uint64_t *)arg &
			BIT(VHOST_NET_F_VIRTIO_NET_HDR)); /* the tap has the header */
		break;
	case VHOST_NET_SET_BACKEND:
		if (file->fd >= 0 && kernel.backend_error)
			return -(int)kernel.backend_error;
		kernel.unbound += file->fd < 0;
		kernel.backend[file->index] = file->fd;
		break;
	case VHOST_SET_VRING_KICK:
		kernel.kicks_set += file->fd >= 0;
		break;
	case VHOST_GET_VRING_BASE:
		assert_int_equal(kernel.backend[ring->index],
			-1); /* taken back only when detached */
		ring->num = kernel.base;
		break;
	case VHOST_SET_VRING_BASE:
		assert_int_equal(ring->num, kernel.base);
		break;
	}
	return 0;
}

static void up_with_vhost(struct fix *f, enum vm_vhost wish)
{
	struct vm_net cfg = { .vhost = wish };
	struct net_parts parts;
	struct err err = { 0 };

	log_setup(2, LOG_ERROR, "test");
	memset(&kernel, 0, sizeof(kernel));
	kernel.backend[0] = kernel.backend[1] = -1;
	driver_init(&f->d);
	parts = parts_of(f, 2);
	for (parts.nvhost = 0; parts.nvhost < 2; parts.nvhost++) {
		parts.vhost[parts.nvhost].call = fake_call;
		assert_int_equal(vhost_adopt(&parts.vhost[parts.nvhost], dup(0), "vhost-net", &err),
			0);
	}
	plug(f, &parts, &cfg);
}

static void vhost_serves_the_pairs_and_the_loop_the_control_queue(void **state UNUSED)
{
	uint64_t kicks;
	struct fix f;

	up_with_vhost(&f, VM_VHOST_AUTO);
	assert_false(driver_features(&f.d) &
		BIT(VIRTIO_RING_F_INDIRECT_DESC)); /* this kernel has it not */
	driver_start(&f.d, MULTI | MERGE, 5, RING);
	assert_true(f.n->in_kernel);
	assert_int_equal(f.n->dev.kernel_queues, 0xf);
	assert_int_equal(kernel.kicks_set, 4);
	assert_int_equal(read(f.d.kick_fd[1], &kicks, sizeof(kicks)),
		sizeof(kicks)); /* look at the rings now */
	assert_int_equal(kernel.backend[0], f.n->tap.fd[1]);
	assert_int_equal(kernel.backend[1], f.n->tap.fd[1]);
	assert_true(driver_get(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING);
	assert_false(f.n->pair[0].watch.added);
	assert_int_equal(set_pairs(&f, 4, 2), VIRTIO_NET_OK);
	assert_false(f.n->pair[1].watch.added);
	driver_reset(&f.d);
	assert_int_equal(kernel.unbound, 4);
	assert_int_equal(f.n->dev.kernel_queues, 0);
	assert_int_equal(driver_get(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	down(&f);
}

static void vhost_pause_keeps_the_ring_positions(void **state UNUSED)
{
	struct fix f;

	up_with_vhost(&f, VM_VHOST_AUTO);
	driver_start(&f.d, MULTI | MERGE, 5, RING);
	kernel.base = 17;
	virtio_mmio_pause(f.d.m);
	assert_int_equal(kernel.backend[0], -1);
	assert_int_equal(f.n->dev.queue[0].next_avail, 17);
	virtio_mmio_resume(f.d.m);
	assert_int_equal(kernel.backend[1], f.n->tap.fd[1]);
	assert_int_equal(f.n->dev.kernel_queues, 0xf);
	virtio_mmio_pause(f.d.m);
	kernel.backend_error = EBUSY;
	virtio_mmio_resume(f.d.m);
	assert_true(driver_needs_reset(&f.d));
	down(&f);
}

static void vhost_that_fails_leaves_the_work_to_the_loop(void **state UNUSED)
{
	struct fix f;

	up_with_vhost(&f, VM_VHOST_AUTO);
	kernel.backend_error = EBUSY;
	driver_start(&f.d, MERGE, 5, RING);
	assert_false(f.n->in_kernel);
	assert_int_equal(f.n->dev.kernel_queues, 0);
	assert_works(&f);
	down(&f);
}

static void vhost_that_must_be_breaks_the_device(void **state UNUSED)
{
	struct fix f;

	up_with_vhost(&f, VM_VHOST_ON);
	kernel.backend_error = EBUSY;
	driver_start(&f.d, MERGE, 5, RING);
	assert_true(driver_needs_reset(&f.d));
	assert_int_equal(f.n->dev.kernel_queues, 0);
	kernel.backend_error = 0;
	driver_start(&f.d, MERGE, 5, RING);
	assert_true(f.n->in_kernel);
	assert_int_equal(f.n->dev.kernel_queues, 0x3); /* one pair: no MQ */
	down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_what_the_tap_can_do),
		cmocka_unit_test(config_has_mac_status_pairs_mtu),
		cmocka_unit_test(derived_mac_is_local_and_stable),
		cmocka_unit_test(frame_in_many_descriptors_goes_out_whole),
		cmocka_unit_test(full_network_makes_frames_wait_in_order),
		cmocka_unit_test(long_batch_goes_on_by_itself),
		cmocka_unit_test(frame_arrives_in_one_buffer),
		cmocka_unit_test(large_frame_is_spread_over_buffers),
		cmocka_unit_test(frame_larger_than_its_room_waits_for_more),
		cmocka_unit_test(frame_larger_than_the_ring_is_dropped),
		cmocka_unit_test(unmerged_frame_that_does_not_fit_is_dropped),
		cmocka_unit_test(short_frames_of_the_network_are_dropped),
		cmocka_unit_test(without_buffers_the_tap_is_left_alone),
		cmocka_unit_test(reset_forgets_buffers_taken_ahead),
		cmocka_unit_test(pause_gives_buffers_back_and_resume_goes_on),
		cmocka_unit_test(network_gone_is_a_link_down),
		cmocka_unit_test(pairs_are_used_when_the_driver_says_so),
		cmocka_unit_test(control_queue_is_third_without_multiqueue),
		cmocka_unit_test(vhost_serves_the_pairs_and_the_loop_the_control_queue),
		cmocka_unit_test(vhost_pause_keeps_the_ring_positions),
		cmocka_unit_test(vhost_that_fails_leaves_the_work_to_the_loop),
		cmocka_unit_test(vhost_that_must_be_breaks_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
