/*
 * Sysctls. crun sets only those of a namespace that it makes for the container, and refuses the
 * others. Here the network is the guest's, ipc and uts are as a rule the sandbox's, and all other
 * sysctls are the virtual machine's, which belongs to the pod: the agent sets them itself, in the
 * namespace they belong to.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "agent/spec_build.h"
#include "core/log.h"

#define PROC_SYS "/proc/sys/"

/* The part of the kernel that has a value of its own for each namespace of a kind. */
static const struct {
	const char *prefix, *kind;
} owners[] = {
	{ "fs/mqueue/", "ipc" },
	{ "kernel/msg", "ipc" },
	{ "kernel/sem", "ipc" },
	{ "kernel/shm", "ipc" },
	{ "kernel/auto_msgmni", "ipc" },
	{ "kernel/domainname", "uts" },
	{ "kernel/hostname", "uts" },
};

bool spec_sysctl_path(const char *key, char *path, size_t size)
{
	size_t len = strlen(key);
	const char *first = strpbrk(key, "./");

	if (!len || len >= size || *key == '/' || *key == '.' || key[len - 1] == '/' ||
		key[len - 1] == '.' || strstr(key, "..") || strstr(key, "//"))
		return false;
	/* Of the two separators the first one met separates, the other stands for it in a name. */
	for (size_t i = 0; i <= len; i++)
		if (key[i] == '.' && *first == '.')
			path[i] = '/';
		else if (key[i] == '/' && *first == '.')
			path[i] = '.';
		else
			path[i] = key[i];
	return !strstr(path, "/.") && !strstr(path, "./");
}

static const char *owner_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		if (!strncmp(path, owners[i].prefix, strlen(owners[i].prefix)))
			return owners[i].kind;
	return NULL;
}

/* Whether crun makes a namespace of this kind for the container. */
static bool is_new(const char *kind, const Grpc__Linux *spec, const char *placed)
{
	for (size_t i = 0; !placed && i < spec->n_namespaces; i++)
		if (!strcmp(spec->namespaces[i]->type, kind))
			return !*spec->namespaces[i]->path;
	return false;
}

bool spec_sysctl_is_cruns(const char *key, const Grpc__Linux *spec, const struct spec_place *place)
{
	char path[256];
	const char *owner;

	if (!spec_sysctl_path(key, path, sizeof(path)))
		return false;
	owner = owner_of(path);
	if (!owner || !strcmp(path, "kernel/hostname"))
		return false;
	return is_new(owner, spec, strcmp(owner, "ipc") ? place->uts_ns : place->ipc_ns);
}

/* Puts this thread into the namespace; *back is the descriptor of where it was. */
static int enter(const char *kind, const char *path, int *back, struct err *err)
{
	char own[64];
	AUTO_FD there = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FD here = -1;

	if (there < 0)
		return fail(err, -errno, "open the namespace %s", path);
	snprintf(own, sizeof(own), "/proc/thread-self/ns/%s", kind);
	here = open(own, O_RDONLY | O_CLOEXEC);
	if (here < 0)
		return fail(err, -errno, "open %s", own);
	if (setns(there, 0))
		return fail(err, -errno, "enter the namespace %s", path);
	*back = take_fd(&here);
	return 0;
}

static int write_value(const char *path, const char *value, struct err *err)
{
	char full[sizeof(PROC_SYS) + 256];
	AUTO_FD fd = -1;
	size_t len = strlen(value);

	snprintf(full, sizeof(full), PROC_SYS "%s", path);
	fd = open(full, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(err, -errno, "open %s", full);
	if (write(fd, value, len) != (ssize_t)len)
		return fail(err, errno ? -errno : -EIO, "write '%.64s' to %s", value, full);
	return 0;
}

static int set_one(const Grpc__Linux__SysctlEntry *e, const struct spec_place *place,
	struct err *err)
{
	char path[256];
	const char *owner, *placed = NULL;
	AUTO_FD back = -1;
	int rc;

	if (!spec_sysctl_path(e->key, path, sizeof(path)))
		return failx(err, -EINVAL, "%s is no name of a sysctl", e->key);
	owner = owner_of(path);
	if (owner)
		placed = strcmp(owner, "ipc") ? place->uts_ns : place->ipc_ns;
	if (placed) {
		rc = enter(owner, placed, &back, err);
		if (rc)
			return rc;
	}
	errno = 0;
	rc = write_value(path, e->value, err);
	if (back >= 0 && setns(back, 0)) /* as it was a moment ago: can't be refused */
		log_error("a thread stays in the namespace %s", placed);
	return rc;
}

int spec_set_sysctls(const Grpc__Spec *spec, const struct spec_place *place, struct err *err)
{
	const Grpc__Linux *l = spec ? spec->linux : NULL;
	int rc = 0;

	for (size_t i = 0; l && i < l->n_sysctl && !rc; i++)
		if (!spec_sysctl_is_cruns(l->sysctl[i]->key, l, place))
			rc = set_one(l->sysctl[i], place, err);
	return rc;
}
