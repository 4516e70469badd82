/* What both tests of the queue start from: a ring of 8 entries in fake RAM, ready, indirect tables
 * allowed. */
#ifndef SAMPAN_VIRTIO_TEST_QUEUE_FIX_H
#define SAMPAN_VIRTIO_TEST_QUEUE_FIX_H

#include "core/test/check.h"
#include <string.h>
#include "virtio/test/driver.h"

#define SIZE 8 /* of the queue under test */

struct fix {
	struct driver d;
	struct queue q;
	struct chain c;
	uint64_t data; /* gpa of a page to point at */
};

static inline void enable(struct fix *f, uint16_t size)
{
	driver_queue_place(&f->d, 0, size);
	f->q = (struct queue){
		.max = QUEUE_MAX_SIZE,
		.size = size,
		.desc = f->d.q[0].desc,
		.avail = f->d.q[0].avail,
		.used = f->d.q[0].used,
		.indirect = true,
	};
	assert_int_equal(queue_enable(&f->q, &f->d.mem), 0);
}

static inline int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	driver_init(&f->d);
	f->data = driver_alloc(&f->d, 4096, 4096);
	enable(f, SIZE);
	*state = f;
	return 0;
}

static inline int fix_free(void **state)
{
	struct fix *f = *state;

	driver_fini(&f->d);
	free(f);
	return 0;
}

static inline int pop(struct fix *f)
{
	return queue_pop(&f->q, &f->d.mem, &f->c);
}

/* A refused chain stays refused and moves nothing. */
static inline void refused(struct fix *f)
{
	uint16_t at = f->q.next_avail;

	assert_int_equal(pop(f), -EINVAL);
	assert_int_equal(pop(f), -EINVAL);
	assert_int_equal(f->q.next_avail, at);
	assert_int_equal(driver_used_idx(&f->d, 0), 0);
}

/* Writes n descriptors at the start of the queue's table and posts the first one. */
static inline void post(struct fix *f, const struct vring_desc *desc, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		driver_desc(&f->d, 0, (uint16_t)i, desc[i]);
	driver_post(&f->d, 0, 0);
}

static inline void *plain(const struct seg *s)
{
	return mem_iov(s->base, s->len).iov_base;
}

#define T(t) cmocka_unit_test_setup_teardown(t, fix_new, fix_free)

#endif
