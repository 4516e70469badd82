/*
 * The console (virtio 1.2 §5.3): port 0 is a console (hvc0), the others are ports for programs
 * (/dev/vport*), each with a channel to the host. A lone port without a name needs no control
 * queues, so MULTIPORT is not offered then.
 *
 * Channels belong to the loop; what a vCPU thread brings about (start, stop, the emergency byte) is
 * carried out there by sync_ports(). Nothing is queued for the guest: input is read from a channel
 * only as far as the next receive buffer goes, output stays in the ring while its channel is full,
 * and control messages are bits of what each port has yet to be told.
 */
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include "virtio/console_internal.h"

#define QUEUE_SIZE 64
#define PIECE	   4096		/* bytes copied at a time */
#define TURN_BYTES (256 * 1024) /* sent before others have their turn */

static struct console *console_of(struct virtio_dev *dev)
{
	return container_of(dev, struct console, dev);
}

static unsigned rx_queue(const struct port *p)
{
	return p->index ? 2 + 2 * p->index : 0;
}

static unsigned tx_queue(const struct port *p)
{
	return rx_queue(p) + 1;
}

/* Without MULTIPORT there is but port 0. */
static bool port_exists(const struct port *p)
{
	return !p->index || console_multiport(p->con);
}

/* input */

/* A program that hasn't opened its port doesn't read: the driver would throw away what came. */
static bool takes_input(const struct port *p)
{
	return virtio_live(&p->con->dev) && port_exists(p) && (!p->index || p->guest_open);
}

/* How many bytes the next receive buffer takes. Empty ones go back at once. */
static size_t next_room(struct port *p)
{
	struct virtio_dev *dev = &p->con->dev;
	unsigned q = rx_queue(p), n = 0;
	size_t room = 0;
	struct chain c;

	while (n < CONSOLE_BUDGET && !room && virtio_pop(dev, q, &c)) {
		room = c.in_len;
		if (room) {
			queue_unpop(&dev->queue[q]);
			break;
		}
		queue_push(&dev->queue[q], dev->mem, c.head, 0);
		n++;
	}
	if (n)
		virtio_notify(dev, q);
	if (n == CONSOLE_BUDGET)
		virtio_kick_again(dev, q);
	return room;
}

void console_update_room(struct port *p)
{
	chardev_want_input(p->chardev, takes_input(p) ? next_room(p) : 0);
}

/*
 * No more than next_room() said; less fits only when the driver changed its buffer or was reset
 * meanwhile: its own loss.
 */
static void input(struct chardev_reader *r, const uint8_t *data, size_t len)
{
	struct port *p = container_of(r, struct port, reader);
	struct virtio_dev *dev = &p->con->dev;
	unsigned q = rx_queue(p);
	struct chain c;

	virtio_lock(dev);
	if (takes_input(p) && virtio_pop(dev, q, &c)) {
		queue_push(&dev->queue[q], dev->mem, c.head,
			(uint32_t)chain_write(&c, 0, data, len));
		virtio_notify(dev, q);
	}
	console_update_room(p);
	virtio_unlock(dev);
}

static void connected(struct chardev_reader *r, bool on UNUSED)
{
	struct port *p = container_of(r, struct port, reader);

	virtio_lock(&p->con->dev);
	console_tell(p, TELL_OPEN);
	virtio_unlock(&p->con->dev);
}

static void set_size(struct console *con, uint16_t columns, uint16_t rows)
{
	struct virtio_console_config *cfg = (void *)con->dev.config;

	cfg->cols = columns;
	cfg->rows = rows;
}

static void resized(struct chardev_reader *r, uint16_t columns, uint16_t rows)
{
	struct port *p = container_of(r, struct port, reader);

	virtio_lock(&p->con->dev);
	set_size(p->con, columns, rows);
	if (virtio_has(&p->con->dev, VIRTIO_CONSOLE_F_SIZE))
		virtio_config_changed(&p->con->dev);
	console_tell(p, TELL_RESIZE);
	virtio_unlock(&p->con->dev);
}

/* output */

/*
 * Sends what of the chain was not sent yet, at most *budget bytes. True when it is done with.
 * Without a far side nothing is copied: descriptors may name one page a million times.
 */
static bool send_chain(struct port *p, const struct chain *c, size_t *budget)
{
	uint8_t buf[PIECE];

	if (!chardev_is_connected(p->chardev))
		return true;
	while (p->tx_done < c->out_len) {
		size_t len = chain_read(c, p->tx_done, buf, MIN(sizeof(buf), *budget)), taken;

		if (!len)
			return false;
		taken = chardev_write(p->chardev, buf, len);
		p->tx_done += (uint32_t)taken;
		*budget -= taken;
		if (taken < len)
			return false;
	}
	return true;
}

static void send_all(struct port *p)
{
	struct virtio_dev *dev = &p->con->dev;
	unsigned q = tx_queue(p), n = 0;
	size_t budget = TURN_BYTES;
	struct chain c;

	if (!port_exists(p))
		return;
	while (n < CONSOLE_BUDGET && virtio_pop(dev, q, &c)) {
		if (!send_chain(p, &c, &budget)) {
			queue_unpop(&dev->queue[q]); /* writable() goes on, or the kick below */
			break;
		}
		p->tx_done = 0;
		queue_push(&dev->queue[q], dev->mem, c.head, 0);
		n++;
	}
	if (n)
		virtio_notify(dev, q);
	if (n == CONSOLE_BUDGET || !budget)
		virtio_kick_again(dev, q);
}

static void writable(struct chardev_reader *r)
{
	struct port *p = container_of(r, struct port, reader);

	virtio_lock(&p->con->dev);
	send_all(p);
	virtio_unlock(&p->con->dev);
}

/* the device */

static void kick(struct virtio_dev *dev, unsigned q)
{
	struct console *con = console_of(dev);

	if (q == CONSOLE_CONTROL_RX) {
		console_send_control(con);
	} else if (q == CONSOLE_CONTROL_TX) {
		console_receive_control(con);
	} else {
		struct port *p = &con->port[q < CONSOLE_CONTROL_RX ? 0 : q / 2 - 1];

		if (q % 2)
			send_all(p);
		else
			console_update_room(p);
	}
}

/* In the loop, soon after a vCPU started or stopped the device or wrote the emergency register. */
static void sync_ports(struct deferred *d)
{
	struct console *con = container_of(d, struct console, sync);

	virtio_lock(&con->dev);
	chardev_write(con->port[0].chardev, con->emergency, con->nemergency);
	con->nemergency = 0;
	for (unsigned i = 0; i < con->nports; i++)
		console_update_room(&con->port[i]);
	virtio_unlock(&con->dev);
}

static void forget(struct console *con)
{
	for (unsigned i = 0; i < con->nports; i++) {
		struct port *p = &con->port[i];

		p->ready = p->guest_open = false;
		p->tell = 0;
		p->tx_done = 0;
	}
	loop_defer(con->dev.loop, &con->sync);
}

static int start(struct virtio_dev *dev)
{
	forget(console_of(dev));
	return 0;
}

static void stop(struct virtio_dev *dev)
{
	forget(console_of(dev));
}

/* emerg_wr (§5.3.4): the low byte goes to port 0, past the queues. */
static void config_written(struct virtio_dev *dev, unsigned off, unsigned len UNUSED)
{
	struct console *con = console_of(dev);

	if (off != offsetof(struct virtio_console_config, emerg_wr) ||
		con->nemergency == sizeof(con->emergency))
		return;
	con->emergency[con->nemergency++] = dev->config[off];
	loop_defer(dev->loop, &con->sync);
}

static void pause_input(struct virtio_dev *dev)
{
	struct console *con = console_of(dev);

	for (unsigned i = 0; i < con->nports; i++)
		chardev_want_input(con->port[i].chardev, 0);
}

static void console_free(struct virtio_dev *dev)
{
	struct console *con = console_of(dev);

	loop_undefer(dev->loop, &con->sync);
	for (unsigned i = 0; i < con->nports; i++)
		chardev_free(con->port[i].chardev);
	virtio_fini(dev);
	free(con);
}

/* Room is looked up again after a pause by the kicks that the transport replays. */
static const struct virtio_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.start = start,
	.stop = stop,
	.kick = kick,
	.config_early = true, /* emerg_wr is for before DRIVER_OK most of all (§5.3.4) */
	.config_written = config_written,
	.pause = pause_input,
	.free = console_free,
};

static int add_port(struct console *con, const struct vm_console *cfg, void (*on_escape)(void *),
	void *arg, struct err *err)
{
	struct port *p = &con->port[con->nports];
	const char *name = cfg->name ? cfg->name : "";
	uint16_t columns, rows;
	int rc;

	if (strlen(name) > CONSOLE_NAME)
		return failx(err, -EINVAL, "console port name %s is longer than %d bytes", name,
			CONSOLE_NAME);
	rc = chardev_new(&p->chardev, &cfg->chardev, con->dev.loop, err);
	if (rc)
		return rc;
	p->con = con;
	p->index = con->nports++;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->reader = (struct chardev_reader){
		.input = input,
		.connected = connected,
		.resized = p->index ? NULL : resized,
		.writable = writable,
	};
	chardev_attach(p->chardev, &p->reader);
	if (on_escape)
		chardev_on_escape(p->chardev, on_escape, arg);
	if (!p->index) /* a kernel waits actively at its console */
		chardev_drop_when_stuck(p->chardev, CHARDEV_STUCK_MS);
	if (!p->index && chardev_size(p->chardev, &columns, &rows))
		set_size(con, columns, rows);
	return 0;
}

static void set_up(struct console *con, const struct vm_console *ports, unsigned nports,
	const struct virtio_env *env)
{
	struct virtio_dev *dev = &con->dev;
	struct virtio_console_config cfg = { .max_nr_ports = nports };
	bool many = nports > 1 || ports[0].name;

	virtio_init(dev, &console_ops, env->mem, env->loop, many ? 2 + 2 * nports : 2, QUEUE_SIZE,
		env->label);
	dev->features = UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE |
		UINT64_C(1) << VIRTIO_CONSOLE_F_EMERG_WRITE |
		UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
	if (many)
		dev->features |= UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT;
	memcpy(dev->config, &cfg, sizeof(cfg));
	dev->config_size = sizeof(cfg);
	dev->config_writable_off = offsetof(struct virtio_console_config, emerg_wr);
	dev->config_writable_len = sizeof(cfg.emerg_wr);
	con->sync.fn = sync_ports;
}

int virtio_console_new(struct virtio_dev **out, const struct vm_console *ports, unsigned nports,
	const struct virtio_env *env, void (*on_escape)(void *), void *arg, struct err *err)
{
	struct console *con;

	if (!nports || nports > CONSOLE_PORTS)
		return failx(err, -EINVAL, "%s: %u ports; a console has 1 to %d", env->label,
			nports, CONSOLE_PORTS);
	con = calloc(1, sizeof(*con));
	if (!con)
		return fail(err, -ENOMEM, "create %s", env->label);
	set_up(con, ports, nports, env);
	for (unsigned i = 0; i < nports; i++) {
		int rc = add_port(con, &ports[i], on_escape, arg, err);

		if (rc) {
			console_free(&con->dev);
			return rc;
		}
	}
	*out = &con->dev;
	return 0;
}
