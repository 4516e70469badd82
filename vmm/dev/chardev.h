/*
 * A byte channel to the host for a serial port or a console: the terminal, a file, a unix socket, an inherited descriptor.
 *
 * Loop thread only. Input arrives through the reader's callback; while the reader has no room (want_input false) the channel
 * stops reading, so that the far side blocks instead of the monitor growing. Output that the far side does not take is kept up
 * to CHARDEV_BACKLOG bytes, then dropped, oldest first kept: a guest must not be able to grow or block its monitor.
 */
#ifndef SAMPAN_DEV_CHARDEV_H
#define SAMPAN_DEV_CHARDEV_H

#include "core/loop.h"

#define CHARDEV_BACKLOG (64 * 1024) /* bytes */

enum chardev_kind {
	CHARDEV_NONE,	/* output is dropped */
	CHARDEV_STDIO,	/* stdin and stdout; a terminal is put in raw mode and restored */
	CHARDEV_FILE,	/* output is written to the file (created, truncated, 0600); no input */
	CHARDEV_SOCKET, /* a unix socket that is listened on; one client at a time, a second one is refused */
	CHARDEV_FD,	/* an inherited stream descriptor, both ways */
};

struct chardev_config {
	enum chardev_kind kind;
	const char *path; /* FILE, SOCKET */
	int fd;		  /* FD: taken over on success */
};

struct chardev;

struct chardev_reader {
	/* len > 0 bytes came in. Called only while input is wanted. */
	void (*input)(struct chardev_reader *r, const uint8_t *data, size_t len);
	/* The far side connected or hung up. Optional. */
	void (*connected)(struct chardev_reader *r, bool on);
	/* The terminal's size changed (STDIO on a terminal). Optional. */
	void (*resized)(struct chardev_reader *r, uint16_t columns, uint16_t rows);
	/* Room for output came back after chardev_write() was short. Optional. */
	void (*writable)(struct chardev_reader *r);
};

int chardev_new(struct chardev **out, const struct chardev_config *cfg, struct loop *loop,
	struct err *err) MUST_USE;
void chardev_free(struct chardev *c); /* restores the terminal, removes the socket */

/* One reader; NULL takes it away. Nothing is read before one is set. */
void chardev_attach(struct chardev *c, struct chardev_reader *reader);
/* How many bytes the reader can take now; 0 stops reading. */
void chardev_want_input(struct chardev *c, size_t room);

/*
 * Returns how many bytes were taken (written or queued). A short count means that the backlog is full; writable() follows.
 * A channel without a far side takes and drops everything.
 */
size_t chardev_write(struct chardev *c, const void *data, size_t len);
bool chardev_is_connected(const struct chardev *c);
/* False when the channel is no terminal. */
bool chardev_size(const struct chardev *c, uint16_t *columns, uint16_t *rows);

/*
 * STDIO: called when the user typed Ctrl-A X. Ctrl-A Ctrl-A (or Ctrl-A A) sends one Ctrl-A, Ctrl-A H writes a line of help.
 * The terminal is also restored at exit() and on a fatal signal.
 */
void chardev_on_escape(struct chardev *c, void (*fn)(void *arg), void *arg);

#endif
