/* Small files, whole. Blocking; any thread. */
#ifndef SAMPAN_CONTAINERD_FILE_H
#define SAMPAN_CONTAINERD_FILE_H

#include "core/err.h"

/* *text is malloc'ed and has a NUL behind its *len bytes. More than max: -EFBIG. */
int file_read(const char *path, size_t max, char **text, size_t *len, struct err *err) MUST_USE;
int file_read_fd(int fd, const char *name, size_t max, char **text, size_t *len, struct err *err)
	MUST_USE;

/* Made anew beside it and renamed, so that no reader sees half of it; mode 0600. */
int file_replace(const char *path, const char *text, struct err *err) MUST_USE;

/* Into a file that is there, in one write(2), as the kernel's own want it. */
int file_poke(const char *path, const char *text, struct err *err) MUST_USE;

#endif
