/* The table of the hybrid vsock's connections, without a device: how many, for how long, and
 * counters that wrap. */
#define _GNU_SOURCE
#include <fcntl.h>
#include "virtio/test/hvsock_fix.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_so_many_connections),
		cmocka_unit_test(clients_and_guests_that_do_not_answer_are_given_up),
		cmocka_unit_test(suspended_connections_are_not_watched),
		cmocka_unit_test(counters_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
