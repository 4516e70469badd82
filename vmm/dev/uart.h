/*
 * A serial port as a 16550A: eight registers a byte apart, behind a channel to the host.
 *
 * Registers come from vCPU threads, the channel belongs to the loop; the two meet under the port's
 * lock. A byte written is put in a ring and leaves it in the loop, a millisecond's worth at a time,
 * so that a guest that prints doesn't make a system call a byte. When the ring is UART_TX_BUSY full
 * the transmitter says that it is busy, which the guest's driver waits for; what it sends all the
 * same fits the rest of the ring, then is dropped.
 */
#ifndef SAMPAN_DEV_UART_H
#define SAMPAN_DEV_UART_H

#include "dev/chardev.h"

#define UART_SIZE    8 /* bytes of address space */
#define UART_TX_RING (32 * 1024)
#define UART_TX_BUSY (8 * 1024)
#define UART_RX_RING 1024

struct uart;

/*
 * set_irq(arg, level) is called with the port's lock held, from any thread, when the interrupt line
 * changes; a machine with edge-triggered interrupts acts on the rise. chardev stays the caller's;
 * the port is its reader until uart_free().
 */
int uart_new(struct uart **out, struct chardev *chardev, struct loop *loop,
	void (*set_irq)(void *arg, bool level), void *arg, struct err *err) MUST_USE;
void uart_free(struct uart *u); /* writes what is left; vCPUs must be gone */

/*
 * A vCPU's access of len (1, 2, 4, 8) bytes at off. Any values; what is wider than a byte reaches
 * the first register only.
 */
void uart_read(struct uart *u, uint64_t off, void *data, unsigned len);
void uart_write(struct uart *u, uint64_t off, const void *data, unsigned len);

/*
 * Output from elsewhere than the registers (SBI), in order with theirs. vCPU threads; waits up to
 * 100 ms for room, then drops.
 */
void uart_put(struct uart *u, const void *data, size_t len);

void uart_flush(struct uart *u); /* loop thread: gives the channel what it takes */
void uart_reset(struct uart *u); /* as at power-on, except that output is kept */

#endif
