/*
 * The 16550A (National Semiconductor's data sheet, "PC16550D"); see uart.h.
 *
 * What a terminal line would make slow is instant here: a byte is sent when it is written, so THRE
 * and TEMT are set, and a THRE interrupt is due again, unless the ring is nearly full. Received
 * bytes count as above the trigger level at once. The interrupt line is the OR of what is enabled
 * and due (IIR's sources); a guest with an edge-triggered interrupt must read IIR until nothing is
 * due, as Linux' driver does.
 */
#include "dev/uart.h"

#include <linux/serial_reg.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define GATHER_NS    UINT64_C(1000000) /* how long output is gathered */
#define PUT_WAIT_NS  100000000L
#define LOOP_RX	     16 /* bytes of a real one's receiver, which loopback shows */
#define MODEM_STATUS (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

struct uart {
	struct chardev *chardev;
	struct chardev_reader reader;
	struct loop *loop;
	void (*set_irq)(void *arg, bool level);
	void *irq_arg;
	struct timer gather;	/* runs the flush */
	struct deferred ask;	/* tells the channel of room */
	pthread_cond_t drained; /* output left the ring */

	pthread_mutex_t lock; /* guards all below */
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	uint8_t msr_delta;
	bool fifo, overrun;
	bool thre_due; /* the THRE interrupt; reading IIR or writing THR takes it back */
	bool line;
	bool starved;  /* the channel was told that there is no room */
	bool flushing; /* the timer is armed, or the channel will call writable() */
	size_t rx_head, rx_len, tx_head, tx_len;
	uint8_t rx[UART_RX_RING], tx[UART_TX_RING];
};

/* under the lock: interrupts */

static bool ready_to_send(const struct uart *u)
{
	return u->tx_len < UART_TX_BUSY;
}

/* The source of highest priority that is enabled and due. */
static uint8_t source(const struct uart *u)
{
	if (u->ier & UART_IER_RLSI && u->overrun)
		return UART_IIR_RLSI;
	if (u->ier & UART_IER_RDI && u->rx_len)
		return UART_IIR_RDI;
	if (u->ier & UART_IER_THRI && u->thre_due)
		return UART_IIR_THRI;
	if (u->ier & UART_IER_MSI && u->msr_delta)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update_line(struct uart *u)
{
	bool level = source(u) != UART_IIR_NO_INT;

	if (level == u->line)
		return;
	u->line = level;
	u->set_irq(u->irq_arg, level);
}

/* under the lock: the rings */

static void rx_push(struct uart *u, const uint8_t *data, size_t len, size_t limit)
{
	for (; len && u->rx_len < limit; len--)
		u->rx[(u->rx_head + u->rx_len++) % UART_RX_RING] = *data++;
	u->overrun |= len > 0;
}

static uint8_t rx_pop(struct uart *u)
{
	uint8_t byte;

	if (!u->rx_len)
		return 0;
	byte = u->rx[u->rx_head];
	u->rx_head = (u->rx_head + 1) % UART_RX_RING;
	u->rx_len--;
	return byte;
}

static void room_came(struct uart *u)
{
	if (!u->starved || u->rx_len > UART_RX_RING / 2)
		return;
	u->starved = false;
	loop_defer(u->loop, &u->ask);
}

static size_t tx_push(struct uart *u, const uint8_t *data, size_t len)
{
	size_t n = MIN(len, UART_TX_RING - u->tx_len), at = (u->tx_head + u->tx_len) % UART_TX_RING;
	size_t first = MIN(n, UART_TX_RING - at);

	memcpy(u->tx + at, data, first);
	memcpy(u->tx, data + first, n - first);
	u->tx_len += n;
	if (u->tx_len && !u->flushing) {
		u->flushing = true;
		timer_set(&u->gather, GATHER_NS, 0);
	}
	return n;
}

/* in the loop */

/*
 * Copies the next bytes out, so that the channel is written to without the lock. Only the loop
 * takes them off the ring.
 */
static size_t tx_peek(struct uart *u, uint8_t *buf, size_t len)
{
	pthread_mutex_lock(&u->lock);
	len = MIN(len, MIN(u->tx_len, UART_TX_RING - u->tx_head));
	memcpy(buf, u->tx + u->tx_head, len);
	if (!len)
		u->flushing = false;
	pthread_mutex_unlock(&u->lock);
	return len;
}

static void tx_done(struct uart *u, size_t len)
{
	bool was_ready;

	pthread_mutex_lock(&u->lock);
	was_ready = ready_to_send(u);
	u->tx_head = (u->tx_head + len) % UART_TX_RING;
	u->tx_len -= len;
	u->thre_due |= !was_ready && ready_to_send(u);
	update_line(u);
	pthread_cond_broadcast(&u->drained);
	pthread_mutex_unlock(&u->lock);
}

/* At most a ring's worth: vCPUs go on filling it meanwhile. */
void uart_flush(struct uart *u)
{
	uint8_t buf[4096];
	size_t len, done, total = 0;

	while (total < UART_TX_RING) {
		len = tx_peek(u, buf, sizeof(buf));
		if (!len)
			return;
		done = chardev_write(u->chardev, buf, len);
		tx_done(u, done);
		if (done < len)
			return; /* writable() goes on */
		total += done;
	}
	timer_set(&u->gather, GATHER_NS, 0);
}

static void gathered(struct timer *t)
{
	uart_flush(container_of(t, struct uart, gather));
}

static void writable(struct chardev_reader *r)
{
	uart_flush(container_of(r, struct uart, reader));
}

static void ask_input(struct uart *u)
{
	size_t room;

	pthread_mutex_lock(&u->lock);
	room = UART_RX_RING - u->rx_len;
	u->starved = !room;
	pthread_mutex_unlock(&u->lock);
	chardev_want_input(u->chardev, room);
}

static void asked(struct deferred *d)
{
	ask_input(container_of(d, struct uart, ask));
}

static void input(struct chardev_reader *r, const uint8_t *data, size_t len)
{
	struct uart *u = container_of(r, struct uart, reader);

	pthread_mutex_lock(&u->lock);
	rx_push(u, data, len, UART_RX_RING);
	update_line(u);
	pthread_mutex_unlock(&u->lock);
	ask_input(u);
}

/* under the lock: registers */

/* In loopback the modem's lines are the ones that the guest drives itself. */
static uint8_t modem_status(const struct uart *u)
{
	uint8_t m = u->mcr;

	if (!(m & UART_MCR_LOOP))
		return MODEM_STATUS;
	return (uint8_t)((m & UART_MCR_DTR ? UART_MSR_DSR : 0) |
		(m & UART_MCR_RTS ? UART_MSR_CTS : 0) | (m & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
		(m & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

static void write_mcr(struct uart *u, uint8_t value)
{
	uint8_t old = modem_status(u), now;

	u->mcr = value & 0x1f;
	now = modem_status(u);
	u->msr_delta |= (uint8_t)((old ^ now) & ~UART_MSR_RI) >> 4;
	if (old & ~now & UART_MSR_RI) /* the ring indicator tells only of its end */
		u->msr_delta |= UART_MSR_TERI;
}

static void write_thr(struct uart *u, uint8_t byte)
{
	if (u->mcr & UART_MCR_LOOP)
		rx_push(u, &byte, 1, u->fifo ? LOOP_RX : 1);
	else
		tx_push(u, &byte, 1);
	u->thre_due = ready_to_send(u);
}

static void write_ier(struct uart *u, uint8_t value)
{
	if (value & ~u->ier & UART_IER_THRI)
		u->thre_due = ready_to_send(u);
	u->ier = value & 0x0f;
}

/* What was sent is sent: clearing the transmitter loses nothing. */
static void write_fcr(struct uart *u, uint8_t value)
{
	bool on = value & UART_FCR_ENABLE_FIFO;

	if (on != u->fifo || value & UART_FCR_CLEAR_RCVR) {
		u->rx_len = 0;
		room_came(u);
	}
	u->fifo = on;
}

static void write_register(struct uart *u, uint64_t off, uint8_t value)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_TX:
		if (dlab)
			u->dll = value;
		else
			write_thr(u, value);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = value;
		else
			write_ier(u, value);
		break;
	case UART_FCR:
		write_fcr(u, value);
		break;
	case UART_LCR:
		u->lcr = value;
		break;
	case UART_MCR:
		write_mcr(u, value);
		break;
	case UART_SCR:
		u->scr = value;
		break;
	}
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t byte = rx_pop(u);

	room_came(u);
	return byte;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t iir = source(u);

	if (iir == UART_IIR_THRI)
		u->thre_due = false;
	return iir | (u->fifo ? 0xc0 : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = (uint8_t)((u->rx_len ? UART_LSR_DR : 0) | (u->overrun ? UART_LSR_OE : 0) |
		(ready_to_send(u) ? UART_LSR_THRE | UART_LSR_TEMT : 0));

	u->overrun = false;
	return lsr;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t msr = modem_status(u) | u->msr_delta;

	u->msr_delta = 0;
	return msr;
}

static uint8_t read_register(struct uart *u, uint64_t off)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_RX:
		return dlab ? u->dll : read_rbr(u);
	case UART_IER:
		return dlab ? u->dlm : u->ier;
	case UART_IIR:
		return read_iir(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return read_lsr(u);
	case UART_MSR:
		return read_msr(u);
	case UART_SCR:
		return u->scr;
	default:
		return 0;
	}
}

/* the port */

void uart_read(struct uart *u, uint64_t off, void *data, unsigned len)
{
	memset(data, 0, len);
	if (!len)
		return;
	pthread_mutex_lock(&u->lock);
	*(uint8_t *)data = read_register(u, off);
	update_line(u);
	pthread_mutex_unlock(&u->lock);
}

void uart_write(struct uart *u, uint64_t off, const void *data, unsigned len)
{
	if (!len)
		return;
	pthread_mutex_lock(&u->lock);
	write_register(u, off, *(const uint8_t *)data);
	update_line(u);
	pthread_mutex_unlock(&u->lock);
}

void uart_put(struct uart *u, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct timespec end;

	/* syscall(loop): clock_gettime: a deadline */
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += PUT_WAIT_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	pthread_mutex_lock(&u->lock);
	for (;;) {
		size_t n = tx_push(u, p, len);

		p += n;
		len -= n;
		if (!len || pthread_cond_timedwait(&u->drained, &u->lock, &end))
			break;
	}
	pthread_mutex_unlock(&u->lock);
}

static void power_on(struct uart *u)
{
	u->ier = u->lcr = u->mcr = u->scr = u->dlm = u->msr_delta = 0;
	u->dll = 1;
	u->fifo = u->overrun = u->thre_due = false;
	u->rx_len = 0;
	update_line(u);
}

void uart_reset(struct uart *u)
{
	pthread_mutex_lock(&u->lock);
	power_on(u);
	room_came(u);
	pthread_mutex_unlock(&u->lock);
}

int uart_new(struct uart **out, struct chardev *chardev, struct loop *loop,
	void (*set_irq)(void *arg, bool level), void *arg, struct err *err)
{
	struct uart *u = calloc(1, sizeof(*u));
	pthread_condattr_t attr;
	int rc;

	if (!u)
		return fail(err, -ENOMEM, "create the serial port");
	rc = timer_init(loop, &u->gather, gathered);
	if (rc) {
		free(u);
		return fail(err, rc, "create the serial port");
	}
	u->chardev = chardev;
	u->loop = loop;
	u->set_irq = set_irq;
	u->irq_arg = arg;
	u->ask.fn = asked;
	u->reader = (struct chardev_reader){ .input = input, .writable = writable };
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&u->drained, &attr);
	pthread_condattr_destroy(&attr);
	power_on(u);
	chardev_drop_when_stuck(chardev, CHARDEV_STUCK_MS);
	chardev_attach(chardev, &u->reader);
	ask_input(u);
	*out = u;
	return 0;
}

void uart_free(struct uart *u)
{
	if (!u)
		return;
	uart_flush(u);
	if (u->tx_len && chardev_drain(u->chardev))
		uart_flush(u);
	chardev_attach(u->chardev, NULL);
	timer_fini(u->loop, &u->gather);
	loop_undefer(u->loop, &u->ask);
	pthread_cond_destroy(&u->drained);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
