/* Reading and writing the files of a cgroup: see cgroup_file.h. */
#include "agent/cgroup_file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int cgroup_open(const char *root, const char *path, struct err *err)
{
	char full[512];
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return failx(err, -ENAMETOOLONG, "the cgroup's path %s is too long", path);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(err, -errno, "open the cgroup %s", full) : fd;
}

static char *read_whole(int fd)
{
	size_t size = 4096, len = 0;
	char *text = malloc(size);

	while (text) {
		ssize_t n = read(fd, text + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		len += (size_t)n;
		text[len] = 0;
		if (!n || len >= CGROUP_FILE_MAX)
			return text;
		if (len == size - 1) {
			char *more = realloc(text, size *= 2);

			if (!more)
				free(text);
			text = more;
		}
	}
	return NULL;
}

char *cgroup_read(int dir, const char *name)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NULL : read_whole(fd);
}

static bool number_of(const char *text, uint64_t *n)
{
	char *end;

	if (!strncmp(text, "max", 3)) {
		*n = UINT64_MAX;
		return true;
	}
	if (*text < '0' || *text > '9')
		return false;
	*n = strtoull(text, &end, 10);
	return !*end || *end == '\n' || *end == ' ';
}

uint64_t cgroup_number(int dir, const char *name, uint64_t missing)
{
	AUTO_FREE char *text = cgroup_read(dir, name);
	uint64_t n;

	return text && number_of(text, &n) ? n : missing;
}

bool cgroup_pair(char **text, const char **key, uint64_t *value)
{
	char *line, *space;

	while ((line = strsep(text, "\n"))) {
		space = strchr(line, ' ');
		if (!space || space == line || !number_of(space + 1, value))
			continue;
		*space = 0;
		*key = line;
		return true;
	}
	return false;
}

static uint64_t value_in(char *text, const char *wanted, uint64_t missing)
{
	const char *key;
	uint64_t value;

	while (cgroup_pair(&text, &key, &value))
		if (!strcmp(key, wanted))
			return value;
	return missing;
}

uint64_t cgroup_value(int dir, const char *name, const char *key, uint64_t missing)
{
	AUTO_FREE char *text = cgroup_read(dir, name);

	return text ? value_in(text, key, missing) : missing;
}

int cgroup_write(int dir, const char *name, const char *value)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The file must be read through the descriptor that is polled. */
int cgroup_await(int dir, const char *key, uint64_t value, unsigned timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	AUTO_FD fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		AUTO_FREE char *text = NULL;
		int64_t left = end - now_ms();

		if (lseek(fd, 0, SEEK_SET) < 0)
			return -errno;
		text = read_whole(fd);
		if (!text)
			return -errno;
		if (value_in(text, key, !value) == value)
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}
