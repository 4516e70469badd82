/* See place.h. */
#define _GNU_SOURCE
#include "shim/containerd/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "shim/containerd/file.h"
#include "shim/containerd/sha256.h"

int place_socket(char path[PLACE_SOCKET], const char *dir, const char *address,
	const char *namespace, const char *group, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char hash[SHA256_TEXT];
	int len = asprintf(&text, "%s/%s/%s", address, namespace, group);

	if (len < 0)
		return fail(err, -ENOMEM, "name the shim's socket");
	sha256_text(text, (size_t)len, hash);
	if (snprintf(path, PLACE_SOCKET, "%s/%s", dir ? dir : PLACE_DIR, hash) >= PLACE_SOCKET)
		return failx(err, -ENAMETOOLONG, "the directory for sockets, %s, is too long", dir);
	return 0;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	strncpy(sa.sun_path, path, sizeof(sa.sun_path) - 1);
	return sa;
}

bool place_is_live(const char *path)
{
	struct sockaddr_un sa = address_of(path);
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)) || errno == EAGAIN);
}

int place_listen(int *out, const char *path, struct err *err)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa = address_of(path);
	char dir[PLACE_SOCKET];
	mode_t mask;
	int rc;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	mkdir(dir, 0700); /* what fails shows in the next step */
	if (unlink(path) && errno != ENOENT)
		return fail(err, -errno, "remove the stale socket %s", path);
	mask = umask(0177);
	rc = fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 64) ? -errno : 0;
	umask(mask);
	if (rc)
		return fail(err, rc, "listen on the shim's socket %s", path);
	*out = take_fd(&fd);
	return 0;
}

/* When the process started, in the kernel's ticks: field 22 of its stat. 0: it is not there. */
static unsigned long long start_of(pid_t pid)
{
	AUTO_FREE char *text = NULL;
	unsigned long long start = 0;
	char path[64], *p;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, 4096, &text, &len, NULL))
		return 0;
	p = strrchr(text, ')');
	for (unsigned field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, " %llu", &start) == 1 ? start : 0;
}

int place_write_pid(const char *dir, pid_t pid, struct err *err)
{
	char path[4096], text[64];

	if ((size_t)snprintf(path, sizeof(path), "%s/" PLACE_PID, dir) >= sizeof(path))
		return failx(err, -ENAMETOOLONG, "the path of the bundle is too long");
	snprintf(text, sizeof(text), "%d %llu\n", (int)pid, start_of(pid));
	return file_replace(path, text, err);
}

pid_t place_read_pid(const char *dir)
{
	AUTO_FREE char *text = NULL;
	unsigned long long start;
	char path[4096];
	size_t len;
	int pid;

	snprintf(path, sizeof(path), "%s/" PLACE_PID, dir);
	if (file_read(path, 4096, &text, &len, NULL) ||
		sscanf(text, "%d %llu", &pid, &start) != 2 || pid <= 1 || !start)
		return 0;
	return start_of(pid) == start ? pid : 0;
}
