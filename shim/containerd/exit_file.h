/*
 * How a container ended, kept in its bundle for a `delete` that comes when the shim is gone:
 * "STATUS SECONDS NANOSECONDS" in a file. Blocking, for as long as a small file takes.
 */
#ifndef SAMPAN_CONTAINERD_EXIT_FILE_H
#define SAMPAN_CONTAINERD_EXIT_FILE_H

#include <time.h>
#include "core/err.h"

#define EXIT_FILE "exit"

struct exit_file {
	uint32_t status;
	struct timespec at;
};

int exit_file_write(const char *bundle, const struct exit_file *e, struct err *err) MUST_USE;

/* False when nothing is known. */
bool exit_file_read(const char *bundle, struct exit_file *e);

#endif
