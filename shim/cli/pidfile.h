/*
 * A file that holds this process's number while it runs and is locked by it, so that a file left by
 * a killed process is told from a live one's. Owner: main.
 */
#ifndef SAMPAN_CLI_PIDFILE_H
#define SAMPAN_CLI_PIDFILE_H

#include "core/err.h"
#include "core/names.h"

struct pidfile {
	struct name name;
	int fd; /* locked; -1: none */
};

/* Replaces what a dead process left; refuses a live one's, and anything that is no regular file. */
int pidfile_write(struct pidfile *p, const char *path, struct err *err) MUST_USE;
void pidfile_remove(struct pidfile *p);

#endif
