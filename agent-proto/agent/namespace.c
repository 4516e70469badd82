/* See namespace.h. A thread may leave the namespaces of its process; its own are found in
 * /proc/thread-self. */
#define _GNU_SOURCE
#include "agent/namespace.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct making {
	const char *ipc, *uts, *hostname;
	int rc;
	struct err *err;
};

static int keep(const char *name, const char *path, struct err *err)
{
	char from[64];
	AUTO_FD fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(err, -errno, "make %s", path);
	snprintf(from, sizeof(from), "/proc/thread-self/ns/%s", name);
	if (mount(from, path, NULL, MS_BIND, NULL))
		return fail(err, -errno, "keep the %s namespace at %s", name, path);
	return 0;
}

static void *make(void *arg)
{
	struct making *m = arg;

	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS)) {
		m->rc = fail(m->err, -errno, "make the sandbox's namespaces");
		return NULL;
	}
	if (*m->hostname && sethostname(m->hostname, strlen(m->hostname)))
		m->rc = fail(m->err, -errno, "set the hostname %.64s", m->hostname);
	if (!m->rc)
		m->rc = keep("ipc", m->ipc, m->err);
	if (!m->rc)
		m->rc = keep("uts", m->uts, m->err);
	return NULL;
}

int namespaces_make(const char *ipc, const char *uts, const char *hostname, struct err *err)
{
	struct making m = { ipc, uts, hostname, 0, err };
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * KiB);
	rc = pthread_create(&thread, &attr, make, &m);
	pthread_attr_destroy(&attr);
	if (rc)
		return fail(err, -rc, "make the sandbox's namespaces");
	pthread_join(thread, NULL);
	if (m.rc)
		namespaces_drop(ipc, uts);
	return m.rc;
}

void namespaces_drop(const char *ipc, const char *uts)
{
	umount2(ipc, MNT_DETACH);
	umount2(uts, MNT_DETACH);
	unlink(ipc);
	unlink(uts);
}
