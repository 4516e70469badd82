/*
 * The entropy device with a driver that lies: what every device goes through (hostile.h), and what
 * only this one does: G11 a request that waits for entropy while the device is reset or paused
 * (CVE-2026-50624's class), G17 and G18 requests without measure or sense.
 */
#include <string.h>
#include "virtio/devices.h"
#include "virtio/test/hostile.h"

#define RATE 4096 /* bytes a second: the bucket's size */

struct fix {
	struct driver d;
};

static struct virtio_dev *device(struct driver *d, uint64_t rate)
{
	struct virtio_env env = { .mem = &d->mem, .loop = d->loop, .label = "rng0", .cpus = 1 };
	struct virtio_dev *dev = NULL;
	struct err err = { 0 };

	assert_int_equal(virtio_rng_new(&dev, rate, &env, &err), 0);
	return dev;
}

static struct driver *plug(void **fix)
{
	struct fix *f = calloc(1, sizeof(*f));

	driver_init(&f->d);
	driver_plug(&f->d, device(&f->d, 0));
	*fix = f;
	return &f->d;
}

static void unplug(void *fix)
{
	struct fix *f = fix;

	driver_fini(&f->d);
	free(f);
}

static void ask(struct driver *d, const struct buf *b, unsigned n, uint32_t want)
{
	struct vring_used_elem e;

	driver_add(d, 0, b, n);
	driver_kick(d, 0);
	assert_true(driver_wait_used(d, 0, &e));
	assert_int_equal(e.len, want);
}

static void works(void *fix)
{
	struct fix *f = fix;
	struct buf b = driver_in(&f->d, 64);

	ask(&f->d, &b, 1, 64);
}

static const struct subject_kind kind = {
	.name = "rng",
	.features = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
	.nqueues = 1,
	.queue = { "requests" },
	.plug = plug,
	.unplug = unplug,
	.works = works,
};

static void replace(struct subject *s, uint64_t rate)
{
	virtio_mmio_free(s->d->m);
	s->d->m = NULL;
	driver_plug(s->d, device(s->d, rate));
	hostile_restart(s);
}

/* The bucket of a slow one is empty after a request: the next one waits for the timer.
 * How a device with a waiting request ends: 0 reset, 1 pause and resume, 2 gone. */
static void end_while_a_request_waits(struct subject *s, uint64_t how)
{
	struct buf b = { HOSTILE_DATA, 64 * KiB, true };
	uint8_t *p = driver_ptr(s->d, b.gpa);

	replace(s, RATE);
	driver_add(s->d, 0, &b, 1);
	driver_kick(s->d, 0);
	for (unsigned i = 0; i < HOSTILE_RING - 1; i++)
		driver_add(s->d, 0, &b, 1);
	driver_kick(s->d, 0);
	assert_in_range(driver_used_idx(s->d, 0), 1,
		HOSTILE_RING / 2); /* a second's worth, and what time gives */
	memset(p, 0, b.len);
	if (how == 0)
		driver_reset(s->d);
	else if (how == 1)
		virtio_mmio_pause(s->d->m);
	else
		replace(s, RATE);
	usleep(30000);
	driver_turn(s->d);
	for (uint32_t i = 0; i < b.len; i++)
		assert_int_equal(p[i], 0); /* nothing of it was written after the end */
	virtio_mmio_resume(s->d->m);
	replace(s, 0);
}

static void nothing_to_write(struct subject *s, uint64_t rounds)
{
	struct buf out = { HOSTILE_DATA, 4096, false };

	rounds = hostile_times(rounds, 1000 * rounds);
	for (uint64_t i = 0; i < rounds; i++)
		ask(s->d, &out, 1, 0);
}

/* No more is written than is told, and never more than 64 KiB. */
static void more_than_there_is(struct subject *s, uint64_t len)
{
	struct buf b[HOSTILE_RING];
	uint8_t *p = driver_ptr(s->d, HOSTILE_DATA);

	for (unsigned i = 0; i < HOSTILE_RING; i++)
		b[i] = (struct buf){ HOSTILE_DATA, (uint32_t)len, true };
	ask(s->d, b, HOSTILE_RING, (uint32_t)MIN(HOSTILE_RING * len, 64 * KiB));
	for (uint64_t i = MIN(len, 64 * KiB); i < 128 * KiB; i++)
		assert_int_equal(p[i], 0);
}

static void byte_by_byte(struct subject *s, uint64_t unused UNUSED)
{
	struct buf b[HOSTILE_RING];

	for (unsigned i = 0; i < HOSTILE_RING; i++)
		b[i] = (struct buf){ DRIVER_RAM_END - 1, 1, true };
	ask(s->d, b, HOSTILE_RING, HOSTILE_RING);
}

static const struct hostile_case cases[] = {
	{ "g11 reset while a request waits", EITHER, end_while_a_request_waits, 0 },
	{ "g11 paused while a request waits", EITHER, end_while_a_request_waits, 1 },
	{ "g12 gone while a request waits", EITHER, end_while_a_request_waits, 2 },
	{ "g15 the same last byte of RAM 16 times", IGNORED, byte_by_byte, 0 },
	{ "g17 16 times 100 bytes at one place", IGNORED, more_than_there_is, 100 },
	{ "g17 2 MiB at once", IGNORED, more_than_there_is, 128 * KiB },
	{ "g18 1000 requests without a buffer to write", IGNORED, nothing_to_write, 1000 },
};

int main(void)
{
	struct hostile_list *l = hostile_new();

	hostile_add_registers(l, &kind);
	hostile_add_rings(l, &kind);
	hostile_add_cases(l, &kind, cases, ARRAY_SIZE(cases));
	return hostile_run(l, "rng");
}
