/*
 * The terminal behind stdin: raw mode and the certainty that it ends, the window's size, the Ctrl-A
 * keys.
 *
 * A process has one terminal, and a signal handler can reach nothing but file scope: what tty_raw()
 * saved is the one piece of process-wide state of the channels. For chardev.c, in the loop thread.
 */
#ifndef SAMPAN_DEV_CHARDEV_TTY_H
#define SAMPAN_DEV_CHARDEV_TTY_H

#include "core/err.h"

/* stdin and stdout belong to one channel at a time: -EBUSY. */
int tty_claim(struct err *err) MUST_USE;
void tty_release(void);

/*
 * Puts the terminal fd, which stays open until tty_restore(), in raw mode, in which read() gives 0
 * bytes when none are there. It is restored by tty_restore(), exit() or a fatal signal, whichever
 * comes first. *resized is an eventfd that a change of the window's size signals; tty_restore()
 * closes it.
 */
int tty_raw(int fd, int *resized, struct err *err) MUST_USE;
void tty_restore(void);

bool tty_size(int fd, uint16_t *columns, uint16_t *rows);

struct tty_keys {
	bool prefix; /* the last key was Ctrl-A */
};

enum { TTY_LEAVE = 1, TTY_HELP = 2 };

/*
 * Takes the Ctrl-A keys out of buf, in place; returns what is left of len. Bits of *asked are what
 * the user wants.
 */
size_t tty_filter(struct tty_keys *k, uint8_t *buf, size_t len, unsigned *asked);

#endif
