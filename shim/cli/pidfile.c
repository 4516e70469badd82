/*
 * open, lock, look again whether the name still is what was locked, write; see pidfile.h.
 * syscall(setup): openat, fstat, flock, ftruncate, write, getpid: all of it
 */
#include "shim/cli/pidfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

int pidfile_write(struct pidfile *p, const char *path, struct err *err)
{
	AUTO_FD fd = -1;
	struct stat st;

	int rc;

	p->fd = -1;
	/* Read-write, because a FIFO that nobody reads refuses a writer with a sentence about
	 * devices. */
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st))
		return fail(err, -errno, "create pid file %s", path);
	if (!S_ISREG(st.st_mode))
		return failx(err, -EINVAL, "create pid file %s: it exists and is no regular file",
			path);
	rc = flock(fd, LOCK_EX | LOCK_NB) ? -errno : name_made(&p->name, path, fd);
	if (rc && rc != -EWOULDBLOCK)
		return fail(err, rc, "create pid file %s", path);
	if (rc || !name_is_ours(&p->name)) {
		name_forget(&p->name);
		return failx(err, -EBUSY, "create pid file %s: another process is using it", path);
	}
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		rc = fail(err, -errno, "write pid file %s", path);
		name_remove(&p->name);
		return rc;
	}
	p->fd = take_fd(&fd);
	return 0;
}

void pidfile_remove(struct pidfile *p)
{
	if (p->fd < 0)
		return;
	name_remove(&p->name);
	close(p->fd);
	p->fd = -1;
}
