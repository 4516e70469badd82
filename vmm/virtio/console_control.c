/*
 * The console's control queues (virtio 1.2 §5.3.6.2). What the guest is to be told is not queued
 * but kept as bits of each port, and composed when there is a buffer for it: a driver that gives
 * none, or asks again and again, makes nothing grow.
 */
#include <string.h>
#include "virtio/console_internal.h"

struct message {
	struct virtio_console_control head;
	char body[CONSOLE_NAME + 1];
};

/* to the guest */

static size_t compose(const struct port *p, uint8_t what, struct message *m)
{
	const struct virtio_console_config *cfg = (const void *)p->con->dev.config;
	size_t body = 0;

	*m = (struct message){ .head = { .id = p->index, .value = 1 } };
	switch (what) {
	case TELL_ADD:
		m->head.event = VIRTIO_CONSOLE_PORT_ADD;
		break;
	case TELL_CONSOLE:
		m->head.event = VIRTIO_CONSOLE_CONSOLE_PORT;
		break;
	case TELL_NAME:
		m->head.event = VIRTIO_CONSOLE_PORT_NAME;
		body = strlen(p->name);
		memcpy(m->body, p->name, body);
		break;
	case TELL_RESIZE:
		m->head.event = VIRTIO_CONSOLE_RESIZE;
		body = 4;
		memcpy(m->body, &cfg->cols, 2);
		memcpy(m->body + 2, &cfg->rows, 2);
		break;
	case TELL_OPEN:
		m->head.event = VIRTIO_CONSOLE_PORT_OPEN;
		m->head.value = chardev_is_connected(p->chardev);
		break;
	}
	return sizeof(m->head) + body;
}

/* The lowest bit of the first port that has one. */
static struct port *next_to_tell(struct console *con, uint8_t *what)
{
	for (unsigned i = 0; i < con->nports; i++)
		for (*what = TELL_ADD; *what < TELL_END; *what = (uint8_t)(*what << 1))
			if (con->port[i].tell & *what)
				return &con->port[i];
	return NULL;
}

/* A buffer too short for its message goes back empty; the message waits for the next one. */
void console_send_control(struct console *con)
{
	struct chain c;
	struct port *p;
	uint8_t what;
	unsigned n = 0;

	if (!console_multiport(con))
		return;
	while ((p = next_to_tell(con, &what)) && n < CONSOLE_BUDGET &&
		virtio_pop(&con->dev, CONSOLE_CONTROL_RX, &c)) {
		struct message m;
		size_t len = compose(p, what, &m);

		if (c.in_len < len)
			len = 0;
		else
			p->tell &= (uint8_t)~what;
		chain_write(&c, 0, &m, len);
		queue_push(&con->dev.queue[CONSOLE_CONTROL_RX], con->dev.mem, c.head,
			(uint32_t)len);
		n++;
	}
	if (n)
		virtio_notify(&con->dev, CONSOLE_CONTROL_RX);
	if (n == CONSOLE_BUDGET)
		virtio_kick_again(&con->dev, CONSOLE_CONTROL_RX);
}

void console_tell(struct port *p, uint8_t what)
{
	if (!p->ready)
		return;
	p->tell |= what;
	console_send_control(p->con);
}

/* from the guest */

static void port_ready(struct port *p, bool ok)
{
	uint16_t columns, rows;

	p->ready = ok;
	p->tell = 0;
	if (!ok)
		return;
	p->tell = TELL_OPEN;
	if (!p->index)
		p->tell |= TELL_CONSOLE;
	if (!p->index && chardev_size(p->chardev, &columns, &rows))
		p->tell |= TELL_RESIZE;
	if (*p->name)
		p->tell |= TELL_NAME;
}

static void handle(struct console *con, const struct virtio_console_control *m)
{
	struct port *p;

	if (m->event == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned i = 0; m->value && i < con->nports; i++)
			con->port[i].tell |= TELL_ADD;
		return;
	}
	if (m->id >= con->nports) {
		log_limited(&con->dev.limit, "%s: the driver speaks of port %u, which is not there",
			con->dev.label, m->id);
		return;
	}
	p = &con->port[m->id];
	if (m->event == VIRTIO_CONSOLE_PORT_READY) {
		port_ready(p, m->value);
	} else if (m->event == VIRTIO_CONSOLE_PORT_OPEN) {
		p->guest_open = m->value;
		console_update_room(p);
	} else {
		log_limited(&con->dev.limit, "%s: the driver sent the unknown control event %u",
			con->dev.label, m->event);
	}
}

void console_receive_control(struct console *con)
{
	struct virtio_dev *dev = &con->dev;
	struct virtio_console_control m;
	struct chain c;
	unsigned n = 0;

	if (!console_multiport(con))
		return;
	while (n < CONSOLE_BUDGET && virtio_pop(dev, CONSOLE_CONTROL_TX, &c)) {
		if (chain_read(&c, 0, &m, sizeof(m)) == sizeof(m))
			handle(con, &m);
		else
			log_limited(&dev->limit,
				"%s: the driver sent a control message of %u bytes", dev->label,
				c.out_len);
		queue_push(&dev->queue[CONSOLE_CONTROL_TX], dev->mem, c.head, 0);
		n++;
	}
	if (n)
		virtio_notify(dev, CONSOLE_CONTROL_TX);
	if (n == CONSOLE_BUDGET)
		virtio_kick_again(dev, CONSOLE_CONTROL_TX);
	console_send_control(con);
}
