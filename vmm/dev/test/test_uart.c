/*
 * The 16550A: what Linux' 8250 driver does to find and run it, the interrupt line, both directions
 * under load, bad accesses.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include "core/test/check.h"
#include "dev/test/turn.h"
#include "dev/uart.h"

#define MANY 300000

struct fix {
	struct loop *loop;
	struct chardev *chardev;
	struct uart *u;
	int far;
	unsigned rises, falls;
	bool level;
	size_t sent, seen, got, want;
	bool bad, use_irq;
	struct err err;
};

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 9));
}

static void set_irq(void *arg, bool level)
{
	struct fix *f = arg;

	assert_true(level != f->level);
	f->level = level;
	if (level)
		f->rises++;
	else
		f->falls++;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	int fd[2];

	if (!f || loop_new(&f->loop, &f->err) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -1;
	f->far = fd[1];
	fcntl(f->far, F_SETFL, O_NONBLOCK);
	if (chardev_new(&f->chardev, &(struct chardev_config){ .kind = CHARDEV_FD, .fd = fd[0] },
		    f->loop, &f->err))
		return -1;
	*state = f;
	return uart_new(&f->u, f->chardev, f->loop, set_irq, f, &f->err);
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	uart_free(f->u);
	chardev_free(f->chardev);
	close(f->far);
	loop_free(f->loop);
	free(f);
	return 0;
}

static uint8_t get(struct fix *f, unsigned reg)
{
	uint8_t v;

	uart_read(f->u, reg, &v, 1);
	return v;
}

static void put(struct fix *f, unsigned reg, uint8_t v)
{
	uart_write(f->u, reg, &v, 1);
}

static void see(struct fix *f, size_t len)
{
	uint8_t buf[4096];

	while (len) {
		ssize_t n = read(f->far, buf, MIN(len, sizeof(buf)));

		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++)
			f->bad |= buf[i] != pattern(f->seen + (size_t)i);
		f->seen += (size_t)n;
		len -= (size_t)n;
	}
}

static bool seen_all(void *arg)
{
	struct fix *f = arg;

	see(f, 4096);
	return f->seen >= f->want;
}

/* The tests of Linux' autoconfig(). */
static void is_found_as_16550a(void **state)
{
	struct fix *f = *state;

	put(f, UART_IER, 0);
	assert_int_equal(get(f, UART_IER), 0);
	put(f, UART_IER, 0x0f);
	assert_int_equal(get(f, UART_IER), 0x0f);
	put(f, UART_IER, 0xf0); /* no sleep mode, no extensions */
	assert_int_equal(get(f, UART_IER), 0);
	put(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(get(f, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	put(f, UART_MCR, 0);
	put(f, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(get(f, UART_EFR), 0);
	put(f, UART_LCR, 0);
	assert_int_equal(get(f, UART_IIR) & 0xc0, 0);
	put(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(get(f, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	put(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(get(f, UART_IIR) & 0xe0, 0xc0);
	put(f, UART_LCR, UART_LCR_DLAB);
	put(f, UART_DLL, 0x12);
	put(f, UART_DLM, 0x34);
	assert_int_equal(get(f, UART_DLL), 0x12);
	assert_int_equal(get(f, UART_DLM), 0x34);
	put(f, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(get(f, UART_IER), 0);
	put(f, UART_SCR, 0xa5);
	assert_int_equal(get(f, UART_SCR), 0xa5);
	assert_int_equal(get(f, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(get(f, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

static void loopback_shows_sixteen_bytes(void **state)
{
	struct fix *f = *state;

	put(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	put(f, UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 256; i++)
		put(f, UART_TX, (uint8_t)i);
	assert_int_equal(get(f, UART_LSR) & (UART_LSR_OE | UART_LSR_DR), UART_LSR_OE | UART_LSR_DR);
	assert_int_equal(get(f, UART_LSR) & UART_LSR_OE, 0);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(get(f, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
		assert_int_equal(get(f, UART_RX), i);
	}
	assert_int_equal(get(f, UART_LSR) & UART_LSR_DR, 0);
	turn_some(f->loop);
	see(f, 1);
	assert_int_equal(f->seen, 0); /* nothing went out */
}

static void modem_lines_tell_their_changes(void **state)
{
	struct fix *f = *state;

	put(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	get(f, UART_MSR);
	put(f, UART_IER, UART_IER_MSI);
	assert_false(f->level);
	put(f, UART_MCR, UART_MCR_LOOP);
	assert_true(f->level);
	assert_int_equal(get(f, UART_IIR), UART_IIR_MSI);
	assert_int_equal(get(f, UART_MSR), UART_MSR_TERI);
	assert_false(f->level);
	put(f, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	assert_int_equal(get(f, UART_MSR), UART_MSR_DSR | UART_MSR_DDSR);
}

/* The test for THRE's interrupt in Linux' serial8250_do_startup(). */
static void thre_interrupt(void **state)
{
	struct fix *f = *state;

	put(f, UART_IER, UART_IER_THRI);
	assert_int_equal(f->rises, 1);
	assert_int_equal(get(f, UART_IIR), UART_IIR_THRI);
	assert_int_equal(get(f, UART_IIR), UART_IIR_NO_INT); /* reading took it back */
	assert_false(f->level);
	put(f, UART_IER, 0);
	put(f, UART_IER, UART_IER_THRI);
	assert_int_equal(f->rises, 2);
	assert_int_equal(get(f, UART_IIR), UART_IIR_THRI);
	put(f, UART_TX, pattern(0));
	assert_int_equal(f->rises, 3); /* sent: ready for more */
	put(f, UART_TX, pattern(1));
	assert_int_equal(f->rises, 3);
	put(f, UART_IER, 0);
	assert_false(f->level);
	f->want = 2;
	assert_true(turn_until(f->loop, seen_all, f));
	assert_false(f->bad);
}

static bool readable(void *arg)
{
	return get(arg, UART_LSR) & UART_LSR_DR;
}

static void received_data_interrupt(void **state)
{
	struct fix *f = *state;

	put(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	put(f, UART_IER, UART_IER_RDI | UART_IER_RLSI | UART_IER_THRI);
	get(f, UART_IIR);
	assert_int_equal(write(f->far, "ab", 2), 2);
	assert_true(turn_until(f->loop, readable, f));
	assert_true(f->level);
	assert_int_equal(get(f, UART_IIR), 0xc0 | UART_IIR_RDI);
	assert_int_equal(get(f, UART_RX), 'a');
	assert_true(f->level);
	assert_int_equal(get(f, UART_RX), 'b');
	assert_false(f->level);
	assert_int_equal(get(f, UART_RX), 0);
	assert_int_equal(write(f->far, "c", 1), 1);
	assert_true(turn_until(f->loop, readable, f));
	put(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(f->level);
	assert_int_equal(get(f, UART_LSR) & UART_LSR_DR, 0);
}

/* A driver that sends when it may: 16 bytes, then it looks again. */
static bool polite_sender(void *arg)
{
	struct fix *f = arg;

	for (int burst = 0; burst < 100; burst++) {
		if (!(get(f, UART_LSR) & UART_LSR_THRE))
			break;
		for (int i = 0; i < 16 && f->sent < MANY; i++)
			put(f, UART_TX, pattern(f->sent++));
	}
	see(f, 700);
	return f->seen == MANY;
}

static void a_slow_reader_loses_nothing(void **state)
{
	struct fix *f = *state;

	put(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_true(turn_until(f->loop, polite_sender, f));
	assert_false(f->bad);
}

static bool busy(void *arg)
{
	struct fix *f = arg;

	while (get(f, UART_LSR) & UART_LSR_THRE)
		put(f, UART_TX, pattern(f->sent++));
	return f->sent > CHARDEV_BACKLOG + UART_TX_BUSY && f->rises;
}

/* Backlog and ring full, the guest told so; when the far side reads on an interrupt says it. */
static void ready_again_interrupts(void **state)
{
	struct fix *f = *state;

	assert_false(turn_within(f->loop, 50, busy, f));
	assert_int_equal(get(f, UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT), 0);
	put(f, UART_IER, UART_IER_THRI);
	assert_int_equal(f->rises, 0);
	f->want = f->sent;
	assert_true(turn_until(f->loop, seen_all, f));
	assert_int_equal(f->rises, 1);
	assert_false(f->bad);
}

/* One that sends without looking: the ring keeps what it can, in order, and drops the rest. */
static void a_rude_sender_is_bounded(void **state)
{
	struct fix *f = *state;

	for (size_t i = 0; i < 4 * UART_TX_RING; i++)
		put(f, UART_TX, pattern(i));
	f->want = UART_TX_RING;
	assert_true(turn_until(f->loop, seen_all, f));
	turn_some(f->loop);
	see(f, MANY);
	assert_int_equal(f->seen, UART_TX_RING);
	assert_false(f->bad);
}

static bool reading_guest(void *arg)
{
	struct fix *f = arg;
	uint8_t buf[2000];
	ssize_t n;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(f->sent + i);
	n = write(f->far, buf, MIN(sizeof(buf), MANY - f->sent));
	f->sent += n > 0 ? (size_t)n : 0;
	if (!f->level) /* an interrupt that did not come is a byte that is never read */
		return f->got == MANY;
	for (int i = 0; i < 300 && get(f, UART_LSR) & UART_LSR_DR; i++)
		f->bad |= get(f, UART_RX) != pattern(f->got++);
	return f->got == MANY;
}

static void a_slow_guest_loses_nothing(void **state)
{
	struct fix *f = *state;

	put(f, UART_IER, UART_IER_RDI);
	assert_true(turn_until(f->loop, reading_guest, f));
	assert_false(f->bad);
	assert_int_equal(get(f, UART_LSR) & UART_LSR_OE, 0);
}

static void *sbi_guest(void *arg)
{
	struct fix *f = arg;
	uint8_t buf[1000];

	while (f->sent < MANY) {
		size_t n = MIN(sizeof(buf), MANY - f->sent);

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(f->sent + i);
		uart_put(f->u, buf, n);
		f->sent += n;
	}
	return NULL;
}

/* From another thread, which waits while there is no room. */
static void put_waits_for_room(void **state)
{
	struct fix *f = *state;
	pthread_t thread;

	f->want = MANY;
	assert_int_equal(pthread_create(&thread, NULL, sbi_guest, f), 0);
	assert_true(turn_until(f->loop, seen_all, f));
	pthread_join(thread, NULL);
	assert_false(f->bad);
}

static void put_does_not_wait_for_ever(void **state)
{
	struct fix *f = *state;
	uint8_t buf[UART_TX_RING + 100];
	int64_t begin = turn_now_ms();

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(i);
	uart_put(f->u, buf, sizeof(buf)); /* the loop doesn't run */
	assert_in_range(turn_now_ms() - begin, 90, 1500);
	f->want = UART_TX_RING;
	assert_true(turn_until(f->loop, seen_all, f));
	assert_false(f->bad);
}

static void free_and_flush_send_what_is_left(void **state)
{
	struct fix *f = *state;

	for (size_t i = 0; i < 100; i++)
		put(f, UART_TX, pattern(i));
	uart_flush(f->u);
	see(f, MANY);
	assert_int_equal(f->seen, 100);
	for (size_t i = 100; i < 200; i++)
		put(f, UART_TX, pattern(i));
	uart_free(f->u);
	f->u = NULL;
	see(f, MANY);
	assert_int_equal(f->seen, 200);
	assert_false(f->bad);
}

static void reset_is_power_on(void **state)
{
	struct fix *f = *state;

	put(f, UART_TX, pattern(0));
	put(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	put(f, UART_IER, UART_IER_THRI);
	put(f, UART_LCR, UART_LCR_DLAB);
	put(f, UART_SCR, 1);
	assert_true(f->level);
	uart_reset(f->u);
	assert_false(f->level);
	for (unsigned reg = 1; reg < 8; reg++)
		assert_int_equal(get(f, reg),
			reg == UART_IIR		  ? UART_IIR_NO_INT
				: reg == UART_LSR ? UART_LSR_THRE | UART_LSR_TEMT
				: reg == UART_MSR ? UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS
						  : 0);
	f->want = 1;
	assert_true(turn_until(f->loop, seen_all, f)); /* what was printed before is kept */
}

static void odd_accesses(void **state)
{
	struct fix *f = *state;
	uint8_t data[8];

	for (uint64_t off = 0; off < 64; off++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			memset(data, 0xee, sizeof(data));
			uart_write(f->u, off, data, len);
			memset(data, 0xee, sizeof(data));
			uart_read(f->u, off, data, len);
			for (unsigned i = 1; i < len; i++)
				assert_int_equal(data[i], 0);
			assert_true(off < UART_SIZE || data[0] == 0);
		}
	uart_read(f->u, UINT64_MAX, data, 8);
	uart_write(f->u, UINT64_MAX, data, 8);
	uart_reset(f->u);
	assert_int_equal(get(f, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_found_as_16550a),
		TEST(loopback_shows_sixteen_bytes),
		TEST(modem_lines_tell_their_changes),
		TEST(thre_interrupt),
		TEST(received_data_interrupt),
		TEST(a_slow_reader_loses_nothing),
		TEST(ready_again_interrupts),
		TEST(a_rude_sender_is_bounded),
		TEST(a_slow_guest_loses_nothing),
		TEST(put_waits_for_room),
		TEST(put_does_not_wait_for_ever),
		TEST(free_and_flush_send_what_is_left),
		TEST(reset_is_power_on),
		TEST(odd_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
