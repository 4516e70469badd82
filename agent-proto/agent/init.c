/*
 * A table of mounts, and few other things. Nothing here is fatal: a guest that lacks one of them
 * can still say so over vsock, so each failure is a line in the log. See init.h.
 *
 * The root of an initramfs can't be left by pivot_root(2), as it has no parent. A bind mount of it
 * onto a directory, moved over it, is a root with a parent and the same files; nothing is copied.
 */
#include "agent/init.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include "core/log.h"

#define STEP "/mnt" /* a directory of the image that nobody else uses */

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct place {
	const char *source, *target, *type, *options;
	unsigned long flags;
};

static const struct place first = { "proc", "/proc", "proc", NULL, SAFE };

static const struct place rest[] = {
	{ "dev", "/dev", "devtmpfs", "mode=0755", MS_NOSUID },
	{ "devpts", "/dev/pts", "devpts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
	{ "shm", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "sysfs", "/sys", "sysfs", NULL, SAFE },
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", "nsdelegate,memory_recursiveprot", SAFE },
	{ "run", "/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV },
	{ "tmp", "/tmp", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
};

/* EBUSY: somebody, the kernel perhaps, has mounted it there before. */
static void put(const struct place *p)
{
	mkdir(p->target, 0755);
	if (!mount(p->source, p->target, p->type, p->flags, p->options) || errno == EBUSY)
		return;
	if (errno != EINVAL || mount(p->source, p->target, p->type, p->flags, NULL))
		log_warn("mount %s: %s", p->target, strerror(errno));
}

static void leave_first_root(void)
{
	struct statfs fs;

	if (statfs("/", &fs) || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC))
		return;
	mkdir(STEP, 0755);
	if (mount("/", STEP, NULL, MS_BIND, NULL) || chdir(STEP) ||
		mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		log_warn("move the root: %s", strerror(errno));
}

/* A kernel without a console starts us without descriptors, and the next ones opened would be
 * taken for them. */
static void hold_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	for (fd = 0; fd <= 2; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void init_first(void)
{
	leave_first_root();
	put(&first);
	put(&rest[0]);
	hold_stdio();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	reboot(RB_DISABLE_CAD);
}

static void raise_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		log_warn("raise the loopback interface: %s", strerror(errno));
}

static void link_descriptors(void)
{
	static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" }, { "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" } };

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			log_warn("make %s: %s", links[i][1], strerror(errno));
}

void init_rest(void)
{
	struct rlimit files = { 1 << 20, 1 << 20 };

	for (size_t i = 1; i < ARRAY_SIZE(rest); i++)
		put(&rest[i]);
	link_descriptors();
	raise_loopback();
	setrlimit(RLIMIT_NOFILE, &files);
}

int init_subreaper(struct err *err)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return fail(err, -errno, "become the reaper of orphans");
	return 0;
}

void init_power_off(void)
{
	kill(-1, SIGKILL);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause(); /* pid 1 must not end: the kernel would panic */
}
