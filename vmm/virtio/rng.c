/*
 * The entropy device (virtio 1.2 §5.4): random bytes of the host's kernel, so many a second.
 *
 * A bucket fills with time and holds a second's worth; a request takes what is there, up to
 * ANSWER_MAX bytes, and waits for a timer only when the bucket is empty. getrandom() is asked not
 * to block and for 256 bytes at a time, which it gives whole.
 */
#define _GNU_SOURCE
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "virtio/devices.h"

#define QUEUE_SIZE 64
#define PIECE	   256
#define ANSWER_MAX (64 * KiB)
#define RETRY_NS   UINT64_C(20000000)
#define NS_PER_S   UINT64_C(1000000000)
#define BUDGET	   QUEUE_MAX_SIZE /* requests answered before others have their turn */

struct rng {
	struct virtio_dev dev;
	struct timer timer; /* armed while a request waits */
	uint64_t rate;	    /* bytes per second */
	uint64_t tokens;    /* bytes that may be given now; at most rate */
	uint64_t filled_ns; /* until when time has been turned into tokens */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	/* syscall(loop,vcpu): clock_gettime: the rate of entropy */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Fractions of a byte stay in filled_ns. Past a second the bucket is full; so nothing below exceeds
 * rate * 10^9. */
static void fill(struct rng *rng)
{
	uint64_t now = now_ns(), passed = now - rng->filled_ns, more;

	if (passed >= NS_PER_S) {
		rng->tokens = rng->rate;
		rng->filled_ns = now;
		return;
	}
	more = passed * rng->rate / NS_PER_S;
	rng->tokens = MIN(rng->tokens + more, rng->rate);
	rng->filled_ns += more * NS_PER_S / rng->rate;
}

/* Returns how many bytes were written to the chain. */
static uint32_t give(struct rng *rng, const struct chain *c)
{
	uint8_t buf[PIECE];
	size_t want = MIN(MIN((uint64_t)c->in_len, ANSWER_MAX), rng->tokens), done = 0;

	while (done < want) {
		/* syscall(loop): getrandom: the guest asks its entropy device */
		ssize_t n = getrandom(buf, MIN(want - done, sizeof(buf)), GRND_NONBLOCK);

		if (n <= 0)
			break;
		chain_write(c, done, buf, (size_t)n);
		done += (size_t)n;
	}
	explicit_bzero(buf, sizeof(buf));
	rng->tokens -= done;
	return (uint32_t)done;
}

static void answer(struct rng *rng)
{
	struct virtio_dev *dev = &rng->dev;
	struct chain c;
	unsigned n = 0;

	fill(rng);
	while (n < BUDGET && virtio_pop(dev, 0, &c)) {
		uint32_t len = give(rng, &c);

		if (!len && c.in_len) {
			queue_unpop(&dev->queue[0]);
			timer_set(&rng->timer, MAX(RETRY_NS, NS_PER_S / rng->rate), 0);
			break;
		}
		queue_push(&dev->queue[0], dev->mem, c.head, len);
		n++;
	}
	if (n)
		virtio_notify(dev, 0);
	if (n == BUDGET)
		virtio_kick_again(dev, 0);
}

static struct rng *rng_of(struct virtio_dev *dev)
{
	return container_of(dev, struct rng, dev);
}

static void kick(struct virtio_dev *dev, unsigned q UNUSED)
{
	answer(rng_of(dev));
}

static void on_timer(struct timer *t)
{
	struct rng *rng = container_of(t, struct rng, timer);

	virtio_lock(&rng->dev);
	answer(rng);
	virtio_unlock(&rng->dev);
}

/* The timer's callback, should it be on its way, finds the device not live. */
static void stop(struct virtio_dev *dev)
{
	timer_set(&rng_of(dev)->timer, 0, 0);
}

static void rng_free(struct virtio_dev *dev)
{
	struct rng *rng = rng_of(dev);

	timer_fini(dev->loop, &rng->timer);
	virtio_fini(dev);
	free(rng);
}

static const struct virtio_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.stop = stop,
	.kick = kick,
	.pause = stop, /* the transport replays the kick afterwards */
	.free = rng_free,
};

int virtio_rng_new(struct virtio_dev **out, uint64_t bytes_per_second, const struct virtio_env *env,
	struct err *err)
{
	struct rng *rng = calloc(1, sizeof(*rng));
	int rc;

	if (!rng)
		return fail(err, -ENOMEM, "create %s", env->label);
	rng->rate = bytes_per_second ? MIN(bytes_per_second, GiB) : MiB;
	rng->tokens = rng->rate;
	rng->filled_ns = now_ns();
	virtio_init(&rng->dev, &rng_ops, env->mem, env->loop, 1, QUEUE_SIZE, env->label);
	rng->dev.features = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
		UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
	rc = timer_init(env->loop, &rng->timer, on_timer);
	if (rc) {
		rng_free(&rng->dev);
		return fail(err, rc, "create %s", env->label);
	}
	*out = &rng->dev;
	return 0;
}
