/*
 * The hybrid vsock as its guest and its host clients see it: greetings, both directions, credit,
 * half-closes, time limits, and what a reset or a pause does to open streams.
 * Sockets are in a directory of the test's own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "virtio/test/hvsock_fix.h"

/* greetings */

static void greetings_good_and_bad(void **state UNUSED)
{
	static const struct {
		const char *line;
		bool good;
		uint32_t port;
	} t[] = {
		{ "CONNECT 0", true, 0 },
		{ "CONNECT 1024", true, 1024 },
		{ "CONNECT 0000001024", true, 1024 },
		{ "CONNECT 4294967294", true, 4294967294 },
		{ "CONNECT 4294967295", false, 0 },
		{ "CONNECT 4294967296", false, 0 },
		{ "CONNECT 9999999999", false, 0 },
		{ "CONNECT 00000000001", false, 0 },
		{ "CONNECT ", false, 0 },
		{ "CONNECT", false, 0 },
		{ "", false, 0 },
		{ "CONNECT -1", false, 0 },
		{ "CONNECT 1 ", false, 0 },
		{ "CONNECT  1", false, 0 },
		{ "CONNECT 1\r", false, 0 },
		{ "connect 1", false, 0 },
		{ "CONNECT 0x1", false, 0 },
		{ "CONNECTED 1", false, 0 },
		{ "GET / HTTP/1.1", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint32_t port = 0;

		assert_int_equal(hv_parse_greeting(t[i].line, strlen(t[i].line), &port), t[i].good);
		if (t[i].good)
			assert_int_equal(port, t[i].port);
	}
}

static void host_connects_and_both_sides_talk(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	assert_true(port >= 1U << 30);
	assert_int_equal(f.h.type, VIRTIO_VSOCK_TYPE_STREAM);
	assert_int_equal(f.h.buf_alloc, HV_BUFFER);
	host_says(&f, fd, "to the guest");
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f.h.len, 12);
	assert_memory_equal(f.data, "to the guest", 12);
	assert_true(f.h.src_port == port && f.h.dst_port == 1024);
	writes(&f, port, 1024, "to the host", 11);
	host_hears(fd, "to the host");
	hears_nothing(&f);
	close(fd);
	down(&f);
}

static void greeting_in_pieces_and_data_behind_it(void **state UNUSED)
{
	struct fix f;
	char ok[32];
	int fd;

	up(&f);
	fd = client(&f);
	for (const char *p = "CONNECT 52"; *p; p++)
		host_says(&f, fd, (char[]){ *p, 0 });
	hears_nothing(&f);
	host_says(&f, fd, "\nearly data");
	hears(&f, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(f.h.dst_port, 52);
	hears_nothing(&f); /* not before the guest agreed */
	says(&f, f.h.src_port, 52, VIRTIO_VSOCK_OP_RESPONSE, 0);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "early data", 10);
	snprintf(ok, sizeof(ok), "OK %u\n", f.h.src_port);
	host_hears(fd, ok);
	close(fd);
	down(&f);
}

static void bad_greetings_end_the_connection(void **state UNUSED)
{
	static const char *const bad[] = { "HELLO\n", "\n", "CONNECT x\n", "CONNECT 99999999999999",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	struct fix f;

	up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = client(&f);

		host_says(&f, fd, bad[i]);
		if (i != 3) /* that one may still become too long */
			assert_true(at_end(fd));
		close(fd);
		driver_turn(&f.d);
	}
	hears_nothing(&f);
	close(connected(&f, &(uint32_t){ 0 }));
	down(&f);
}

static void guest_without_listener_closes_the_client_each_time(void **state UNUSED)
{
	struct fix f;

	up(&f);
	for (unsigned i = 0; i < 50; i++) {
		int fd = client(&f);

		host_says(&f, fd, "CONNECT 1024\n");
		hears(&f, VIRTIO_VSOCK_OP_REQUEST);
		says(&f, f.h.src_port, 1024, VIRTIO_VSOCK_OP_RST, 0);
		assert_true(at_end(fd));
		close(fd);
	}
	hears_nothing(&f);
	close(connected(&f, &(uint32_t){ 0 }));
	down(&f);
}

static void clients_before_the_driver_wait(void **state UNUSED)
{
	struct fix f;
	char c;
	int fd;

	plug(&f);
	fd = client(&f);
	host_says(&f, fd, "CONNECT 7\n");
	assert_int_equal(recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	start(&f, RING);
	hears(&f, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(f.h.dst_port, 7);
	close(fd);
	hears(&f, VIRTIO_VSOCK_OP_RST); /* who does not wait for the answer */
	down(&f);
}

/* the guest's own connections */

static void guest_dials_a_service(void **state UNUSED)
{
	struct fix f;
	int listener, fd;

	up(&f);
	listener = service(&f, 5000);
	says(&f, 5000, 33333, VIRTIO_VSOCK_OP_REQUEST, 0);
	hears(&f, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(f.h.src_port == 5000 && f.h.dst_port == 33333);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	writes(&f, 5000, 33333, "question", 8);
	host_hears(fd, "question");
	host_says(&f, fd, "answer");
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "answer", 6);
	no_service(&f, 5000, listener);
	says(&f, 5000, 33334, VIRTIO_VSOCK_OP_REQUEST, 0);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(f.h.dst_port, 33334);
	close(fd);
	down(&f);
}

/* credit (§5.10.6.3) */

static void data_to_the_guest_keeps_to_its_credit(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	f.alloc = 10;
	fd = connected(&f, &port);
	host_says(&f, fd, "0123456789abcdefghij");
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f.h.len, 10);
	hears(&f, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	hears_nothing(&f); /* asked once */
	f.forwarded = 4;
	says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f.h.len, 4);
	assert_memory_equal(f.data, "abcd", 4);
	f.forwarded = 14;
	says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	hears(&f, VIRTIO_VSOCK_OP_CREDIT_REQUEST); /* for the last four, then for the rest */
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "efghij", 6);
	close(fd);
	down(&f);
}

static void guest_without_any_credit_gets_nothing(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	f.alloc = 0;
	fd = connected(&f, &port);
	host_says(&f, fd, "data");
	hears(&f, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	f.alloc = 100;
	f.forwarded = 1000; /* more than was ever sent */
	says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	hears(&f, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	f.forwarded = 0;
	says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	hears(&f, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	close(fd);
	down(&f);
}

static void fill(uint8_t *data, size_t len, uint32_t at)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((at + i) * 31 + ((at + i) >> 8));
}

/* The guest writes faster than the host reads: nothing is lost, and the guest is told when there is
 * room. */
static void slow_host_reader_gets_every_byte(void **state UNUSED)
{
	enum { TOTAL = 1 << 20, PIECE = 4096 };
	static uint8_t piece[PIECE], got[PIECE];
	uint32_t port, sent = 0, read_at = 0, credit = HV_BUFFER, told = 0;
	struct fix f;
	unsigned updates = 0;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	for (unsigned round = 0; read_at < TOTAL && round < 100000; round++) {
		ssize_t n;

		if (sent < TOTAL && sent - told + PIECE <= credit) {
			fill(piece, PIECE, sent);
			writes(&f, port, 1024, piece, PIECE);
			sent += PIECE;
		} else {
			n = recv(fd, got, sizeof(got), 0);
			assert_true(n > 0);
			fill(piece, (size_t)n, read_at);
			assert_memory_equal(got, piece, n);
			read_at += (uint32_t)n;
		}
		while (hears_any(&f)) {
			assert_int_equal(f.h.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
			told = f.h.fwd_cnt;
			updates++;
		}
	}
	assert_int_equal(read_at, TOTAL);
	assert_in_range(updates, TOTAL / HV_BUFFER, 2 * TOTAL / HV_BUFFER + 1);
	close(fd);
	down(&f);
}

static void guest_that_overruns_its_credit_is_reset(void **state UNUSED)
{
	static uint8_t data[32768];
	struct fix f;
	uint32_t port;
	unsigned i;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	for (i = 0; i < 1000; i++) { /* nobody reads */
		writes(&f, port, 1024, data, sizeof(data));
		if (hears_any(&f) && f.h.op == VIRTIO_VSOCK_OP_RST)
			break;
	}
	assert_in_range(i, 2, 50);
	close(fd);
	driver_turn(&f.d);
	close(connected(&f, &port));
	down(&f);
}

static void large_stream_to_the_guest(void **state UNUSED)
{
	enum { TOTAL = 1 << 20 };
	static uint8_t data[4096], want[4096];
	uint32_t port, sent = 0, heard = 0;
	struct fix f;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	for (unsigned round = 0; heard < TOTAL && round < 100000; round++) {
		if (sent < TOTAL) {
			ssize_t n;

			fill(data, sizeof(data), sent);
			n = send(fd, data, MIN(sizeof(data), (size_t)TOTAL - sent), 0);
			sent += n > 0 ? (uint32_t)n : 0;
		}
		while (hears_any(&f)) {
			if (f.h.op == VIRTIO_VSOCK_OP_CREDIT_REQUEST) {
				says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
				continue;
			}
			assert_int_equal(f.h.op, VIRTIO_VSOCK_OP_RW);
			fill(want, f.h.len, heard);
			assert_memory_equal(f.data, want, f.h.len);
			heard += f.h.len;
		}
	}
	assert_int_equal(heard, TOTAL);
	close(fd);
	down(&f);
}

/* closing (§5.10.6.5) */

static void guest_closes_one_direction(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	writes(&f, port, 1024, "last words", 10);
	says(&f, port, 1024, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
	host_hears(fd, "last words");
	assert_true(at_end(fd));
	host_says(&f, fd, "still here");
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "still here", 10);
	writes(&f, port, 1024, "x", 1); /* it said it would not */
	hears(&f, VIRTIO_VSOCK_OP_RST);
	close(fd);
	down(&f);
}

static void guest_stops_listening(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	says(&f, port, 1024, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_RCV);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	writes(&f, port, 1024, "still here", 10);
	host_hears(fd, "still here");
	says(&f, port, 1024, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	assert_true(at_end(fd));
	close(fd);
	down(&f);
}

static void guest_closes_with_data_still_on_the_way(void **state UNUSED)
{
	static uint8_t data[4096], got[65536];
	struct fix f;
	uint32_t port, sent = 0, told = 0, heard = 0;
	ssize_t n;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	while (sent - told < HV_BUFFER) { /* until the credit is used up */
		writes(&f, port, 1024, data, 4096);
		sent += 4096;
		if (hears_any(&f))
			told = f.h.fwd_cnt;
	}
	says(&f, port, 1024, VIRTIO_VSOCK_OP_SHUTDOWN, BOTH);
	for (unsigned i = 0; i < 1000; i++) {
		n = recv(fd, got, sizeof(got), 0);
		heard += n > 0 ? (uint32_t)n : 0;
		driver_turn(&f.d);
		if (!n)
			break;
	}
	assert_int_equal(heard, sent);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	close(fd);
	down(&f);
}

static void host_closes_one_direction(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	host_says(&f, fd, "last");
	shutdown(fd, SHUT_WR);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	hears(&f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f.h.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	writes(&f, port, 1024, "answer", 6);
	host_hears(fd, "answer");
	close(fd);
	hears(&f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f.h.flags, BOTH);
	says(&f, port, 1024, VIRTIO_VSOCK_OP_RST, 0);
	hears_nothing(&f);
	down(&f);
}

static void host_closes_after_its_data(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	up(&f);
	fd = connected(&f, &port);
	host_says(&f, fd, "last");
	close(fd);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "last", 4);
	hears(&f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f.h.flags, BOTH);
	says(&f, port, 1024, VIRTIO_VSOCK_OP_SHUTDOWN, BOTH);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	writes(&f, port, 1024, "x", 1); /* nobody is there */
	hears(&f, VIRTIO_VSOCK_OP_RST);
	down(&f);
}

/* life */

static void reset_ends_all_streams(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd, waiting;

	up(&f);
	fd = connected(&f, &port);
	waiting = client(&f);
	driver_reset(&f.d);
	assert_true(at_end(fd));
	assert_true(at_end(waiting));
	close(fd);
	close(waiting);
	start(&f, RING);
	hears_nothing(&f);
	says(&f, port, 1024, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	hears(&f, VIRTIO_VSOCK_OP_RST);
	fd = connected(&f, &port);
	close(fd);
	down(&f);
}

static void pause_holds_everything(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd, late;

	up(&f);
	fd = connected(&f, &port);
	virtio_mmio_pause(f.d.m);
	host_says(&f, fd, "held");
	late = client(&f);
	host_says(&f, late, "CONNECT 9\n");
	hears_nothing(&f);
	virtio_mmio_resume(f.d.m);
	driver_turn(&f.d);
	hears(&f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f.data, "held", 4);
	hears(&f, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(f.h.dst_port, 9);
	close(fd);
	close(late);
	down(&f);
}

/* limits, without a device */

struct bare {
	struct hv hv;
	pthread_mutex_t lock;
	struct loop *loop;
	int peer; /* the other end of what dial() handed out */
};

static int bare_dial(struct hv *hv, uint32_t port UNUSED)
{
	struct bare *b = container_of(hv, struct bare, hv);
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	b->peer = fd[1];
	return fd[0];
}

static void bare_output(struct hv *hv UNUSED)
{
}

static void bare_up(struct bare *b)
{
	struct err err = { 0 };

	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
	b->peer = -1;
	b->hv.dial = bare_dial;
	b->hv.output = bare_output;
	assert_int_equal(loop_new(&b->loop, &err), 0);
	assert_int_equal(hv_init(&b->hv, b->loop, &b->lock, GUEST, -1, &err), 0);
	hv_start(&b->hv);
}

static void bare_down(struct bare *b)
{
	hv_fini(&b->hv);
	loop_free(b->loop);
	if (b->peer >= 0)
		close(b->peer);
}

static int bare_accept(struct bare *b, const char *greeting)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(send(fd[1], greeting, strlen(greeting), 0), strlen(greeting));
	hv_accept(&b->hv, fd[0]);
	return fd[1];
}

static void no_more_than_so_many_connections(void **state UNUSED)
{
	struct virtio_vsock_hdr h = { .src_cid = GUEST,
		.dst_cid = 2,
		.src_port = 1,
		.dst_port = 2,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_REQUEST };
	struct chain none = { 0 };
	struct bare b;
	int fd;

	bare_up(&b);
	b.hv.nconns = HV_MAX_CONNS - 1;
	hv_receive(&b.hv, &h, &none, 0);
	assert_int_equal(b.hv.nconns, HV_MAX_CONNS);
	assert_int_equal(b.hv.nresets, 0);
	h.src_port = 2;
	hv_receive(&b.hv, &h, &none, 0);
	assert_int_equal(b.hv.nconns, HV_MAX_CONNS);
	assert_int_equal(b.hv.nresets, 1);
	fd = bare_accept(&b, "CONNECT 1\n");
	assert_true(at_end(fd));
	close(fd);
	bare_down(&b);
}

static void clients_and_guests_that_do_not_answer_are_given_up(void **state UNUSED)
{
	struct virtio_vsock_hdr h;
	struct chain none = { 0 };
	struct bare b;
	int silent, asked;

	bare_up(&b);
	silent = bare_accept(&b, "");
	asked = bare_accept(&b, "CONNECT 5\n");
	b.hv.conns->watch.fn(&b.hv.conns->watch, EPOLLIN);
	assert_int_equal(hv_next(&b.hv, &h, &none, 0), 1);
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_REQUEST);
	for (unsigned i = 0; i < HV_GREET_TIME; i++)
		hv_tick(&b.hv);
	assert_false(at_end(silent));
	hv_tick(&b.hv);
	assert_true(at_end(silent));
	for (unsigned i = HV_GREET_TIME + 1; i < HV_ASK_TIME; i++)
		hv_tick(&b.hv);
	assert_false(at_end(asked));
	assert_false(hv_pending(&b.hv));
	hv_tick(&b.hv);
	assert_true(at_end(asked));
	assert_int_equal(hv_next(&b.hv, &h, &none, 0), 1);
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
	assert_false(b.hv.ticking);
	close(silent);
	close(asked);
	bare_down(&b);
}

static void suspended_connections_are_not_watched(void **state UNUSED)
{
	struct bare b;
	int fd;

	bare_up(&b);
	fd = bare_accept(&b, "CONNECT 5\n");
	assert_true(b.hv.conns->watch.added);
	hv_suspend(&b.hv, true);
	assert_false(b.hv.conns->watch.added);
	hv_suspend(&b.hv, false);
	assert_true(b.hv.conns->watch.added);
	assert_int_equal(b.hv.conns->watch.events, EPOLLIN);
	close(fd);
	bare_down(&b);
}

/* §5.10.6.3: all counters are free-running. */
static void counters_wrap(void **state UNUSED)
{
	static uint8_t ram[4096];
	struct virtio_vsock_hdr h = { .src_cid = GUEST,
		.dst_cid = 2,
		.src_port = 1,
		.dst_port = 2,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_REQUEST,
		.buf_alloc = 100,
		.fwd_cnt = UINT32_MAX - 20 };
	struct chain c = { .nin = 1,
		.in_len = sizeof(ram),
		.seg = { { (void __guest *)ram, sizeof(ram) } } };
	struct virtio_vsock_hdr out;
	struct bare b;

	bare_up(&b);
	hv_receive(&b.hv, &h, &c, 0);
	b.hv.conns->sent = UINT32_MAX - 10; /* ten are on the way */
	b.hv.conns->forwarded = b.hv.conns->forwarded_told = UINT32_MAX - 5;
	assert_int_equal(hv_next(&b.hv, &out, &c, HEADER), 1); /* RESPONSE */
	assert_int_equal(send(b.peer, ram, 200, 0), 200);
	b.hv.conns->watch.fn(&b.hv.conns->watch, EPOLLIN);
	assert_int_equal(hv_next(&b.hv, &out, &c, HEADER), 1);
	assert_int_equal(out.len, 90);
	assert_int_equal(b.hv.conns->sent, 79);
	assert_int_equal(out.fwd_cnt, UINT32_MAX - 5);
	c = (struct chain){ .nout = 1, .out_len = 10, .seg = { { (void __guest *)ram, 10 } } };
	h.op = VIRTIO_VSOCK_OP_RW;
	h.len = 10;
	hv_receive(&b.hv, &h, &c, 0);
	assert_int_equal(b.hv.conns->forwarded, 4);
	bare_down(&b);
}

static void constructor_checks_what_it_is_told(void **state UNUSED)
{
	static const uint32_t bad[] = { 1, 2, UINT32_MAX };
	struct virtio_env env = { .label = "vsock0" };
	struct virtio_dev *dev;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vm_vsock cfg = { .cid = bad[i], .uds = "/nowhere/v" };
		struct err err = { 0 };

		assert_int_equal(virtio_hvsock_new(&dev, &cfg, &env, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "a guest's is 3 to 4294967294"));
		cfg.cid = 3;
		assert_int_equal(virtio_hvsock_new(&dev, &cfg, &env, &err), -ENOENT);
		assert_non_null(strstr(err.msg, "the vsock socket /nowhere/v"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greetings_good_and_bad),
		cmocka_unit_test(host_connects_and_both_sides_talk),
		cmocka_unit_test(greeting_in_pieces_and_data_behind_it),
		cmocka_unit_test(bad_greetings_end_the_connection),
		cmocka_unit_test(guest_without_listener_closes_the_client_each_time),
		cmocka_unit_test(clients_before_the_driver_wait),
		cmocka_unit_test(guest_dials_a_service),
		cmocka_unit_test(data_to_the_guest_keeps_to_its_credit),
		cmocka_unit_test(guest_without_any_credit_gets_nothing),
		cmocka_unit_test(slow_host_reader_gets_every_byte),
		cmocka_unit_test(guest_that_overruns_its_credit_is_reset),
		cmocka_unit_test(large_stream_to_the_guest),
		cmocka_unit_test(guest_closes_one_direction),
		cmocka_unit_test(guest_stops_listening),
		cmocka_unit_test(guest_closes_with_data_still_on_the_way),
		cmocka_unit_test(host_closes_one_direction),
		cmocka_unit_test(host_closes_after_its_data),
		cmocka_unit_test(reset_ends_all_streams),
		cmocka_unit_test(pause_holds_everything),
		cmocka_unit_test(no_more_than_so_many_connections),
		cmocka_unit_test(clients_and_guests_that_do_not_answer_are_given_up),
		cmocka_unit_test(suspended_connections_are_not_watched),
		cmocka_unit_test(counters_wrap),
		cmocka_unit_test(constructor_checks_what_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
