/*
 * The serial port under any sequence of accesses. Its far side is nobody, so input comes by
 * loopback only.
 *
 * Input: records of one byte: bits 0-2 register, 3-4 log2 of the width, 5 write (the value
 * follows), 6 flush, 7 reset; an access beyond the registers when both of the last are set.
 */
#include <string.h>
#include "dev/uart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void set_irq(void *arg, bool level)
{
	bool *line = arg;

	must(level != *line);
	*line = level;
}

static void access_one(struct uart *u, uint8_t what, uint8_t value)
{
	unsigned len = 1U << (what >> 3 & 3);
	uint64_t off = (what & 7) + (what >> 6 == 3 ? UINT64_C(1) << (what & 63) : 0);
	uint8_t *exact = malloc(len);

	must(exact);
	memset(exact, value, len);
	if (what & 32)
		uart_write(u, off, exact, len);
	else
		uart_read(u, off, exact, len);
	for (unsigned i = 1; i < len && !(what & 32); i++)
		must(!exact[i]);
	free(exact);
	if (what >> 6 == 1)
		uart_flush(u);
	if (what >> 6 == 2)
		uart_reset(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chardev_config none = { .kind = CHARDEV_NONE };
	struct chardev *c = NULL;
	struct uart *u = NULL;
	struct loop *loop = NULL;
	bool line = false;

	must(!loop_new(&loop, NULL) && !chardev_new(&c, &none, loop, NULL));
	must(!uart_new(&u, c, loop, set_irq, &line, NULL));
	while (size) {
		uint8_t what = *data++;
		bool takes_value = what & 32 && size > 1;

		size--;
		access_one(u, what, takes_value ? *data : 0);
		data += takes_value;
		size -= takes_value;
	}
	uart_put(u, "end", 3);
	uart_free(u);
	chardev_free(c);
	loop_free(loop);
	return 0;
}
