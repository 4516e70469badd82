/*
 * The vhost-user front end, in the file system device, with any driver and a back end that says
 * anything at any time. Nothing waits: patience is none, so what has not come yet will not come.
 *
 * Input: what the back end says in set-up (count (1), bytes; a count of 0 is a good set-up with
 * what the next byte has: 1 REPLY_ACK, 2 MQ), then the records of fuzz/device.h. The far side's
 * count modulo 7 says what the back end does: 0  says bytes: count (1), bytes     1  says one byte
 * with a descriptor 2  acknowledges the start of all queues     3  tells two positions (4) 4  reads
 * what it was told     5  hangs up     6  gives one answer: to which request (1), value (8)
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/mman.h>
#include "virtio/fs.h"
#include "virtio/fuzz/device.h"
#include "virtio/test/back_end.h"

struct peer {
	struct world w;
	struct mem mem; /* the world's, as if it were shared */
	int back;
};

static void says(struct peer *p)
{
	size_t n = next(&p->w, 1);

	n = MIN(n, (size_t)(p->w.end - p->w.data));
	(void)!send(p->back, p->w.data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	p->w.data += n;
}

static void answer(struct peer *p, uint32_t request, uint64_t value)
{
	uint32_t m[5] = { request, VHOST_USER_VERSION | VHOST_USER_REPLY, 8, (uint32_t)value,
		(uint32_t)(value >> 32) };

	(void)!send(p->back, m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void acknowledge(struct peer *p)
{
	static const uint32_t ring[] = { VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_SET_VRING_KICK };

	answer(p, VHOST_USER_SET_FEATURES, 0);
	answer(p, VHOST_USER_SET_MEM_TABLE, 0);
	for (unsigned i = 0; i < FS_QUEUES * ARRAY_SIZE(ring); i++)
		answer(p, ring[i % ARRAY_SIZE(ring)], 0);
}

static void says_with_descriptor(struct peer *p)
{
	struct pollfd room = { .fd = p->back, .events = POLLOUT };

	if (poll(&room, 1, 0) == 1 && room.revents == POLLOUT)
		back_sends(p->back, "", 1, p->back);
}

static void back_end(struct world *w, unsigned what)
{
	struct peer *p = container_of(w, struct peer, w);
	uint32_t request;
	uint64_t value;

	switch (what % 7) {
	case 0:
		says(p);
		break;
	case 1:
		says_with_descriptor(p);
		break;
	case 2:
		acknowledge(p);
		break;
	case 3:
		answer(p, VHOST_USER_GET_VRING_BASE, (uint64_t)next(w, 2) << 32);
		answer(p, VHOST_USER_GET_VRING_BASE, (uint64_t)next(w, 2) << 32 | 1);
		break;
	case 4:
		back_forgets(p->back);
		break;
	case 5:
		shutdown(p->back, SHUT_RDWR);
		break;
	default:
		request = next(w, 1);
		value = next(w, 4);
		answer(p, request, value | (uint64_t)next(w, 4) << 32);
	}
}

static int set_up(struct peer *p, struct virtio_env *env, struct virtio_dev **dev)
{
	uint8_t protocol;
	int fd;

	back_pair(&fd, &p->back);
	if (p->w.data < p->w.end && !*p->w.data) {
		protocol = (uint8_t)(next(&p->w, 2) >> 8);
		back_greets(p->back, BACK_FEATURES | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX,
			(protocol & 1 ? BACK_ACK : 0) | (protocol & 2 ? BACK_MQ : 0), FS_QUEUES);
	} else {
		says(p);
	}
	return fs_assemble(dev, fd, "fuzz", 0, "box", env, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct virtio_dev *dev;
	struct virtio_env env;
	int memfd = memfd_create("ram", MFD_CLOEXEC);

	must(p && memfd >= 0);
	env = world_new(&p->w);
	log_setup(-1, LOG_ERROR, "fuzz");
	p->mem = p->w.mem;
	p->mem.region[0].memfd = memfd;
	env.mem = &p->mem;
	p->w.data = data;
	p->w.end = data + size;
	if (!set_up(p, &env, &dev)) {
		p->w.far_side = back_end;
		world_run(&p->w, dev, p->w.data, (size_t)(p->w.end - p->w.data));
	} else {
		loop_free(p->w.loop);
		mem_fini(&p->w.mem);
		free(p->w.ram);
	}
	close(p->back);
	close(memfd);
	free(p);
	return 0;
}
