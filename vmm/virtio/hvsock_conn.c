/*
 * The table of hybrid vsock connections and their life; see hvsock_conn.h. Packets are in
 * hvsock_packet.c, the greeting of host clients in hvsock_greet.c.
 *
 * The loop is level-triggered, so a connection is watched for exactly what it can use now: a socket
 * that has data for a guest without credit or buffers is not watched for it. A connection that ends
 * is closed at once and freed in the loop's next turn: a vCPU that resets the device may end it
 * while the loop thread is about to call its callback.
 */
#define _GNU_SOURCE
#include "virtio/hvsock_inner.h"

#include <string.h>
#include <sys/socket.h>

#define SECOND UINT64_C(1000000000)

static void conn_event(struct watch *w, uint32_t events);

/* lists */

static struct hv_conn **bucket(struct hv *hv, uint32_t host_port, uint32_t guest_port)
{
	uint32_t hash = (host_port ^ guest_port * UINT32_C(0x9e3779b1)) * UINT32_C(0x85ebca6b);

	return &hv->table[(hash >> 16) % HV_BUCKETS];
}

struct hv_conn *hv_find(struct hv *hv, uint32_t host_port, uint32_t guest_port)
{
	struct hv_conn *c = *bucket(hv, host_port, guest_port);

	while (c && (c->host_port != host_port || c->guest_port != guest_port))
		c = c->hash_next;
	return c;
}

void hv_table_add(struct hv_conn *c)
{
	struct hv_conn **b = bucket(c->hv, c->host_port, c->guest_port);

	c->hash_next = *b;
	*b = c;
}

static void table_remove(struct hv_conn *c)
{
	struct hv_conn **b = bucket(c->hv, c->host_port, c->guest_port);

	while (*b && *b != c)
		b = &(*b)->hash_next;
	if (*b)
		*b = c->hash_next;
}

void hv_ready_add(struct hv_conn *c)
{
	struct hv *hv = c->hv;

	if (c->ready_prev)
		return;
	c->ready_next = NULL;
	c->ready_prev = hv->ready_last;
	*hv->ready_last = c;
	hv->ready_last = &c->ready_next;
}

void hv_ready_remove(struct hv_conn *c)
{
	if (!c->ready_prev)
		return;
	*c->ready_prev = c->ready_next;
	if (c->ready_next)
		c->ready_next->ready_prev = c->ready_prev;
	else
		c->hv->ready_last = c->ready_prev;
	c->ready_prev = NULL;
}

/* watching */

void hv_update_watch(struct hv_conn *c)
{
	struct hv *hv = c->hv;
	bool in = c->state == HV_GREET ||
		(c->state == HV_OPEN && !c->readable &&
			!(c->shut_host & VIRTIO_VSOCK_SHUTDOWN_SEND) &&
			!(c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_RCV));
	uint32_t events = (in ? EPOLLIN : 0) | (c->buf_len ? EPOLLOUT : 0);

	if (c->state == HV_DEAD || c->host_gone || hv->suspended) {
		loop_remove(hv->loop, &c->watch);
	} else if (c->watch.added) {
		loop_modify(hv->loop, &c->watch, events);
	} else if (loop_add(hv->loop, &c->watch, c->fd, events, conn_event)) {
		c->host_gone = true; /* no memory in the kernel: as if the host had closed */
		c->readable = true;
		if (c->state == HV_OPEN)
			hv_ready_add(c);
	}
}

static void client_waiting(struct watch *w, uint32_t events);

/* The clock runs only while something has a time limit. */
static void need_ticks(struct hv *hv, bool on)
{
	if (hv->ticking != on)
		timer_set(&hv->timer, on ? SECOND : 0, on ? SECOND : 0);
	hv->ticking = on;
}

static void update_listener(struct hv *hv)
{
	bool on = hv->running && !hv->suspended && hv->listen.fd >= 0 && hv->nconns < HV_MAX_CONNS;

	if (!on)
		loop_remove(hv->loop, &hv->listen);
	else if (!hv->listen.added &&
		loop_add(hv->loop, &hv->listen, hv->listen.fd, EPOLLIN, client_waiting))
		need_ticks(hv, true); /* tries again */
}

void hv_set_ttl(struct hv_conn *c, unsigned seconds)
{
	c->ttl = seconds ? seconds + 1 : 0; /* a tick may be due at once */
	if (seconds)
		need_ticks(c->hv, true);
}

/* life */

struct hv_conn *hv_conn_new(struct hv *hv, int fd, enum hv_state state)
{
	struct hv_conn *c = hv->nconns < HV_MAX_CONNS ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->hv = hv;
	c->fd = fd;
	c->state = state;
	c->next = hv->conns;
	c->prev = &hv->conns;
	if (c->next)
		c->next->prev = &c->next;
	hv->conns = c;
	hv->nconns++;
	return c;
}

void hv_conn_close(struct hv_conn *c)
{
	struct hv *hv = c->hv;

	if (c->state != HV_GREET)
		table_remove(c);
	hv_ready_remove(c);
	c->state = HV_DEAD;
	hv_update_watch(c);
	/* syscall(loop,vcpu): close: a vsock connection that the guest's reset ends */
	close(c->fd);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = hv->dead;
	hv->dead = c;
	loop_defer(hv->loop, &hv->reap);
}

static void free_dead(struct hv *hv)
{
	while (hv->dead) {
		struct hv_conn *c = hv->dead;

		hv->dead = c->next;
		free(c->buf);
		free(c);
		hv->nconns--;
	}
}

static void reap(struct deferred *d)
{
	struct hv *hv = container_of(d, struct hv, reap);

	pthread_mutex_lock(hv->lock);
	free_dead(hv);
	update_listener(hv);
	pthread_mutex_unlock(hv->lock);
}

void hv_queue_reset(struct hv *hv, uint32_t host_port, uint32_t guest_port, uint16_t type)
{
	if (hv->nresets ==
		HV_RESETS) /* the guest takes none; its next packet to this port will be answered */
		return;
	hv->reset[(hv->reset_at + hv->nresets++) % HV_RESETS] =
		(struct hv_reset){ .host_port = host_port, .guest_port = guest_port, .type = type };
}

/* Ends a connection that the guest knows of. */
void hv_conn_reset(struct hv_conn *c)
{
	if (c->state != HV_GREET && !(c->owed & OWE_REQUEST))
		hv_queue_reset(c->hv, c->host_port, c->guest_port, VIRTIO_VSOCK_TYPE_STREAM);
	hv_conn_close(c);
}

void hv_accept(struct hv *hv, int fd)
{
	struct hv_conn *c = hv_conn_new(hv, fd, HV_GREET);

	if (!c) {
		close(fd);
		return;
	}
	hv_set_ttl(c, HV_GREET_TIME);
	hv_update_watch(c);
	if (c->host_gone)
		hv_conn_close(c);
}

/* events */
/* Under the lock first, here and below: the device may have been stopped meanwhile. */
static void client_waiting(struct watch *w, uint32_t events UNUSED)
{
	struct hv *hv = container_of(w, struct hv, listen);
	int fd = -1;

	pthread_mutex_lock(hv->lock);
	if (w->added) {
		/* syscall(loop): accept4: a host client of the hybrid vsock */
		fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			hv_accept(hv, fd);
			update_listener(hv);
		} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
			loop_remove(hv->loop, w); /* no descriptors left: again in a second */
			need_ticks(hv, true);
		}
	}
	pthread_mutex_unlock(hv->lock);
}

static void open_event(struct hv_conn *c, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR)) {
		c->host_gone = true;
		c->buf_len = 0;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		c->readable = true;
		hv_ready_add(c);
	}
	if (events & EPOLLOUT && !hv_flush(c))
		return;
	hv_update_watch(c);
}

static void conn_event(struct watch *w, uint32_t events)
{
	struct hv_conn *c = container_of(w, struct hv_conn, watch);
	struct hv *hv = c->hv;

	pthread_mutex_lock(hv->lock);
	if (w->added) {
		if (c->state == HV_OPEN)
			open_event(c, events);
		else if (c->state == HV_GREET)
			hv_read_greeting(c);
		else if (events &
			(EPOLLHUP | EPOLLERR)) /* the client does not wait for the guest's answer */
			hv_conn_reset(c);
		if (hv_pending(hv))
			hv->output(hv);
	}
	pthread_mutex_unlock(hv->lock);
}

/* time, and the whole */

void hv_tick(struct hv *hv)
{
	struct hv_conn *c, *next;
	bool more = false;

	for (c = hv->conns; c; c = next) {
		next = c->next;
		if (c->ttl && !--c->ttl)
			hv_conn_reset(c);
		else if (c->ttl)
			more = true;
	}
	need_ticks(hv, more);
	update_listener(hv);
}

static void second_passed(struct timer *t)
{
	struct hv *hv = container_of(t, struct hv, timer);

	pthread_mutex_lock(hv->lock);
	if (hv->running && !hv->suspended) {
		hv_tick(hv);
		if (hv_pending(hv))
			hv->output(hv);
	}
	pthread_mutex_unlock(hv->lock);
}

int hv_init(struct hv *hv, struct loop *loop, pthread_mutex_t *lock, uint64_t guest_cid,
	int listen_fd, struct err *err)
{
	int rc;

	hv->loop = loop;
	hv->lock = lock;
	hv->guest_cid = guest_cid;
	hv->listen.fd = listen_fd;
	hv->ready_last = &hv->ready;
	hv->reap.fn = reap;
	rc = timer_init(loop, &hv->timer, second_passed);
	return rc ? fail(err, rc, "create a timer") : 0;
}

void hv_fini(struct hv *hv)
{
	hv_stop(hv);
	loop_undefer(hv->loop, &hv->reap);
	free_dead(hv);
	timer_fini(hv->loop, &hv->timer);
}

void hv_start(struct hv *hv)
{
	hv->running = true;
	update_listener(hv);
}

void hv_stop(struct hv *hv)
{
	while (hv->conns)
		hv_conn_close(hv->conns);
	hv->nresets = 0;
	hv->running = hv->suspended = false;
	update_listener(hv);
	need_ticks(hv, false);
}

void hv_suspend(struct hv *hv, bool on)
{
	hv->suspended = on;
	for (struct hv_conn *c = hv->conns; c; c = c->next)
		hv_update_watch(c);
	update_listener(hv);
}
