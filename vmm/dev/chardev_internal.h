/*
 * What struct chardev is made of; for the chardev*.c files only.
 *
 * chardev.c has the life of a channel and of its far side, chardev_open.c turns a description into
 * descriptors, chardev_io.c moves the bytes, chardev_tty.c knows the terminal.
 */
#ifndef SAMPAN_DEV_CHARDEV_INTERNAL_H
#define SAMPAN_DEV_CHARDEV_INTERNAL_H

#include "core/log.h"
#include "core/sock.h"
#include "dev/chardev.h"
#include "dev/chardev_tty.h"

#define CHARDEV_HELD 4096 /* bytes typed ahead of the reader */

/* One direction. */
struct chardev_side {
	int fd;	   /* ours, never the other side's; -1: none */
	int flags; /* >= 0: what F_SETFL puts back, the description being shared with others */
	bool socket;
	struct watch watch; /* added only while there is something to wait for: a hang-up can't be
			       masked */
};

struct chardev {
	enum chardev_kind kind;
	struct loop *loop;
	struct chardev_reader *reader;
	char name[128]; /* in messages */
	struct log_limit limit;
	bool connected;

	struct chardev_side in;
	int always; /* an eventfd that is always readable, watched in place of what epoll refuses;
		       or -1 */
	bool in_eof;
	size_t room; /* what the reader can take */

	/* The terminal. Its keys work even when the reader has no room, so what was typed is held
	 * here. */
	bool tty;
	struct tty_keys keys;
	uint8_t held[CHARDEV_HELD];
	size_t nheld;
	struct deferred deliver_held;
	struct watch winch;
	void (*on_escape)(void *arg);
	void *escape_arg;

	struct chardev_side out;
	bool out_dead;			  /* nobody will ever read what is written */
	uint8_t backlog[CHARDEV_BACKLOG]; /* a ring */
	size_t head, len;
	bool owed; /* chardev_write() was short: writable() is due */

	/* Armed while output is owed or a client that hung up is waited for. */
	struct timer stall;
	unsigned stall_ms;
	bool lossy; /* drops when stuck */
	bool moved; /* since the timer was armed */
	bool stuck;
	uint64_t dropped; /* bytes, since stuck */

	struct sock_listener listener;
	struct watch listen;
	bool parked; /* the next client waits until the input of one that hung up was taken */
};

/* chardev_open.c */
int chardev_open(struct chardev *c, const struct chardev_config *cfg, struct err *err) MUST_USE;
void chardev_close_sides(struct chardev *c);
/* Makes fd, which must be non-blocking or a socket, one or both sides of c. Takes it over on
 * success. */
int chardev_take_stream(struct chardev *c, int fd) MUST_USE;

/* chardev_io.c */
void chardev_io_init(struct chardev *c);
void chardev_update_input(struct chardev *c);
void chardev_arm_stall(struct chardev *c);
void chardev_pay_writable(struct chardev *c); /* calls writable() if it is due */

/* chardev.c */
bool chardev_hung_up(const struct chardev *c);
void chardev_disconnect(struct chardev *c); /* the far side is gone; calls connected(false) */

#endif
