/*
 * A byte channel to the host for a serial port or a console: the terminal, a file, a unix socket,
 * an inherited descriptor.
 *
 * Loop thread only. Input arrives through the reader's callback; while the reader has no room
 * (want_input 0) the channel stops reading, so that the far side blocks instead of the monitor
 * growing. Callbacks come from the loop, never from within a call below.
 *
 * Output that the far side does not take at once is kept, up to CHARDEV_BACKLOG bytes; then
 * chardev_write() is short and writable() says when to go on. So a slow far side slows the guest
 * down and loses nothing. A far side that takes nothing at all holds the guest up for ever, unless
 * chardev_drop_when_stuck() was called: after that time output is dropped (the backlog, the oldest,
 * is kept) until the far side takes something again. Consoles and serial ports, at which a guest's
 * kernel waits actively, ask for that; ports for programs don't.
 */
#ifndef SAMPAN_DEV_CHARDEV_H
#define SAMPAN_DEV_CHARDEV_H

#include "core/loop.h"

#define CHARDEV_BACKLOG	 (64 * 1024) /* bytes */
#define CHARDEV_STUCK_MS 5000 /* what consoles and serial ports give chardev_drop_when_stuck() */
#define CHARDEV_LINGER_MS                                                                          \
	300 /* how long chardev_free() waits for a far side that takes nothing                     \
	     */

enum chardev_kind {
	CHARDEV_NONE,  /* output is dropped */
	CHARDEV_STDIO, /* stdin and stdout, at most once; a terminal is put in raw mode and restored
			*/
	CHARDEV_FILE,  /* output is written to the file (created, truncated, 0600), device or FIFO;
			  no input */
	CHARDEV_SOCKET, /* a unix socket that is listened on; one client at a time, a second one is
			   refused */
	CHARDEV_FD, /* an inherited stream descriptor, both ways as far as it was opened for them */
};

struct chardev_config {
	enum chardev_kind kind;
	const char *path; /* FILE, SOCKET */
	int fd;		  /* FD: taken over on success */
};

struct chardev;

struct chardev_reader {
	/* 0 < len <= the room told last. */
	void (*input)(struct chardev_reader *r, const uint8_t *data, size_t len);
	/* The far side connected or hung up. Optional. */
	void (*connected)(struct chardev_reader *r, bool on);
	/* The terminal's size changed (STDIO on a terminal). Optional. */
	void (*resized)(struct chardev_reader *r, uint16_t columns, uint16_t rows);
	/* Room for output came back after chardev_write() was short. Optional. */
	void (*writable)(struct chardev_reader *r);
};

/*
 * STDIO and FD make the process ignore SIGPIPE: a reader that goes away is an event of the channel,
 * not the monitor's end.
 */
int chardev_new(struct chardev **out, const struct chardev_config *cfg, struct loop *loop,
	struct err *err) MUST_USE;
/*
 * Restores the terminal, removes the socket. What is in the backlog is still written, as long as
 * the far side takes something every CHARDEV_LINGER_MS, at most ten times that.
 */
void chardev_free(struct chardev *c);

/* One reader; NULL takes it away. Nothing is read before one is set. */
void chardev_attach(struct chardev *c, struct chardev_reader *reader);
/* How many bytes the reader can take now, what was delivered being deducted by the channel; 0 stops
 * reading. */
void chardev_want_input(struct chardev *c, size_t room);

/*
 * Returns how many bytes were taken (written, queued or, see above, dropped). A short count means
 * that the backlog is full; writable() follows. A channel without a far side takes and drops
 * everything.
 */
size_t chardev_write(struct chardev *c, const void *data, size_t len);
void chardev_drop_when_stuck(struct chardev *c, unsigned ms); /* ms > 0; see above */
/* Waits for the backlog to be written, as chardev_free() does. True when it is empty. */
bool chardev_drain(struct chardev *c);

/* Whether someone is there: a client of SOCKET, the other end of FD; always for STDIO and FILE,
 * never for NONE. */
bool chardev_is_connected(const struct chardev *c);
/* False when the channel is no terminal. */
bool chardev_size(const struct chardev *c, uint16_t *columns, uint16_t *rows);

/*
 * STDIO on a terminal: called when the user typed Ctrl-A X. Ctrl-A Ctrl-A (or Ctrl-A A) sends one
 * Ctrl-A, Ctrl-A H writes a line of help, Ctrl-A with another key nothing. They work while input is
 * not wanted, too. A stdin that is no terminal is passed as it is. The terminal is also restored at
 * exit() and on a fatal signal.
 */
void chardev_on_escape(struct chardev *c, void (*fn)(void *arg), void *arg);

#endif
