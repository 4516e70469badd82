/*
 * The hybrid vsock with a driver that lies: what every device goes through (hostile.h), and what
 * only this one does: G15 packets and buffers without room, G16 packets that make no sense or come
 * at the wrong time, credit that lies, G17 and G18 connections without number, G11 resets with
 * streams open.
 */
#include <sys/resource.h>
#include "virtio/test/hostile.h"
#include "virtio/test/hvsock_fix.h"

#define OP(name) VIRTIO_VSOCK_OP_##name
#define EVENTS	 2
#define CLIENTS	 8

struct rig {
	struct fix f; /* first */
	int client[CLIENTS];
	unsigned nclients;
};

static void forget(struct rig *r)
{
	while (r->nclients)
		close(r->client[--r->nclients]);
	driver_turn(&r->f.d);
}

static struct driver *plug_socket(void **fix)
{
	struct rig *r = calloc(1, sizeof(*r));

	plug(&r->f);
	*fix = r;
	return &r->f.d;
}

static void unplug(void *fix)
{
	struct rig *r = fix;

	forget(r);
	down(&r->f);
	free(r);
}

static void started(void *fix)
{
	struct rig *r = fix;

	forget(r);
	for (unsigned i = 0; i < HOSTILE_RING; i++)
		r->f.rx[i] = driver_alloc(&r->f.d, RX_SIZE, 16);
	r->f.tx = driver_alloc(&r->f.d, HEADER + 65536, 16);
	r->f.forwarded = 0;
	r->f.alloc = ALLOC;
}

static void fill_rx(struct fix *f)
{
	uint16_t there = (uint16_t)(f->d.q[RX].next_avail - driver_used_idx(&f->d, RX));

	give_rx(f, HOSTILE_RING - there);
}

/* A stream that a host client opened, one word each way, and its end. */
static void works(void *fix)
{
	struct rig *r = fix;
	struct fix *f = &r->f;
	uint32_t port;
	int fd;

	f->forwarded = 0; /* it counts for one stream */
	fill_rx(f);
	while (hears_any(f)) /* what is left to say of other streams */
		;
	fd = connected(f, &port);
	writes(f, port, 1024, "ping", 4);
	host_hears(fd, "ping");
	host_says(f, fd, "pong");
	hears(f, OP(RW));
	assert_int_equal(f->h.len, 4);
	assert_memory_equal(f->data, "pong", 4);
	close(fd);
	driver_turn(&f->d);
	hears(f, OP(SHUTDOWN));
	says(f, port, 1024, OP(RST), 0);
	hears_nothing(f);
}

/* There is something to tell the guest: a client asks for it. */
static void look(void *fix, unsigned q)
{
	struct rig *r = fix;

	if (q == RX && r->nclients < CLIENTS) {
		r->client[r->nclients++] = client(&r->f);
		host_says(&r->f, r->client[r->nclients - 1], "CONNECT 1024\n");
	}
	driver_kick(&r->f.d, q);
}

static const struct subject_kind kind = {
	.name = "vsock",
	.features = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
	.nqueues = 3,
	.queue = { [RX] = "receive", [TX] = "transmit" },
	.plug = plug_socket,
	.unplug = unplug,
	.started = started,
	.works = works,
	.look = look,
};

/* packets to nobody */

static void dead_letter(struct subject *s, uint64_t op)
{
	struct fix *f = s->fix;

	fill_rx(f);
	says(f, 77, 88, (uint16_t)op, 0);
	if (op == OP(RST)) {
		hears_nothing(f);
		return;
	}
	hears(f, OP(RST));
	assert_true(f->h.src_port == 77 && f->h.dst_port == 88);
}

static void packet_of_type(struct subject *s, uint64_t type)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 77, 88, OP(REQUEST));

	fill_rx(f);
	h.type = (uint16_t)type;
	send_raw(f, &h, NULL, 0);
	hears(f, OP(RST));
	assert_int_equal(f->h.type, type);
}

static void packet_from(struct subject *s, uint64_t cid)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 77, 88, OP(REQUEST));

	fill_rx(f);
	h.src_cid = cid;
	send_raw(f, &h, NULL, 0);
	hears_nothing(f);
}

static void packet_to(struct subject *s, uint64_t cid)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 77, 88, OP(REQUEST));

	fill_rx(f);
	h.dst_cid = cid;
	send_raw(f, &h, NULL, 0);
	hears_nothing(f);
}

/* packets with a stream */

static int stream(struct subject *s, uint32_t *port)
{
	((struct fix *)s->fix)->forwarded = 0; /* it counts for one stream */
	fill_rx(s->fix);
	return connected(s->fix, port);
}

static void stream_is_over(struct subject *s, int fd)
{
	hears(s->fix, OP(RST));
	assert_true(at_end(fd));
	close(fd);
	driver_turn(s->d);
}

/* One that lies about how many bytes follow: no part of it reaches the host. */
static void length_that_lies(struct subject *s, uint64_t len)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h;
	uint32_t port;
	int fd = stream(s, &port);
	char byte;

	h = packet(f, port, 1024, OP(RW));
	h.len = (uint32_t)len;
	send_raw(f, &h, "four", 4);
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) < 0);
	close(fd);
	driver_turn(s->d);
	hears(f, OP(SHUTDOWN));
	says(f, port, 1024, OP(RST), 0);
}

static void header_of(struct subject *s, uint64_t len)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 77, 88, OP(REQUEST));
	struct vring_used_elem e;
	struct buf b;

	fill_rx(f);
	b = driver_out(s->d, &h, (uint32_t)len);
	driver_add(s->d, TX, &b, 1);
	driver_kick(s->d, TX);
	assert_true(driver_wait_used(s->d, TX, &e));
	hears_nothing(f);
}

/* The header over 15 buffers: read whole, and answered. */
static void header_in_pieces(struct subject *s, uint64_t unused UNUSED)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 77, 88, OP(RW));
	struct vring_used_elem e;
	struct buf b[15];

	fill_rx(f);
	for (unsigned i = 0; i < 15; i++)
		b[i] = driver_out(s->d, (char *)&h + 3 * i, i < 14 ? 3 : HEADER - 42);
	driver_add(s->d, TX, b, 15);
	driver_kick(s->d, TX);
	assert_true(driver_wait_used(s->d, TX, &e));
	hears(f, OP(RST));
}

static void before_its_answer(struct subject *s, uint64_t op)
{
	struct fix *f = s->fix;
	int fd;

	fill_rx(f);
	fd = client(f);
	host_says(f, fd, "CONNECT 1024\n");
	hears(f, OP(REQUEST));
	says(f, f->h.src_port, 1024, (uint16_t)op, BOTH);
	stream_is_over(s, fd);
}

/* Half of what would not be allowed: the other half is no excuse. */
static void half_shutdown_before_its_answer(struct subject *s, uint64_t flags)
{
	struct fix *f = s->fix;
	int fd;

	fill_rx(f);
	fd = client(f);
	host_says(f, fd, "CONNECT 1024\n");
	hears(f, OP(REQUEST));
	says(f, f->h.src_port, 1024, OP(SHUTDOWN), (uint32_t)flags);
	stream_is_over(s, fd);
}

/* Ports are given in a row: a guest can answer what it was not asked yet. */
static void answer_before_the_request(struct subject *s, uint64_t unused UNUSED)
{
	struct fix *f = s->fix;
	uint32_t port;
	int fd = stream(s, &port);

	close(fd);
	hostile_restart(s); /* and no buffer for a request */
	fd = client(f);
	host_says(f, fd, "CONNECT 1024\n");
	says(f, port + 1, 1024, OP(RESPONSE), 0);
	assert_true(at_end(fd));
	close(fd);
	driver_turn(s->d);
	hostile_restart(s);
}

static void data_of_type(struct subject *s, uint64_t type)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h;
	uint32_t port;
	int fd = stream(s, &port);
	char byte;

	h = packet(f, port, 1024, OP(RW));
	h.type = (uint16_t)type;
	h.len = 4;
	send_raw(f, &h, "four", 4);
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) < 0);
	hears(f, OP(RST));
	assert_int_equal(f->h.type, type);
	close(fd);
	driver_turn(s->d);
	hostile_restart(s);
}

static void service_by_type(struct subject *s, uint64_t type)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 99, 1000, OP(REQUEST));
	int fd = service(f, 99);

	fill_rx(f);
	h.type = (uint16_t)type;
	send_raw(f, &h, NULL, 0);
	hears(f, OP(RST));
	assert_true(accept(fd, NULL, NULL) < 0);
	no_service(f, 99, fd);
}

static void while_open(struct subject *s, uint64_t op)
{
	uint32_t port;
	int fd = stream(s, &port);

	says(s->fix, port, 1024, (uint16_t)op, 0);
	stream_is_over(s, fd);
}

static void data_after_shutdown(struct subject *s, uint64_t unused UNUSED)
{
	uint32_t port;
	int fd = stream(s, &port);

	says(s->fix, port, 1024, OP(SHUTDOWN), VIRTIO_VSOCK_SHUTDOWN_SEND);
	writes(s->fix, port, 1024, "late", 4);
	stream_is_over(s, fd);
}

static void shutdown_flags(struct subject *s, uint64_t flags)
{
	uint32_t port;
	int fd = stream(s, &port);

	says(s->fix, port, 1024, OP(SHUTDOWN), (uint32_t)flags);
	stream_is_over(s, fd);
}

static void unknown_shutdown_flags(struct subject *s, uint64_t flags)
{
	struct fix *f = s->fix;
	uint32_t port;
	int fd = stream(s, &port);

	says(f, port, 1024, OP(SHUTDOWN), (uint32_t)flags);
	writes(f, port, 1024, "ping", 4);
	host_hears(fd, "ping");
	close(fd);
	driver_turn(s->d);
	hears(f, OP(SHUTDOWN));
	says(f, port, 1024, OP(RST), 0);
}

/* credit */

/* A host that does not read: the guest may send what it was told and not a byte more. */
static void more_than_its_credit(struct subject *s, uint64_t piece)
{
	static uint8_t data[65536];
	struct fix *f = s->fix;
	uint32_t port, total = 0;
	int fd = stream(s, &port), size = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	while (total < 4 * MiB) {
		writes(f, port, 1024, data, (uint32_t)piece);
		total += (uint32_t)piece;
		while (hears_any(f) && f->h.op != OP(RST))
			;
		if (f->h.op == OP(RST))
			break;
	}
	assert_int_equal(f->h.op, OP(RST));
	assert_true(total < 2 * MiB);
	assert_true(hostile_heap() < s->heap + HOSTILE_HEAP);
	close(fd);
	driver_turn(s->d);
}

/* What is stored for a slow host does not excuse data after a shutdown, although there is room. */
static void stored_data_after_shutdown(struct subject *s, uint64_t unused UNUSED)
{
	static uint8_t data[4096];
	uint32_t port, room = 0;
	struct fix *f = s->fix;
	int fd = stream(s, &port);

	do { /* how much is that? */
		writes(f, port, 1024, data, sizeof(data));
		room += sizeof(data);
		while (hears_any(f) && f->h.op != OP(RST))
			;
	} while (f->h.op != OP(RST));
	close(fd);
	fd = stream(s, &port);
	for (uint32_t sent = 0; sent < room - HV_BUFFER / 2; sent += sizeof(data))
		writes(f, port, 1024, data, sizeof(data));
	while (hears_any(f))
		assert_int_not_equal(f->h.op, OP(RST));
	says(f, port, 1024, OP(SHUTDOWN), VIRTIO_VSOCK_SHUTDOWN_SEND);
	writes(f, port, 1024, data, sizeof(data));
	hears(f, OP(RST));
	close(fd);
	driver_turn(s->d);
}

/* The guest says how much it takes, and how much it has taken; whatever it says, what is sent stays
 * within. */
static void credit_that_lies(struct subject *s, uint64_t alloc_and_taken)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h;
	uint32_t port;
	int fd = stream(s, &port);

	h = packet(f, port, 1024, OP(CREDIT_UPDATE));
	h.buf_alloc = (uint32_t)alloc_and_taken;
	h.fwd_cnt = (uint32_t)(alloc_and_taken >> 32);
	send_raw(f, &h, NULL, 0);
	host_says(f, fd, "0123456789");
	while (hears_any(f))
		if (f->h.op == OP(RW))
			assert_true(f->h.len <= h.buf_alloc);
	close(fd);
	hostile_restart(s);
}

#define CREDIT(alloc, taken) ((uint64_t)(taken) << 32 | (alloc))

/* buffers */

static void receive_buffer_of(struct subject *s, uint64_t len)
{
	struct buf b = { HOSTILE_DATA, (uint32_t)len, true };

	driver_add(s->d, RX, &b, 1);
	says(s->fix, 77, 88, OP(RW), 0); /* to be answered */
}

static void receive_buffer_to_read(struct subject *s, uint64_t unused UNUSED)
{
	struct buf b[] = { { HOSTILE_DATA, 100, false }, { HOSTILE_DATA, 100, true } };

	driver_add(s->d, RX, b, 2);
	says(s->fix, 77, 88, OP(RW), 0);
}

/* A packet lies whole in its buffer, however small that is: no byte lands behind it. */
static void smallest_receive_buffers(struct subject *s, uint64_t room)
{
	const uint8_t *p = driver_ptr(s->d, HOSTILE_DATA);

	for (unsigned i = 0; i < HOSTILE_RING; i++)
		driver_add(s->d, RX, &(struct buf){ HOSTILE_DATA, HEADER + (uint32_t)room, true },
			1);
	look(s->fix, RX);
	assert_int_equal(driver_used_idx(s->d, RX), 1);
	for (uint64_t i = HEADER + room; i < 4096; i++)
		assert_int_equal(p[i], 0);
	hostile_restart(s);
}

static void event_queue(struct subject *s, uint64_t head)
{
	driver_post(s->d, EVENTS, (uint16_t)head);
	driver_kick(s->d, EVENTS);
	assert_int_equal(s->d->dev->queue[EVENTS].next_avail, 0);
}

/* numbers */

/* Answers that nobody takes: the guest's packets wait when so many do. */
static void requests_without_end(struct subject *s, uint64_t op)
{
	struct fix *f = s->fix;
	struct virtio_vsock_hdr h = packet(f, 77, 88, (uint16_t)op);

	memcpy(driver_ptr(s->d, f->tx), &h, HEADER);
	for (unsigned i = 0; i < 200; i++) {
		while ((uint16_t)(s->d->q[TX].next_avail - driver_used_idx(s->d, TX)) <
			HOSTILE_RING)
			driver_add(s->d, TX, &(struct buf){ f->tx, HEADER, false }, 1);
		driver_kick(s->d, TX);
	}
	assert_int_equal(driver_used_idx(s->d, TX), HV_RESETS / 2);
	fill_rx(f);
	while (hears_any(f))
		assert_int_equal(f->h.op, OP(RST));
	assert_int_equal(driver_used_idx(s->d, TX), s->d->q[TX].next_avail);
	hostile_restart(s);
}

/* A service that takes no call: what waits in its backlog is all there is. */
static void streams_without_end(struct subject *s, uint64_t rounds)
{
	struct fix *f = s->fix;
	int fd = service(f, 99);
	unsigned open = 0;

	fill_rx(f);
	for (uint64_t i = 0; i < rounds; i++) {
		says(f, 99, (uint32_t)(1000 + i), OP(REQUEST), 0);
		assert_true(hears_any(f));
		open += f->h.op == OP(RESPONSE);
	}
	assert_in_range(open, 1, 64);
	no_service(f, 99, fd);
	hostile_restart(s);
}

/* A service that takes them all: no more than HV_MAX_CONNS, and one comes again when one goes. */
static void more_streams_than_there_may_be(struct subject *s, uint64_t rounds)
{
	struct rlimit files, more;
	struct fix *f = s->fix;
	int fd = service(f, 99);
	unsigned open = 0;

	assert_int_equal(listen(fd, 2 * HV_MAX_CONNS), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	more = (struct rlimit){ files.rlim_max, files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	assert_true(files.rlim_max > 2 * HV_MAX_CONNS);
	fill_rx(f);
	for (uint64_t i = 0; i < rounds; i++) {
		says(f, 99, (uint32_t)(1000 + i), OP(REQUEST), 0);
		assert_true(hears_any(f));
		open += f->h.op == OP(RESPONSE);
	}
	assert_int_equal(open, HV_MAX_CONNS);
	says(f, 99, 1000, OP(RST), 0);
	driver_turn(s->d);
	says(f, 99, 999, OP(REQUEST), 0);
	hears(f, OP(RESPONSE));
	no_service(f, 99, fd);
	hostile_restart(s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void same_stream_twice(struct subject *s, uint64_t unused UNUSED)
{
	struct fix *f = s->fix;
	int fd = service(f, 99);

	fill_rx(f);
	says(f, 99, 1000, OP(REQUEST), 0);
	hears(f, OP(RESPONSE));
	says(f, 99, 1000, OP(REQUEST), 0);
	hears(f, OP(RST));
	no_service(f, 99, fd);
	hostile_restart(s);
}

static void reset_with_streams(struct subject *s, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		uint32_t port;
		int fd[4];

		for (unsigned n = 0; n < 4; n++) {
			fd[n] = stream(s, &port);
			host_says(s->fix, fd[n], "said");
			hears(s->fix, OP(RW));
			writes(s->fix, port, 1024, "never heard", 11);
		}
		hostile_restart(s);
		for (unsigned n = 0; n < 4; n++)
			close(fd[n]);
	}
}

static const struct hostile_case cases[] = {
	{ "g16 packet INVALID to nobody", IGNORED, dead_letter, OP(INVALID) },
	{ "g16 packet RESPONSE to nobody", IGNORED, dead_letter, OP(RESPONSE) },
	{ "g16 packet RST to nobody", IGNORED, dead_letter, OP(RST) },
	{ "g16 packet SHUTDOWN to nobody", IGNORED, dead_letter, OP(SHUTDOWN) },
	{ "g16 packet RW to nobody", IGNORED, dead_letter, OP(RW) },
	{ "g16 packet CREDIT_UPDATE to nobody", IGNORED, dead_letter, OP(CREDIT_UPDATE) },
	{ "g16 packet of operation 8", IGNORED, dead_letter, 8 },
	{ "g16 packet of operation 0xffff", IGNORED, dead_letter, 0xffff },
	{ "g16 request to no service", IGNORED, dead_letter, OP(REQUEST) },
	{ "g16 request for SEQPACKET", IGNORED, packet_of_type, VIRTIO_VSOCK_TYPE_SEQPACKET },
	{ "g16 request of type 0", IGNORED, packet_of_type, 0 },
	{ "g16 request of type 0xffff", IGNORED, packet_of_type, 0xffff },
	{ "g16 packet from another guest", IGNORED, packet_from, 4 },
	{ "g16 packet from the host", IGNORED, packet_from, 2 },
	{ "g16 packet from cid 2^32 + 3", IGNORED, packet_from, (UINT64_C(1) << 32) + 3 },
	{ "g16 packet to another guest", IGNORED, packet_to, 5 },
	{ "g16 packet to itself", IGNORED, packet_to, 3 },
	{ "g16 packet to cid 2^32 + 2", IGNORED, packet_to, (UINT64_C(1) << 32) + 2 },
	{ "g15 header of 0 bytes", IGNORED, header_of, 0 },
	{ "g15 header of 1 byte", IGNORED, header_of, 1 },
	{ "g15 header of 20 bytes", IGNORED, header_of, 20 },
	{ "g15 header a byte short", IGNORED, header_of, HEADER - 1 },
	{ "g15 header in 15 pieces", IGNORED, header_in_pieces, 0 },
	{ "g15 says 5 bytes, has 4", IGNORED, length_that_lies, 5 },
	{ "g15 says 65536 bytes, has 4", IGNORED, length_that_lies, 65536 },
	{ "g15 says 2^32 - 44 bytes, has 4", IGNORED, length_that_lies, UINT32_MAX - 43 },
	{ "g15 says 2^32 - 1 bytes, has 4", IGNORED, length_that_lies, UINT32_MAX },
	{ "g16 RW before the answer", IGNORED, before_its_answer, OP(RW) },
	{ "g16 SHUTDOWN before the answer", IGNORED, before_its_answer, OP(SHUTDOWN) },
	{ "g16 REQUEST before the answer", IGNORED, before_its_answer, OP(REQUEST) },
	{ "g16 operation 99 before the answer", IGNORED, before_its_answer, 99 },
	{ "g16 shutdown of one side before the answer", IGNORED, half_shutdown_before_its_answer,
		VIRTIO_VSOCK_SHUTDOWN_SEND },
	{ "g16 answer before the request", IGNORED, answer_before_the_request, 0 },
	{ "g16 SEQPACKET data to a stream", IGNORED, data_of_type, VIRTIO_VSOCK_TYPE_SEQPACKET },
	{ "g16 data of type 0xffff to a stream", IGNORED, data_of_type, 0xffff },
	{ "g16 a service asked for as SEQPACKET", IGNORED, service_by_type,
		VIRTIO_VSOCK_TYPE_SEQPACKET },
	{ "g16 data after a shutdown, before it stored data", IGNORED, stored_data_after_shutdown,
		0 },
	{ "g16 REQUEST of an open stream", IGNORED, while_open, OP(REQUEST) },
	{ "g16 RESPONSE to an open stream", IGNORED, while_open, OP(RESPONSE) },
	{ "g16 operation 0 to an open stream", IGNORED, while_open, 0 },
	{ "g16 operation 99 to an open stream", IGNORED, while_open, 99 },
	{ "g16 data after a shutdown", IGNORED, data_after_shutdown, 0 },
	{ "g16 shutdown of all flags", IGNORED, shutdown_flags, UINT32_MAX },
	{ "g16 shutdown of unknown flags", IGNORED, unknown_shutdown_flags, UINT32_MAX - BOTH },
	{ "g17 64 KiB at a time to a host that does not read", IGNORED, more_than_its_credit,
		65536 },
	{ "g17 1 KiB at a time to a host that does not read", IGNORED, more_than_its_credit, 1024 },
	{ "g16 a guest that takes nothing", IGNORED, credit_that_lies, CREDIT(0, 0) },
	{ "g16 a guest that takes 4 bytes", IGNORED, credit_that_lies, CREDIT(4, 0) },
	{ "g16 a guest that has taken more than was sent", IGNORED, credit_that_lies,
		CREDIT(4, 1000) },
	{ "g16 a guest that has taken 2^32 - 1", IGNORED, credit_that_lies,
		CREDIT(16, UINT32_MAX) },
	{ "g16 a guest that takes 2^32 - 1", IGNORED, credit_that_lies, CREDIT(UINT32_MAX, 0) },
	{ "g15 receive buffer of 0 bytes", BROKEN, receive_buffer_of, 0 },
	{ "g15 receive buffer of 1 byte", BROKEN, receive_buffer_of, 1 },
	{ "g15 receive buffer of a header only", BROKEN, receive_buffer_of, HEADER },
	{ "g15 receive buffer with a part to read", BROKEN, receive_buffer_to_read, 0 },
	{ "g15 receive buffers with room for a byte", IGNORED, smallest_receive_buffers, 1 },
	{ "g04 bad head in the event queue", IGNORED, event_queue, 0xffff },
	{ "g09 requests nobody takes the answers of", IGNORED, requests_without_end, OP(REQUEST) },
	{ "g09 data nobody takes the answers of", IGNORED, requests_without_end, OP(RW) },
	{ "g18 200 streams to a service that does not answer", IGNORED, streams_without_end, 200 },
	{ "g17 1100 streams to a service that takes all", IGNORED, more_streams_than_there_may_be,
		1100 },
	{ "g10 one stream twice", IGNORED, same_stream_twice, 0 },
	{ "g11 reset with streams open", IGNORED, reset_with_streams, 10 },
};

int main(void)
{
	struct hostile_list *l = hostile_new();

	hostile_add_registers(l, &kind);
	hostile_add_rings(l, &kind);
	hostile_add_cases(l, &kind, cases, ARRAY_SIZE(cases));
	return hostile_run(l, "vsock");
}
