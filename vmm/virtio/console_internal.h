/*
 * What the console is made of; for console.c (the device and its ports' bytes) and
 * console_control.c (what driver and device tell each other about ports) only. All under the
 * device's lock.
 */
#ifndef SAMPAN_VIRTIO_CONSOLE_INTERNAL_H
#define SAMPAN_VIRTIO_CONSOLE_INTERNAL_H

#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include "virtio/devices.h"

#define CONSOLE_PORTS  16
#define CONSOLE_NAME   63	      /* bytes of a port's name at most */
#define CONSOLE_BUDGET QUEUE_MAX_SIZE /* chains handled before others have their turn */

/* Queues (§5.3.2). */
enum { CONSOLE_CONTROL_RX = 2, CONSOLE_CONTROL_TX = 3 };

/* What a port has yet to be told, in the order of telling. */
enum {
	TELL_ADD = 1,
	TELL_CONSOLE = 2,
	TELL_NAME = 4,
	TELL_RESIZE = 8,
	TELL_OPEN = 16,
	TELL_END = 32
};

struct console;

struct port {
	struct console *con;
	struct chardev *chardev;
	struct chardev_reader reader;
	char name[CONSOLE_NAME + 1];
	unsigned index;

	/* Since the driver's start. */
	bool ready;	 /* PORT_READY came */
	bool guest_open; /* a program has the port open */
	uint8_t tell;
	uint32_t tx_done; /* bytes of the next transmit chain that were sent already */
};

struct console {
	struct virtio_dev dev;
	struct port port[CONSOLE_PORTS];
	unsigned nports;
	struct deferred sync;
	uint8_t emergency[64]; /* bytes written to emerg_wr, on their way to the loop */
	unsigned nemergency;
};

static inline bool console_multiport(const struct console *con)
{
	return virtio_has(&con->dev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* console.c */
void console_update_room(
	struct port *p); /* tells the channel how much the next receive buffer takes */

/* console_control.c */
void console_tell(struct port *p, uint8_t what); /* when the driver knows the port */
void console_send_control(struct console *con);
void console_receive_control(struct console *con);

#endif
