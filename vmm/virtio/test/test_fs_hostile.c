/*
 * The file system device with a driver that lies. Its rings are the back end's to walk (virtiofsd,
 * a process of its own), so this is what is left: registers, resets and the configuration space
 * (hostile.h), and G11 starts and stops without end, G14 rings that must not reach the back end.
 * What a hostile back end does is in test_fs.c and test_vhost_user.c.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include "virtio/fs.h"
#include "virtio/test/hostile.h"
#include "virtio/test/back_end.h"

struct ring {
	volatile struct vring_avail *avail;
	volatile struct vring_used *used;
	int kick; /* -1: the back end doesn't have it */
};

struct fix {
	struct driver d;
	int back, memfd;
	pthread_t thread;
	struct ring ring[FS_QUEUES]; /* the thread's */
	unsigned rings, bad; /* atomic: rings it has, and addresses it was told that are no RAM */
};

static void *ram_at(struct fix *f, uint64_t gpa)
{
	if (gpa >= DRIVER_RAM && gpa < DRIVER_RAM_END - MiB)
		return f->d.ram + (gpa - DRIVER_RAM);
	__atomic_add_fetch(&f->bad, 1, __ATOMIC_SEQ_CST);
	return f->d.ram;
}

static void take_back(struct fix *f, struct ring *r)
{
	if (r->kick < 0)
		return;
	close(r->kick);
	r->kick = -1;
	__atomic_sub_fetch(&f->rings, 1, __ATOMIC_SEQ_CST);
}

static void obey(struct fix *f, struct told *t)
{
	struct ring *r = &f->ring[t->m.body.state.index % FS_QUEUES];

	if (t->m.request == VHOST_USER_SET_VRING_ADDR) {
		r->avail = ram_at(f, t->m.body.addr.avail_user_addr);
		r->used = ram_at(f, t->m.body.addr.used_user_addr);
		ram_at(f, t->m.body.addr.desc_user_addr);
	} else if (t->m.request == VHOST_USER_SET_VRING_KICK) {
		take_back(f, r);
		r->kick = t->fd[--t->nfds];
		__atomic_add_fetch(&f->rings, 1, __ATOMIC_SEQ_CST);
	} else if (t->m.request == VHOST_USER_GET_VRING_BASE) {
		take_back(f, r);
	}
}

/* Answers all requests at once, with nothing. Guest memory is racy by nature. */
__attribute__((no_sanitize("thread"))) static void answer_all(struct ring *r)
{
	uint64_t n;

	if (read(r->kick, &n, sizeof(n)) == sizeof(n))
		r->used->idx = r->avail->idx;
}

/* A back end that does all it is asked to. */
static void *serve(void *arg)
{
	struct fix *f = arg;
	struct told t;

	for (;;) {
		struct pollfd p[1 + FS_QUEUES] = { { .fd = f->back, .events = POLLIN } };

		for (unsigned i = 0; i < FS_QUEUES; i++)
			p[1 + i] = (struct pollfd){ .fd = f->ring[i].kick, .events = POLLIN };
		poll(p, 1 + FS_QUEUES, -1);
		for (unsigned i = 0; i < FS_QUEUES; i++)
			if (p[1 + i].revents & POLLIN)
				answer_all(&f->ring[i]);
		if (!p[0].revents)
			continue;
		if (!back_hears(f->back, &t))
			return NULL;
		obey(f, &t);
		told_free(&t);
		back_answers(f->back, t.m.request,
			t.m.request == VHOST_USER_GET_VRING_BASE ? t.m.body.state.index : 0);
	}
}

static struct driver *plug(void **fix)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct virtio_env env = { .label = "fs0" };
	struct virtio_dev *dev;
	struct err err = { 0 };
	int fd;

	driver_init(&f->d);
	env.mem = &f->d.mem;
	env.loop = f->d.loop;
	f->memfd = memfd_create("ram", MFD_CLOEXEC);
	for (unsigned i = 0; i < f->d.mem.nregions; i++) /* stands for the RAM, which is none */
		f->d.mem.region[i].memfd = f->memfd;
	back_pair(&fd, &f->back);
	back_greets(f->back, UINT64_MAX, UINT64_MAX, FS_QUEUES);
	assert_int_equal(fs_assemble(&dev, fd, "the back end", 5000, "box", &env, &err), 0);
	back_forgets(f->back);
	driver_plug(&f->d, dev);
	for (unsigned i = 0; i < FS_QUEUES; i++)
		f->ring[i].kick = -1;
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	*fix = f;
	return &f->d;
}

static void unplug(void *fix)
{
	struct fix *f = fix;

	for (unsigned i = 0; i < f->d.mem.nregions; i++)
		f->d.mem.region[i].memfd = -2;
	driver_fini(&f->d); /* hangs up: the back end ends */
	pthread_join(f->thread, NULL);
	for (unsigned i = 0; i < FS_QUEUES; i++)
		take_back(f, &f->ring[i]);
	close(f->memfd);
	close(f->back);
	free(f);
}

static unsigned rings(struct fix *f)
{
	assert_int_equal(__atomic_load_n(&f->bad, __ATOMIC_SEQ_CST), 0);
	return __atomic_load_n(&f->rings, __ATOMIC_SEQ_CST);
}

__attribute__((no_sanitize("thread"))) static bool answered(void *arg)
{
	struct fix *f = arg;

	return driver_used_idx(&f->d, FS_REQUEST) == f->d.q[FS_REQUEST].next_avail;
}

static void works(void *fix)
{
	struct fix *f = fix;

	assert_false(driver_needs_reset(&f->d));
	assert_int_equal(rings(f), FS_QUEUES);
	driver_add(&f->d, FS_REQUEST, &(struct buf){ HOSTILE_DATA, 64, false }, 1);
	driver_kick(&f->d, FS_REQUEST);
	assert_true(driver_run(&f->d, answered, f));
}

static const struct subject_kind kind = {
	.name = "fs",
	.features = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
	.nqueues = FS_QUEUES,
	.plug = plug,
	.unplug = unplug,
	.works = works,
};

static void starts_and_stops(struct subject *s, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		driver_reset(s->d);
		assert_int_equal(rings(s->fix), 0);
		s->d->next = DRIVER_RAM;
		driver_start(s->d, s->kind->features, s->kind->nqueues, HOSTILE_RING);
		assert_int_equal(rings(s->fix), FS_QUEUES);
	}
}

/* A queue that is not ready is not given away, be its addresses what they may. */
static void unready_queue(struct subject *s, uint64_t gpa)
{
	assert_true(driver_negotiate(s->d, s->kind->features));
	assert_true(driver_queue_setup(s->d, FS_HIPRIO, HOSTILE_RING));
	s->d->q[FS_REQUEST] =
		(struct driver_queue){ .size = 16, .desc = gpa, .avail = gpa, .used = gpa };
	driver_queue_write(s->d, FS_REQUEST);
	driver_ok(s->d);
	assert_int_equal(rings(s->fix), 1);
}

/* The event index would be the back end's undoing: it is not offered, so it is refused. */
static void event_index(struct subject *s, uint64_t unused UNUSED)
{
	assert_false(driver_negotiate(s->d, UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX));
	driver_ok(s->d);
	assert_int_equal(rings(s->fix), 0);
}

static void half_started(struct subject *s, uint64_t unused UNUSED)
{
	assert_true(driver_negotiate(s->d, s->kind->features));
	driver_ok(s->d); /* no queue at all */
	assert_int_equal(rings(s->fix), 0);
	driver_kick(s->d, FS_REQUEST);
}

static const struct hostile_case cases[] = {
	{ "g11 started and stopped 100 times", IGNORED, starts_and_stops, 100 },
	{ "g14 a queue that is not ready, in the registers", EITHER, unready_queue, DRIVER_GPA },
	{ "g14 a queue that is not ready, at 2^64 - 16", EITHER, unready_queue, UINT64_MAX - 15 },
	{ "g08 event indices asked for", EITHER, event_index, 0 },
	{ "g02 started without a queue", EITHER, half_started, 0 },
};

int main(void)
{
	struct hostile_list *l = hostile_new();

	hostile_add_registers(l, &kind);
	hostile_add_cases(l, &kind, cases, ARRAY_SIZE(cases));
	return hostile_run(l, "fs");
}
