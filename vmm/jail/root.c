/*
 * Leaving the host's file system (pivot_root(2), user_namespaces(7)). The new root is an empty
 * tmpfs, mounted read-only over a directory that every host has; pivot_root(".", ".") puts it in
 * the old one's place, which is then unmounted from below it. Where the root is the kernel's
 * initramfs, which can't be pivoted away, the tmpfs is moved over it instead.
 * syscall(setup): newfstatat, openat, write, unshare, mount, pivot_root, umount2, chroot, chdir:
 * all of it
 */
#define _GNU_SOURCE
#include "jail/root.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)

bool root_has_host_network(void)
{
	struct stat mine, first;

	/* Who may not look at process 1 takes it to be the host's: then a namespace too many is
	 * made, which harms nothing that is open already. */
	if (stat("/proc/self/ns/net", &mine) || stat("/proc/1/ns/net", &first))
		return true;
	return mine.st_ino == first.st_ino && mine.st_dev == first.st_dev;
}

static int put(const char *path, const char *text)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	return n < 0 ? -errno : 0;
}

static int map(const char *path, unsigned id)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1", id, id);
	return put(path, text);
}

int root_own_users(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int rc = unshare(CLONE_NEWUSER) ? -errno : 0;

	if (!rc)
		rc = put("/proc/self/setgroups", "deny");
	if (!rc)
		rc = map("/proc/self/gid_map", gid);
	return rc ? rc : map("/proc/self/uid_map", uid);
}

static int swap_roots(void)
{
	if (!syscall(SYS_pivot_root, ".", "."))
		return umount2(".", MNT_DETACH);
	if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL))
		return -1;
	return chroot(".");
}

/* Over a directory that every host has, one of them. */
static int mount_empty(void)
{
	static const char *const places[] = { "/tmp", "/run", "/dev", "/proc" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!mount("sampan", places[i], "tmpfs", QUIET | MS_RDONLY,
			    "size=4k,nr_inodes=1,mode=0"))
			return chdir(places[i]);
	return -1;
}

int root_leave(bool network, struct err *err)
{
	int spaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (network ? CLONE_NEWNET : 0);

	if (unshare(spaces))
		return fail(err, -errno, "get namespaces of its own");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount_empty() || swap_roots() ||
		chdir("/"))
		return fail(err, -errno, "get an empty root directory");
	return 0;
}
