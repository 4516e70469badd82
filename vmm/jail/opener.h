/*
 * The opener: a helper process that does for a confined monitor what needs the host's file system.
 *
 * It is started before the monitor opens anything, and knows four words: open this disk, connect to
 * the hybrid vsock's PATH_PORT, remember this name (until it is sealed), and, by the end of the
 * connection, remove the names. So they go whichever way the monitor went. It lives as long as the
 * monitor and holds a socket to it, the directories that disks may come from, and nothing else.
 *
 * What a taken-over monitor gets of it: disks in those directories, block devices that the host
 * does not use itself, connections to sockets that are called PATH_PORT.
 *
 * Answers come at once, as far as the host's file systems do: each call waits OPENER_PATIENCE_MS at
 * most; then, or after nonsense, the opener is given up.
 */
#ifndef SAMPAN_JAIL_OPENER_H
#define SAMPAN_JAIL_OPENER_H

#include "core/err.h"

#define OPENER_PATIENCE_MS 5000
#define OPENER_PLACES	   16

struct opener {
	int fd; /* to the helper; -1: there is none */
};

struct opener_plan {
	const char *vsock;     /* the hybrid vsock's PATH; NULL: there is none */
	bool disks;	       /* disks may come later */
	const char *disk_dirs; /* "DIR:DIR..." that files may come from; NULL: none */
};

int opener_start(struct opener *o, const struct opener_plan *plan, struct err *err) MUST_USE;

/* The process's names (core/names.h) become the helper's, who takes no more of them. */
int opener_take_names(struct opener *o, struct err *err) MUST_USE;

/* *fd: a regular file or block device, open as block_open_file() does. */
int opener_disk(struct opener *o, int *fd, const char *path, bool readonly, struct err *err)
	MUST_USE;
/* A non-blocking stream to PATH_port, or -errno. */
int opener_dial(struct opener *o, uint32_t port);

/* Returns when the names are gone. Fine on one that was not started. */
void opener_end(struct opener *o);

#endif
