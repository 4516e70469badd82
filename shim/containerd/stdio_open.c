/* See stdio_open.h. */
#define _GNU_SOURCE
#include "shim/containerd/stdio_open.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int open_file(int *fd, const char *path, struct err *err)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	return *fd < 0 ? fail(err, -errno, "open log file %s", path) : 0;
}

static int open_fifo(int *fd, const char *path, int how, struct err *err)
{
	struct stat st;

	*fd = open(path, how | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &st))
		return fail(err, -errno, "open %s", path);
	return S_ISFIFO(st.st_mode) ? 0 : failx(err, -EINVAL, "%s is no FIFO", path);
}

int stdio_open_output(int *fd, const char *name, struct err *err)
{
	static const char file[] = "file://";

	if (!*name)
		return 0;
	if (!strncmp(name, file, strlen(file)))
		return open_file(fd, name + strlen(file), err);
	if (*name != '/')
		return failx(err, -EOPNOTSUPP,
			"output to \"%.80s\" is not possible: to the path of a FIFO, "
			"file://PATH or binary://PATH it is",
			name);
	return open_fifo(fd, name, O_RDWR, err);
}

int stdio_open_input(int *fd, int *keep, const char *name, struct err *err)
{
	int rc;

	if (!*name)
		return 0;
	if (*name != '/')
		return failx(err, -EOPNOTSUPP, "input from \"%.80s\" is not possible", name);
	rc = open_fifo(fd, name, O_RDONLY, err);
	return rc ? rc : open_fifo(keep, name, O_WRONLY, err);
}
