/* The frame around hostile cases; see hostile.h. */
#include "virtio/test/hostile.h"

#include <string.h>

struct hostile_list *hostile_new(void)
{
	struct hostile_list *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	return l;
}

void hostile_restart(struct subject *s)
{
	driver_reset(s->d);
	driver_turn(s->d);
	memset(s->d->ram, 0, HOSTILE_USED); /* what rings and buffers are made of */
	memset(driver_ptr(s->d, HOSTILE_DATA), 0, DRIVER_RAM_END - HOSTILE_DATA);
	s->d->next = DRIVER_RAM;
	driver_start(s->d, s->kind->features, s->kind->nqueues, HOSTILE_RING);
	if (s->kind->started)
		s->kind->started(s->fix);
}

static int setup(void **state)
{
	struct subject *s = *state;

	log_setup(-1, LOG_ERROR, "test"); /* what the driver's tricks make the device say */
	s->d = s->kind->plug(&s->fix);
	for (unsigned i = 0; i < 2; i++) { /* what is allocated at first use is there */
		hostile_restart(s);
		s->kind->works(s->fix);
	}
	hostile_restart(s);
	s->heap = hostile_heap();
	s->descriptors = hostile_descriptors();
	return 0;
}

static int teardown(void **state)
{
	struct subject *s = *state;

	s->kind->unplug(s->fix);
	return 0;
}

void hostile_add_row(struct hostile_list *l, CMUnitTestFunction test,
	const struct subject_kind *kind, const void *row, unsigned q, const char *name)
{
	struct subject *s = calloc(1, sizeof(*s));
	const char *queue = q < HOSTILE_QUEUES ? kind->queue[q] : NULL;

	if (!s)
		abort();
	*s = (struct subject){ .kind = kind, .row = row, .q = q };
	hostile_add(l, test, setup, teardown, s, "%.3s %s%s%s:%s", name, kind->name,
		queue ? " " : "", queue ? queue : "", name + 3);
}

void hostile_look(struct subject *s, unsigned q)
{
	if (s->kind->look)
		s->kind->look(s->fix, q);
	else
		driver_kick(s->d, q);
}

/* Nothing more is taken from any queue, however good. */
static void is_deaf(struct subject *s)
{
	uint16_t taken[HOSTILE_QUEUES];

	for (unsigned q = 0; q < s->kind->nqueues; q++) {
		const struct queue *queue = &s->d->dev->queue[q];

		taken[q] = queue->next_avail;
		if (!queue->ready)
			continue;
		driver_desc(s->d, q, 0,
			(struct vring_desc){ HOSTILE_DATA, 64, VRING_DESC_F_WRITE, 0 });
		driver_avail_idx(s->d, q, queue->next_avail);
		driver_post(s->d, q, 0);
		driver_kick(s->d, q);
	}
	virtio_mmio_pause(s->d->m);
	virtio_mmio_resume(s->d->m);
	for (unsigned q = 0; q < s->kind->nqueues; q++)
		assert_int_equal(s->d->dev->queue[q].next_avail, taken[q]);
	assert_true(driver_needs_reset(s->d));
}

static void is_no_larger(struct subject *s, size_t slack)
{
	size_t heap = hostile_heap();

	if (heap > s->heap + slack)
		fail_msg("the monitor has %zu bytes more than before", heap - s->heap);
}

void hostile_judge(struct subject *s, enum outcome outcome)
{
	is_no_larger(s, HOSTILE_HEAP);
	if (outcome != EITHER)
		assert_int_equal(driver_needs_reset(s->d), outcome == BROKEN);
	if (driver_needs_reset(s->d))
		is_deaf(s);
	else if (outcome == IGNORED)
		s->kind->works(s->fix);
	hostile_restart(s);
	assert_false(driver_needs_reset(s->d));
	s->kind->works(s->fix);
	hostile_restart(s); /* what that left is gone with the reset */
	driver_turn(s->d);
	is_no_larger(s, HOSTILE_SLACK);
	assert_int_equal(hostile_descriptors(), s->descriptors);
}

static void run_case(void **state)
{
	struct subject *s = *state;
	const struct hostile_case *c = s->row;

	c->act(s, c->arg);
	hostile_judge(s, c->outcome);
}

void hostile_add_cases(struct hostile_list *l, const struct subject_kind *kind,
	const struct hostile_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hostile_add_row(l, run_case, kind, &cases[i], HOSTILE_QUEUES, cases[i].name);
}
