/*
 * The serial port with a guest that lies: widths and offsets (G19), output without end to a far
 * side that does not read (G17), registers rewritten as fast as can be, also by two vCPUs (G22,
 * G23). The interrupt line only ever changes when it says so, memory stays as it was, and after a
 * reset a byte goes through in either direction.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include "core/test/hostile.h"
#include "dev/test/turn.h"
#include "dev/uart.h"

#define HEAP (CHARDEV_BACKLOG + 64 * KiB) /* that a case may cost */

struct fix {
	const void *row; /* first: hostile_table() */
	struct loop *loop;
	struct chardev *chardev;
	struct uart *u;
	int far;
	bool level; /* under the port's lock */
	size_t heap;
	char heard;
	struct err err;
};

static void set_irq(void *arg, bool level)
{
	struct fix *f = arg;

	assert_true(level != f->level);
	f->level = level;
}

static int setup(void **state)
{
	struct fix *f = *state;
	int fd[2];

	assert_int_equal(loop_new(&f->loop, &f->err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	f->far = fd[1];
	fcntl(f->far, F_SETFL, O_NONBLOCK);
	assert_int_equal(chardev_new(&f->chardev,
				 &(struct chardev_config){ .kind = CHARDEV_FD, .fd = fd[0] },
				 f->loop, &f->err),
		0);
	assert_int_equal(uart_new(&f->u, f->chardev, f->loop, set_irq, f, &f->err), 0);
	turn_some(f->loop);
	f->heap = hostile_heap();
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	close(f->far);
	uart_free(f->u);
	chardev_free(f->chardev);
	loop_free(f->loop);
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

/* What came last. */
static bool silent(void *arg)
{
	struct fix *f = arg;
	char buf[8192];
	ssize_t n;
	bool any = false;

	while ((n = read(f->far, buf, sizeof(buf))) > 0) {
		f->heard = buf[n - 1];
		any = true;
	}
	return !any && f->heard == '$';
}

static bool readable(void *arg)
{
	return get(arg, UART_LSR) & UART_LSR_DR;
}

static bool polite(void *arg)
{
	struct fix *f = arg;

	silent(f);
	return get(f, UART_LSR) & UART_LSR_THRE;
}

static void works(struct fix *f)
{
	uart_reset(f->u);
	assert_false(f->level);
	assert_true(turn_until(f->loop, polite, f));
	f->heard = 0;
	put(f, UART_TX, '$');
	assert_true(turn_until(f->loop, silent, f));
	put(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	put(f, UART_IER, UART_IER_RDI);
	assert_int_equal(write(f->far, "k", 1), 1);
	assert_true(turn_until(f->loop, readable, f));
	assert_true(f->level);
	assert_int_equal(get(f, UART_RX), 'k');
	assert_false(f->level);
}

/* cases */

static void every_offset(struct fix *f, uint64_t len)
{
	for (unsigned value = 0; value < 256; value += 51)
		for (uint64_t off = 0; off < 64; off++) {
			uint8_t data[16];

			memset(data, (int)value, sizeof(data));
			uart_write(f->u, off, data, (unsigned)len);
			memset(data, 0xee, sizeof(data));
			uart_read(f->u, off, data, (unsigned)len);
			for (uint64_t i = 1; i < len; i++)
				assert_int_equal(data[i], 0);
			assert_int_equal(data[len], 0xee);
			assert_true(off < UART_SIZE || !data[0]);
		}
}

static void offset(struct fix *f, uint64_t off)
{
	uint8_t data[8];

	memset(data, 0xff, sizeof(data));
	uart_write(f->u, off, data, 8);
	uart_read(f->u, off, data, 8);
	assert_int_equal(data[0], 0);
	assert_int_equal(get(f, UART_IER), 0);
	assert_int_equal(get(f, UART_LCR), 0);
	assert_int_equal(get(f, UART_SCR), 0);
}

static void output_without_end(struct fix *f, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++) {
		put(f, UART_TX, (uint8_t)i);
		if (i % 4096 == 0)
			uart_flush(f->u);
	}
	assert_int_equal(get(f, UART_LSR) & UART_LSR_THRE, 0); /* it says that it is busy */
	turn_some(f->loop);
}

/* Of no use but to keep a vCPU in the monitor: for so long, not longer. */
static void put_without_end(struct fix *f, uint64_t bytes)
{
	AUTO_FREE uint8_t *data = calloc(1, bytes);
	int64_t begin = turn_now_ms();

	uart_put(f->u, data, bytes);
	assert_in_range(turn_now_ms() - begin, 0, 2000);
}

static void loopback_without_end(struct fix *f, uint64_t fifo)
{
	put(f, UART_FCR, fifo ? UART_FCR_ENABLE_FIFO : 0);
	put(f, UART_IER, 0x0f);
	put(f, UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 100000; i++)
		put(f, UART_TX, (uint8_t)i);
	assert_true(get(f, UART_LSR) & UART_LSR_OE);
	for (unsigned i = 0; i < (fifo ? 16 : 1); i++)
		assert_int_equal(get(f, UART_RX), (uint8_t)i);
	assert_int_equal(get(f, UART_LSR) & UART_LSR_DR, 0);
}

static void read_nothing(struct fix *f, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		assert_int_equal(get(f, UART_RX), 0);
		assert_int_equal(get(f, UART_LSR) & UART_LSR_DR, 0);
		get(f, UART_IIR);
		get(f, UART_MSR);
	}
}

static void flip(struct fix *f, uint64_t reg)
{
	for (unsigned i = 0; i < 100000; i++) {
		put(f, (unsigned)reg, (uint8_t)(i * 37));
		if (i % 64 == 0)
			get(f, UART_IIR);
	}
}

/* Input while the guest clears and disables its receiver. */
static void input_meanwhile(struct fix *f, uint64_t reg)
{
	static const uint8_t data[4096];

	for (unsigned i = 0; i < 50; i++) {
		(void)!write(f->far, data, sizeof(data));
		put(f, (unsigned)reg, (uint8_t)(i * 37));
		turn_some(f->loop);
		get(f, UART_RX);
	}
	do { /* what came, so that works() has its own */
		for (unsigned i = 0; i < UART_RX_RING; i++)
			get(f, UART_RX);
		turn_some(f->loop);
	} while (readable(f));
}

static void *hammer(void *arg)
{
	struct fix *f = arg;

	for (unsigned i = 0; i < 20000; i++) {
		put(f, i % 8, (uint8_t)(i * 73));
		get(f, i * 3 % 8);
	}
	return NULL;
}

static void two_vcpus(struct fix *f, uint64_t unused UNUSED)
{
	pthread_t thread[2];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, f), 0);
	for (unsigned i = 0; i < 20; i++) {
		turn_some(f->loop);
		silent(f);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

struct row {
	const char *name;
	void (*act)(struct fix *f, uint64_t arg);
	uint64_t arg;
};

static const struct row rows[] = {
	{ "g19 every offset by 1 byte", every_offset, 1 },
	{ "g19 every offset by 2 bytes", every_offset, 2 },
	{ "g19 every offset by 4 bytes", every_offset, 4 },
	{ "g19 every offset by 8 bytes", every_offset, 8 },
	{ "g19 offset 8", offset, 8 },
	{ "g19 offset 256 + 1", offset, 257 },
	{ "g19 offset 2^32 + 1", offset, (UINT64_C(1) << 32) + 1 },
	{ "g19 offset 2^64 - 1", offset, UINT64_MAX },
	{ "g17 a million bytes nobody reads", output_without_end, 1000000 },
	{ "g17 a megabyte at once nobody reads", put_without_end, MiB },
	{ "g17 loopback without end", loopback_without_end, 0 },
	{ "g17 loopback without end, FIFO on", loopback_without_end, 1 },
	{ "g09 reads nothing 100000 times", read_nothing, 100000 },
	{ "g23 IER rewritten 100000 times", flip, UART_IER },
	{ "g23 FCR rewritten 100000 times", flip, UART_FCR },
	{ "g23 LCR rewritten 100000 times", flip, UART_LCR },
	{ "g23 MCR rewritten 100000 times", flip, UART_MCR },
	{ "g23 SCR rewritten 100000 times", flip, UART_SCR },
	{ "g22 input while FCR is rewritten", input_meanwhile, UART_FCR },
	{ "g22 input while IER is rewritten", input_meanwhile, UART_IER },
	{ "g22 two vCPUs at all registers", two_vcpus, 0 },
};

static void run(void **state)
{
	struct fix *f = *state;
	const struct row *r = f->row;

	r->act(f, r->arg);
	assert_true(hostile_heap() <= f->heap + HEAP);
	works(f);
}

int main(void)
{
	return hostile_table("uart", rows, ARRAY_SIZE(rows), sizeof(rows[0]), sizeof(struct fix),
		run, setup, teardown);
}
