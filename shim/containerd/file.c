/* See file.h. */
#include "shim/containerd/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int file_read_fd(int fd, const char *name, size_t max, char **text, size_t *len, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t have = 0, size = 0;

	for (;;) {
		ssize_t n;

		if (have + 1 >= size) {
			char *grown = size <= max ? realloc(data, size * 2 + 4096) : NULL;

			if (!grown)
				return failx(err, -EFBIG, "%s is larger than %zu bytes", name, max);
			data = grown;
			size = size * 2 + 4096;
		}
		n = read(fd, data + have, size - have - 1);
		if (n < 0 && errno != EINTR)
			return fail(err, -errno, "read %s", name);
		if (!n)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	if (have > max)
		return failx(err, -EFBIG, "%s is larger than %zu bytes", name, max);
	data[have] = 0;
	*len = have;
	*text = take(&data);
	return 0;
}

int file_read(const char *path, size_t max, char **text, size_t *len, struct err *err)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(err, -errno, "open %s", path)
		      : file_read_fd(fd, path, max, text, len, err);
}

int file_replace(const char *path, const char *text, struct err *err)
{
	char fresh[4096];
	AUTO_FD fd = -1;
	size_t len = strlen(text);

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
		return failx(err, -ENAMETOOLONG, "the path %.64s... is too long", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(err, -errno, "write %s", fresh);
	if (write(fd, text, len) != (ssize_t)len || rename(fresh, path)) {
		int rc = fail(err, errno ? -errno : -ENOSPC, "write %s", path);

		unlink(fresh);
		return rc;
	}
	return 0;
}

int file_poke(const char *path, const char *text, struct err *err)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0)
		return fail(err, -errno, "open %s", path);
	return write(fd, text, len) == (ssize_t)len
		? 0
		: fail(err, -errno, "write \"%s\" to %s", text, path);
}
