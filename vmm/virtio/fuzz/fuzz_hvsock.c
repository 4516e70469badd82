/*
 * Hybrid vsock connections with a guest that sends any packets and host ends that do anything.
 * Sockets are pairs; the loop never runs: its callbacks are called when the input says so.
 *
 * Input: records of one byte that says what, and its operands, little endian:
 *   0  a packet of the guest: op (1), host port (1), guest port (1), flags (1), credit (2),
 * forwarded (2), length (2) 1  the same with a header of any 44 bytes 2  the guest takes packets:
 * count (1), room of each (2) 3  a host client: what it says (count (1), bytes) 4  an event on a
 * connection: which (1), events (1) 5  a host end writes: which (1), count (2)       6  reads:
 * which (1), count (2) 7  shuts (which & 0x80: closes) down: which (1), how (1) 8  a second passes
 * 9  suspend, 10 resume, 11 the dead are freed, 12 stop and start
 */
#include <string.h>
#include <sys/socket.h>
#include "core/log.h"
#include "virtio/hvsock_conn.h"

#define PEERS  32
#define HEADER sizeof(struct virtio_vsock_hdr)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct hv hv;
	pthread_mutex_t lock;
	struct loop *loop;
	int peer[PEERS]; /* the host's ends */
	unsigned npeers;
	uint8_t ram[70000];
	const uint8_t *data, *end;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static uint32_t next(struct world *w, size_t n)
{
	uint32_t v = 0;

	n = MIN(n, (size_t)(w->end - w->data));
	memcpy(&v, w->data, n);
	w->data += n;
	return v;
}

/* The monitor's end of a pair, or -EMFILE. */
static int new_pair(struct world *w)
{
	int fd[2];

	if (w->npeers == PEERS)
		return -EMFILE;
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	w->peer[w->npeers++] = fd[1];
	return fd[0];
}

static int dial(struct hv *hv, uint32_t port)
{
	struct world *w = container_of(hv, struct world, hv);

	return port & 0x80 ? -ECONNREFUSED : new_pair(w);
}

static void output(struct hv *hv UNUSED)
{
}

static struct chain payload(struct world *w, uint32_t len, bool in)
{
	struct chain c = { .seg = { { (void __guest *)w->ram, len / 2 },
				   { (void __guest *)w->ram, len - len / 2 } } };

	if (in) {
		c.nin = 2;
		c.in_len = len;
	} else {
		c.nout = 2;
		c.out_len = len;
	}
	return c;
}

static void guest_sends(struct world *w, const struct virtio_vsock_hdr *h)
{
	struct chain c = payload(w, h->len, false);

	pthread_mutex_lock(&w->lock);
	hv_receive(&w->hv, h, &c, 0);
	pthread_mutex_unlock(&w->lock);
}

/* Ports of clients are high: the guest's answers must be able to name them. */
static void packet(struct world *w)
{
	struct virtio_vsock_hdr h = { .src_cid = 3,
		.dst_cid = 2,
		.type = VIRTIO_VSOCK_TYPE_STREAM };

	h.op = (uint16_t)(next(w, 1) % 9);
	h.dst_port = next(w, 1);
	if (h.dst_port < 0x40)
		h.dst_port += 1U << 30;
	h.src_port = next(w, 1);
	h.flags = next(w, 1);
	h.buf_alloc = next(w, 2) * 16;
	h.fwd_cnt = next(w, 2);
	h.len = next(w, 2);
	guest_sends(w, &h);
}

static void any_packet(struct world *w)
{
	struct virtio_vsock_hdr h = { 0 };
	size_t n = MIN(HEADER, (size_t)(w->end - w->data));

	memcpy(&h, w->data, n);
	w->data += n;
	h.len = MIN(h.len, (uint32_t)sizeof(w->ram)); /* the device checked it */
	guest_sends(w, &h);
}

static void guest_takes(struct world *w)
{
	uint32_t count = next(w, 1), room = next(w, 2) + 1;
	struct chain c = payload(w, room + HEADER, true);
	struct virtio_vsock_hdr h;

	pthread_mutex_lock(&w->lock);
	while (count-- && hv_next(&w->hv, &h, &c, HEADER)) {
		must(h.src_cid == 2 && h.dst_cid == 3 && h.len <= room);
		must(h.op >= VIRTIO_VSOCK_OP_REQUEST && h.op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST);
		must(!h.len == (h.op != VIRTIO_VSOCK_OP_RW));
	}
	pthread_mutex_unlock(&w->lock);
}

static void client(struct world *w)
{
	size_t n = next(w, 1);
	int fd = new_pair(w);

	n = MIN(n, (size_t)(w->end - w->data));
	if (fd >= 0) {
		must(send(w->peer[w->npeers - 1], w->data, n, 0) == (ssize_t)n);
		pthread_mutex_lock(&w->lock);
		hv_accept(&w->hv, fd);
		pthread_mutex_unlock(&w->lock);
	}
	w->data += n;
}

static void event(struct world *w)
{
	uint32_t which = next(w, 1) % PEERS,
		 events = next(w, 1) & (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP);
	struct hv_conn *c = w->hv.conns;

	while (c && which--)
		c = c->next;
	if (c && c->watch.added)
		c->watch.fn(&c->watch, events);
}

static void host_end(struct world *w, uint8_t what)
{
	static char bytes[UINT16_MAX];
	uint32_t which = next(w, 1), arg = next(w, what == 7 ? 1 : 2);
	int *fd = w->npeers ? &w->peer[which % w->npeers] : NULL;

	if (!fd || *fd < 0)
		return;
	if (what == 5)
		(void)!send(*fd, bytes, arg, MSG_NOSIGNAL);
	else if (what == 6)
		(void)!recv(*fd, bytes, arg, 0);
	else if (which & 0x80)
		close(take_fd(fd));
	else
		shutdown(*fd, (int)(arg % 3));
}

static void life(struct world *w, uint8_t what)
{
	pthread_mutex_lock(&w->lock);
	if (what == 8 && !w->hv.suspended)
		hv_tick(&w->hv);
	else if (what == 9 || what == 10)
		hv_suspend(&w->hv, what == 9);
	else if (what == 12)
		hv_stop(&w->hv);
	if (what == 12)
		hv_start(&w->hv);
	pthread_mutex_unlock(&w->lock);
	if (what == 11)
		w->hv.reap.fn(&w->hv.reap);
}

static void check(const struct world *w)
{
	unsigned n = 0;

	for (const struct hv_conn *c = w->hv.conns; c; c = c->next, n++) {
		must(c->state != HV_DEAD && c->buf_len <= HV_BUFFER && c->buf_at < HV_BUFFER);
		must(!w->hv.suspended || !c->watch.added);
		must(c->state == HV_OPEN || !c->buf_len);
	}
	for (const struct hv_conn *c = w->hv.dead; c; c = c->next, n++)
		must(c->state == HV_DEAD && !c->watch.added && !c->ready_prev);
	must(n == w->hv.nconns && n <= HV_MAX_CONNS && w->hv.nresets <= HV_RESETS);
}

static void step(struct world *w)
{
	uint8_t what = next(w, 1) % 13;

	if (what == 0)
		packet(w);
	else if (what == 1)
		any_packet(w);
	else if (what == 2)
		guest_takes(w);
	else if (what == 3)
		client(w);
	else if (what == 4)
		event(w);
	else if (what < 8)
		host_end(w, what);
	else
		life(w, what);
	check(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));

	log_setup(-1, LOG_ERROR, "fuzz");
	must(w && !loop_new(&w->loop, NULL));
	pthread_mutex_init(&w->lock, NULL);
	w->hv.dial = dial;
	w->hv.output = output;
	must(!hv_init(&w->hv, w->loop, &w->lock, 3, -1, NULL));
	hv_start(&w->hv);
	w->data = data;
	w->end = data + size;
	while (w->data < w->end)
		step(w);
	hv_fini(&w->hv);
	must(!w->hv.nconns && !w->hv.ready);
	for (unsigned i = 0; i < w->npeers; i++)
		if (w->peer[i] >= 0)
			close(w->peer[i]);
	loop_free(w->loop);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}
