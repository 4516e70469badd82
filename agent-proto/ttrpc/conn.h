/*
 * One ttrpc connection in an event loop, for either end: a socket, the frames that come (shown one
 * by one), the frames that wait to go. Loop thread only; embedded in its owner.
 *
 * A peer that does not read what it asked for is not listened to: while CONN_HIGH bytes wait, no
 * frame is shown and input stays in the socket. When the connection has ended (the peer closed, an
 * error, no memory left in the budget) gone() is called once, from the loop and never from inside
 * conn_write(); the owner may call conn_fini() and free it there, but not in frame().
 */
#ifndef SAMPAN_TTRPC_CONN_H
#define SAMPAN_TTRPC_CONN_H

#include "core/err.h"
#include "core/loop.h"
#include "ttrpc/frame.h"

#define CONN_HIGH (1024 * 1024) /* bytes */

struct conn;

struct conn_ops {
	/* c->in.head and, unless refused, c->in.data are the frame's. */
	void (*frame)(struct conn *c, bool refused);
	void (*sent)(struct conn *c); /* bytes have gone; NULL: nobody cares */
	void (*gone)(struct conn *c); /* c->why says why */
};

struct conn {
	struct watch watch;
	struct deferred end, more;
	struct loop *loop;
	const struct conn_ops *ops;
	struct frame_reader in;
	struct frame_writer out;
	uint8_t *rest; /* bytes that were received and not looked at yet; NULL: none */
	size_t rest_len;
	bool busy; /* frames are being shown: what is written waits for the last of them */
	bool dead;
	struct err why;
};

/* Takes fd over, a connected stream socket; it is closed when this fails, too. */
int conn_init(struct conn *c, struct loop *loop, int fd, struct budget *budget,
	const struct conn_ops *ops, struct err *err) MUST_USE;
void conn_fini(struct conn *c); /* gone() is not called */

/*
 * Queues a frame and sends what the socket takes. -EMSGSIZE: it is too long for a frame; all other
 * failures end the connection, and are told by gone().
 */
int conn_write(struct conn *c, uint32_t stream, enum frame_type type,
	const ProtobufCMessage *message) MUST_USE;

#endif
