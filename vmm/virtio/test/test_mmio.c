/* The virtio-mmio transport with a driver that keeps the rules: virtio 1.2 §2.1, §2.2, §2.5, §3.1,
 * §4.2.2, §4.2.3. */
#include "virtio/test/toy.h"

static void says_what_it_is(void **state)
{
	struct fix *f = *state;

	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_DEVICE_ID), TOY_ID);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_VENDOR_ID), 0x4e504d53);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION), 0);
}

/* §4.2.2: a device without shared memory shows a length of all ones. */
static void has_no_shared_memory(void **state)
{
	struct fix *f = *state;

	for (uint32_t id = 0; id < 3; id++) {
		driver_set(&f->d, 0x0ac, id);
		for (uint32_t reg = VIRTIO_MMIO_SHM_LEN_LOW; reg <= VIRTIO_MMIO_SHM_BASE_HIGH;
			reg += 4)
			assert_int_equal(driver_get(&f->d, reg), UINT32_MAX);
	}
}

static void offers_features_by_halves(void **state)
{
	struct fix *f = *state;

	assert_int_equal(driver_features(&f->d), TOY_FEATURE | TOY_RING | VERSION_1);
	for (uint32_t sel = 2; sel; sel *= 2) {
		driver_set(&f->d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, sel);
		assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	}
}

static void agrees_on_features(void **state)
{
	static const struct {
		uint64_t features;
		bool good;
	} t[] = {
		{ 0, true },
		{ TOY_FEATURE, true },
		{ TOY_FEATURE | TOY_RING, true },
		{ UINT64_C(1) << 0, false },
		{ TOY_FEATURE | UINT64_C(1) << 31, false },
		{ UINT64_C(1) << 63, false },
		{ UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM, false },
		{ UINT64_C(1) << VIRTIO_F_RING_PACKED, false },
		{ UINT64_MAX, false },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(driver_negotiate(&f->d, t[i].features), t[i].good);
		driver_queue_setup(&f->d, 0, TOY_SIZE);
		driver_ok(&f->d);
		assert_int_equal(f->toy->dev.started,
			t[i].good); /* §3.1.1: no DRIVER_OK without FEATURES_OK */
		if (t[i].good)
			assert_int_equal(f->toy->dev.acked, t[i].features | VERSION_1);
	}
}

/* §6.1: a device may refuse a driver that does not take VERSION_1. */
static void refuses_a_legacy_driver(void **state)
{
	struct fix *f = *state;

	driver_set(&f->d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)TOY_FEATURE);
	driver_set(&f->d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE & ~VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS),
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL,
		1); /* refused, it may ask for less or more */
	driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(VERSION_1 >> 32));
	driver_set(&f->d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE & ~VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(driver_get(&f->d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK);
}

static void status_goes_one_way(void **state)
{
	struct fix *f = *state;

	driver_start(&f->d, 0, 1, TOY_SIZE);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), DRIVER_STATUS_LIVE);
	driver_set(&f->d, VIRTIO_MMIO_STATUS,
		VIRTIO_CONFIG_S_ACKNOWLEDGE); /* §2.1.1: no bit is cleared */
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), DRIVER_STATUS_LIVE);
	driver_set(&f->d, VIRTIO_MMIO_STATUS, 0xffffff00);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), DRIVER_STATUS_LIVE);
	driver_set(&f->d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_false(driver_needs_reset(&f->d)); /* the device's own bit */
	driver_ok(&f->d);
	assert_int_equal(f->toy->starts, 1);
	driver_set(&f->d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE | VIRTIO_CONFIG_S_FAILED);
	assert_true(driver_get(&f->d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FAILED);
	driver_reset(&f->d);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), 0);
}

static void serves_every_queue(void **state)
{
	struct fix *f = *state;

	driver_start(&f->d, 0, TOY_QUEUES, TOY_SIZE);
	for (unsigned q = 0; q < TOY_QUEUES; q++) {
		assert_true(f->d.kick_fd[q] >= 0);
		works(f, q);
		assert_int_equal(f->toy->kicks[q], 1);
	}
	assert_int_equal(f->toy->starts, 1);
}

/* Only the queues that the driver enabled are wired and kicked. */
static void leaves_other_queues_alone(void **state)
{
	struct fix *f = *state;

	assert_true(driver_negotiate(&f->d, 0));
	assert_true(driver_queue_setup(&f->d, 2, TOY_SIZE));
	driver_ok(&f->d);
	for (unsigned q = 0; q < TOY_QUEUES; q++)
		assert_int_equal(f->d.kick_fd[q] >= 0, q == 2);
	works(f, 2);
	virtio_mmio_pause(f->d.m);
	virtio_mmio_resume(f->d.m);
	assert_int_equal(f->toy->kicks[0] + f->toy->kicks[1] + f->toy->kicks[3], 0);
}

static void ring_features_reach_the_queue(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t event = UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
		uint64_t indirect = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;

		driver_start(&f->d, (i & 1 ? event : 0) | (i & 2 ? indirect : 0), 2, TOY_SIZE);
		for (unsigned q = 0; q < 2; q++) {
			assert_int_equal(f->toy->dev.queue[q].event_idx, i & 1);
			assert_int_equal(f->toy->dev.queue[q].indirect, !!(i & 2));
		}
		works(f, 0);
		works(f, 1);
	}
}

/* With EVENT_IDX, entries that come while the device looks away are still found, and no kick is
 * lost. */
static void kicks_are_asked_for_again(void **state)
{
	struct fix *f = *state;
	struct buf b;

	driver_start(&f->d, TOY_RING, 1, TOY_SIZE);
	for (unsigned i = 0; i < 300; i++) {
		struct vring_used_elem e;

		b = driver_in(&f->d, 1);
		driver_add(&f->d, 0, &b, 1);
		assert_true(i == 0 || driver_kick_wanted(&f->d, 0));
		driver_kick(&f->d, 0);
		assert_true(driver_take_used(&f->d, 0, &e));
		assert_int_equal(f->toy->chains, i + 1);
	}
}

static void reset_is_as_new(void **state)
{
	struct fix *f = *state;

	driver_start(&f->d, TOY_FEATURE, 2, TOY_SIZE);
	works(f, 1);
	virtio_config_changed(&f->toy->dev);
	f->d.lowered = 0;
	driver_reset(&f->d);
	assert_int_equal(f->d.lowered, 1);
	assert_int_equal(f->toy->stops, 1);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_int_equal(f->toy->dev.acked, 0);
	for (unsigned q = 0; q < TOY_QUEUES; q++) {
		driver_set(&f->d, VIRTIO_MMIO_QUEUE_SEL, q);
		assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_NUM_MAX), TOY_SIZE);
		assert_int_equal(f->d.kick_fd[q], -1);
	}
	driver_reset(&f->d); /* again: nothing to stop */
	assert_int_equal(f->toy->stops, 1);
	driver_start(&f->d, 0, 1, 4);
	works(f, 0);
	assert_int_equal(f->toy->starts, 2);
}

static void the_machine_resets_it(void **state)
{
	struct fix *f = *state;

	virtio_mmio_reset(f->d.m); /* never started */
	driver_start(&f->d, 0, 1, TOY_SIZE);
	virtio_mmio_reset(f->d.m);
	assert_int_equal(f->toy->stops, 1);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_STATUS), 0);
	driver_start(&f->d, 0, 1, TOY_SIZE);
	works(f, 0);
}

/* Every size that is a power of two up to the maximum. */
static void queue_sizes(void **state)
{
	struct fix *f = *state;

	for (uint16_t size = 1; size <= TOY_SIZE; size *= 2) {
		driver_start(&f->d, 0, 1, size);
		if (size > 1) /* the request takes two descriptors */
			works(f, 0);
	}
}

/* Before DRIVER_OK a queue may be disabled and laid out anew. */
static void a_queue_may_move_before_driver_ok(void **state)
{
	struct fix *f = *state;

	assert_true(driver_negotiate(&f->d, 0));
	assert_true(driver_queue_setup(&f->d, 0, 4));
	driver_set(&f->d, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_true(driver_queue_setup(&f->d, 0, TOY_SIZE));
	assert_int_equal(f->toy->dev.queue[0].size, TOY_SIZE);
	driver_ok(&f->d);
	works(f, 0);
}

/* The machine lowers the line just after the device raised it anew, and had it taken as raised. */
static void lower_too_late(void *ctx, uint64_t gpa UNUSED)
{
	struct driver *d = ctx;

	virtio_config_changed(d->dev);
	assert_true(driver_take_irq(d));
}

static void a_raise_while_it_is_lowered_is_made_again(void **state)
{
	struct fix *f = *state;

	driver_start(&f->d, 0, 1, TOY_SIZE);
	virtio_notify(&f->toy->dev, 0);
	assert_true(driver_take_irq(&f->d));
	f->d.host.lower = lower_too_late;
	driver_set(&f->d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_true(driver_take_irq(&f->d));
	f->d.host.lower = NULL;
}

static void interrupts_are_acknowledged(void **state)
{
	struct fix *f = *state;

	driver_start(&f->d, 0, 1, TOY_SIZE);
	assert_false(driver_take_irq(&f->d));
	virtio_notify(&f->toy->dev, 0);
	virtio_config_changed(&f->toy->dev);
	assert_true(driver_take_irq(&f->d));
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	f->d.lowered = 0;
	driver_set(&f->d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_int_equal(f->d.lowered, 0); /* the other reason stands */
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	driver_set(&f->d, VIRTIO_MMIO_INTERRUPT_ACK, 0xffffffff);
	assert_int_equal(f->d.lowered, 1);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	driver_avail_flags(&f->d, 0, VRING_AVAIL_F_NO_INTERRUPT);
	virtio_notify(&f->toy->dev, 0);
	assert_false(driver_take_irq(&f->d));
}

/* §2.5.1: the generation tells a torn read; before DRIVER_OK nobody is interrupted. */
static void configuration_changes(void **state)
{
	struct fix *f = *state;

	virtio_config_changed(&f->toy->dev);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION), 1);
	assert_false(driver_take_irq(&f->d));
	driver_start(&f->d, 0, 1, TOY_SIZE);
	virtio_config_changed(&f->toy->dev);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION), 2);
	assert_true(driver_take_irq(&f->d));
	assert_int_equal(driver_ack_irq(&f->d), VIRTIO_MMIO_INT_CONFIG);
}

static void writes_reach_the_device(void **state)
{
	struct fix *f = *state;
	uint32_t v = 0x11223344;

	driver_config_set(&f->d, TOY_WRITABLE, &v, 4); /* before DRIVER_OK: kept, not told */
	assert_int_equal(f->toy->config_writes, 0);
	assert_memory_equal(f->toy->dev.config + TOY_WRITABLE, &v, 4);
	driver_start(&f->d, 0, 1, TOY_SIZE);
	v = 0x5566;
	driver_config_set(&f->d, TOY_WRITABLE + 2, &v, 2);
	assert_int_equal(f->toy->config_writes, 1);
	assert_int_equal(f->toy->config_off, TOY_WRITABLE + 2);
	assert_int_equal(f->toy->config_len, 2);
	driver_config(&f->d, TOY_WRITABLE, &v, 4);
	assert_int_equal(v, 0x55663344);
}

static void pauses_and_resumes(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;
	struct buf b;

	virtio_mmio_pause(f->d.m); /* not started: the device has nothing to pause */
	virtio_mmio_resume(f->d.m);
	assert_int_equal(f->toy->pauses + f->toy->resumes, 0);
	driver_start(&f->d, 0, 1, TOY_SIZE);
	virtio_mmio_pause(f->d.m);
	virtio_mmio_pause(f->d.m);
	assert_int_equal(f->toy->pauses, 1);
	b = driver_in(&f->d, 8);
	driver_add(&f->d, 0, &b, 1);
	driver_kick(&f->d, 0); /* heard, not served */
	assert_int_equal(f->toy->kicks[0], 0);
	assert_int_equal(driver_used_idx(&f->d, 0), 0);
	virtio_mmio_resume(f->d.m);
	assert_int_equal(f->toy->resumes, 1);
	assert_true(driver_take_used(&f->d, 0, &e));
	virtio_mmio_resume(f->d.m);
	assert_int_equal(f->toy->resumes, 1);
	while (driver_take_irq(&f->d))
		continue;
	works(f, 0);
}

/* The kicks of a vhost device are vhost's: wired, handed out, not watched; its interrupts always
 * look like the queue's. */
static void the_kernel_takes_over(void **state)
{
	struct fix *f = *state;
	struct virtio_dev *dev = &f->toy->dev;
	uint64_t n;

	f->toy->kernel_queues = 1;
	driver_start(&f->d, 0, 2, TOY_SIZE);
	assert_int_equal(dev->bus->kick_fd(dev, 0), f->d.kick_fd[0]);
	assert_int_equal(dev->bus->kick_fd(dev, 2), -1);
	assert_int_equal(dev->bus->call_fd(dev), f->d.m->irqfd);
	driver_kick(&f->d, 0);
	virtio_mmio_pause(f->d.m);
	virtio_mmio_resume(f->d.m);
	assert_int_equal(f->toy->kicks[0], 0);
	assert_int_equal(read(f->d.kick_fd[0], &n, sizeof(n)),
		sizeof(n)); /* still there for vhost */
	while (driver_take_irq(&f->d))
		continue;
	works(f, 1); /* this one is the device's own */
	dev->bus->irq_bypass(dev, true);
	assert_int_equal(driver_ack_irq(&f->d), VIRTIO_MMIO_INT_VRING);
	assert_int_equal(driver_ack_irq(&f->d), VIRTIO_MMIO_INT_VRING);
	dev->bus->irq_bypass(dev, false);
	assert_int_equal(driver_ack_irq(&f->d), 0);
	dev->bus->irq_bypass(dev, true);
	f->toy->kernel_queues = 0;
	driver_reset(&f->d);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	driver_start(&f->d, 0, 1, TOY_SIZE); /* and all are, after a reset */
	while (driver_take_irq(&f->d))
		continue;
	works(f, 0);
}

static void a_start_that_fails(void **state)
{
	struct fix *f = *state;

	f->toy->start_error = -EIO;
	driver_start(&f->d, 0, 1, TOY_SIZE);
	f->toy->start_error = 0;
	broken_until_reset(f);
	assert_int_equal(f->toy->stops, 1);
}

static void a_machine_without_ioeventfds(void **state)
{
	struct fix *f = *state;

	f->d.wire_error = -ENOSPC;
	driver_start(&f->d, 0, 2, TOY_SIZE);
	assert_int_equal(f->toy->starts, 0);
	f->d.wire_error = 0;
	broken_until_reset(f);
	assert_int_equal(f->toy->starts, 1);
	assert_int_equal(f->toy->stops, 0); /* what never started is not stopped */
}

/* The end of the VM in every state. */
static void frees_in_any_state(void **state UNUSED)
{
	for (int how = 0; how < 5; how++) {
		void *inner = NULL;
		struct fix *f;

		assert_int_equal(fix_new(&inner), 0);
		f = inner;
		if (how == 1)
			assert_true(driver_negotiate(&f->d, 0) &&
				driver_queue_setup(&f->d, 0, TOY_SIZE));
		if (how >= 2)
			driver_start(&f->d, 0, TOY_QUEUES, TOY_SIZE);
		if (how == 3)
			virtio_mmio_pause(f->d.m);
		if (how == 4)
			driver_signal(&f->d, 0); /* a kick not yet taken */
		assert_int_equal(fix_free(&inner), 0);
	}
	virtio_mmio_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(says_what_it_is),
		T(has_no_shared_memory),
		T(offers_features_by_halves),
		T(agrees_on_features),
		T(refuses_a_legacy_driver),
		T(status_goes_one_way),
		T(serves_every_queue),
		T(leaves_other_queues_alone),
		T(ring_features_reach_the_queue),
		T(kicks_are_asked_for_again),
		T(reset_is_as_new),
		T(the_machine_resets_it),
		T(queue_sizes),
		T(a_queue_may_move_before_driver_ok),
		T(interrupts_are_acknowledged),
		T(a_raise_while_it_is_lowered_is_made_again),
		T(configuration_changes),
		T(writes_reach_the_device),
		T(pauses_and_resumes),
		T(the_kernel_takes_over),
		T(a_start_that_fails),
		T(a_machine_without_ioeventfds),
		cmocka_unit_test(frees_in_any_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
