/* The hybrid vsock's packets: credit in both directions (virtio 1.2 §5.10.6.3) and closing
 * (§5.10.6.5). */
#define _GNU_SOURCE
#include "virtio/test/hvsock_fix.h"

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

	fd = up_connected(&f, &port);
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

	fd = up_connected(&f, &port);
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

	fd = up_connected(&f, &port);
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

static void guest_closes_one_direction(void **state UNUSED)
{
	struct fix f;
	uint32_t port;
	int fd;

	fd = up_connected(&f, &port);
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

	fd = up_connected(&f, &port);
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

	fd = up_connected(&f, &port);
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

	fd = up_connected(&f, &port);
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

	fd = up_connected(&f, &port);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
