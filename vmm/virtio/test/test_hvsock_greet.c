/* Greetings of the hybrid vsock's host clients: "CONNECT port" and what is answered. */
#define _GNU_SOURCE
#include "virtio/test/hvsock_fix.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greetings_good_and_bad),
		cmocka_unit_test(greeting_in_pieces_and_data_behind_it),
		cmocka_unit_test(bad_greetings_end_the_connection),
		cmocka_unit_test(guest_without_listener_closes_the_client_each_time),
		cmocka_unit_test(clients_before_the_driver_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
