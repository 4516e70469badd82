/*
 * Opening taps; see tap.h. The kernel's side is drivers/net/tun.c: TUNSETIFF would silently create
 * an interface that does not exist, so the name is looked up before and the index compared after;
 * it answers EINVAL for everything from "no tap" to "made with multi_queue", so the sentence comes
 * from asking for the interface's driver.
 * syscall(setup): openat, socket, ioctl(TUNSETIFF), ioctl(TUNGETIFF), ioctl(SIOCETHTOOL),
 * ioctl(TUNSETVNETHDRSZ), fcntl(F_SETFD), fcntl(F_SETFL): a tap is opened or taken over
 */
#include "virtio/tap.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define DRAIN_MAX 4096 /* frames; more than an interface's usual queue of 1000 */

static bool is_tap(const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq req = { .ifr_data = (char *)&info };
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	return fd >= 0 && !ioctl(fd, SIOCETHTOOL, &req) && !strcmp(info.driver, "tun") &&
		!strcmp(info.bus_info, "tap");
}

static int explain(const char *name, unsigned queues, int rc, struct err *err)
{
	if (rc == -EBUSY || rc == -E2BIG)
		return failx(err, rc, "tap %s is in use by another process", name);
	if (rc == -EPERM)
		return failx(err, rc, "open tap %s: not permitted: it belongs to another user",
			name);
	if (rc != -EINVAL)
		return fail(err, rc, "open tap %s", name);
	if (!is_tap(name))
		return failx(err, rc, "network interface %s is not a tap", name);
	if (queues > 1)
		return failx(err, rc, "tap %s has one queue: it was made without multi_queue",
			name);
	return failx(err, rc, "tap %s was made with multi_queue: open it with two queues or more",
		name);
}

static int open_queue(struct tap *t, unsigned index, unsigned queues, struct err *err)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail(err, -errno, "open /dev/net/tun for tap %s", t->name);
	if (queues > 1)
		req.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(req.ifr_name, t->name, sizeof(t->name));
	if (ioctl(fd, TUNSETIFF, &req))
		return explain(t->name, queues, -errno, err);
	if (if_nametoindex(t->name) !=
		index) /* it went away, and this made another: gone with the descriptor */
		return failx(err, -ENODEV, "tap %s: no such network interface", t->name);
	t->fd[t->nfds++] = take_fd(&fd);
	return 0;
}

static int configure(struct tap *t, struct err *err)
{
	int size = TAP_HEADER;
	unsigned probe[] = { TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		TUN_F_CSUM | TUN_F_UFO, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6 };

	for (unsigned i = 0; i < t->nfds; i++)
		if (ioctl(t->fd[i], TUNSETVNETHDRSZ, &size))
			return fail(err, -errno, "set the header size of tap %s", t->name);
	for (unsigned i = 0; i < ARRAY_SIZE(probe); i++)
		if (!tap_set_offloads(t, probe[i]))
			t->offloads |= probe[i];
	if (tap_set_offloads(t, 0))
		return fail(err, -errno, "set the offloads of tap %s", t->name);
	return 0;
}

int tap_open(struct tap *t, const char *name, unsigned queues, struct err *err)
{
	unsigned index;
	int rc = 0;

	*t = (struct tap){ 0 };
	if (!*name || strlen(name) >= sizeof(t->name))
		return failx(err, -EINVAL, "tap %s: a network interface's name has 1 to %zu bytes",
			name, sizeof(t->name) - 1);
	snprintf(t->name, sizeof(t->name), "%s", name);
	index = if_nametoindex(name);
	if (!index)
		return failx(err, -ENODEV, "tap %s: no such network interface", name);
	for (unsigned i = 0; i < queues && !rc; i++)
		rc = open_queue(t, index, queues, err);
	if (!rc)
		rc = configure(t, err);
	if (rc)
		tap_close(t);
	return rc;
}

/* What a descriptor from the caller must be: a queue of the same tap as the ones before, with what
 * TUNSETIFF alone can set. */
static int check(struct tap *t, int fd, unsigned nfds, struct err *err)
{
	struct ifreq req = { 0 };
	int flags;

	if (ioctl(fd, TUNGETIFF, &req))
		return errno == EBADF
			? fail(err, -EBADF, "network descriptor %d", fd)
			: failx(err, -EINVAL, "network descriptor %d is not a tap", fd);
	flags = (unsigned short)req.ifr_flags;
	req.ifr_name[sizeof(t->name) - 1] = 0;
	if (!(flags & IFF_TAP))
		return failx(err, -EINVAL, "network descriptor %d is not a tap", fd);
	if (!(flags & IFF_VNET_HDR) || !(flags & IFF_NO_PI))
		return failx(err, -EINVAL,
			"network descriptor %d: tap %s was opened without IFF_%s", fd, req.ifr_name,
			flags & IFF_NO_PI ? "VNET_HDR" : "NO_PI");
	if (nfds > 1 && !(flags & IFF_MULTI_QUEUE))
		return failx(err, -EINVAL, "network descriptor %d: tap %s has one queue", fd,
			req.ifr_name);
	if (*t->name && strcmp(t->name, req.ifr_name))
		return failx(err, -EINVAL,
			"network descriptor %d belongs to tap %s, an earlier one to %s", fd,
			req.ifr_name, t->name);
	memcpy(t->name, req.ifr_name, sizeof(t->name));
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK))
		return fail(err, -errno, "network descriptor %d", fd);
	return 0;
}

int tap_adopt(struct tap *t, const int *fds, unsigned nfds, struct err *err)
{
	int rc = 0;

	*t = (struct tap){ .nfds = nfds };
	memcpy(t->fd, fds, nfds * sizeof(*fds));
	for (unsigned i = 0; i < nfds && !rc; i++)
		rc = check(t, fds[i], nfds, err);
	if (!rc)
		rc = configure(t, err);
	if (rc)
		tap_close(t);
	return rc;
}

void tap_close(struct tap *t)
{
	for (unsigned i = 0; i < t->nfds; i++)
		if (t->fd[i] >= 0)
			close(t->fd[i]);
	t->nfds = 0;
}

int tap_set_offloads(const struct tap *t, unsigned offloads)
{
	if (t->plain)
		return 0;
	/* syscall(loop,vcpu): ioctl(TUNSETOFFLOAD): a network card starts or changes its offloads
	 */
	return ioctl(t->fd[0], TUNSETOFFLOAD, (unsigned long)offloads) ? -errno : 0;
}

int tap_attach(const struct tap *t, unsigned q, bool on)
{
	struct ifreq req = { .ifr_flags = (short)(on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE) };

	if (t->plain || t->nfds == 1)
		return 0;
	/* syscall(loop,vcpu): ioctl(TUNSETQUEUE): a network card's queues start or stop */
	return ioctl(t->fd[q], TUNSETQUEUE, &req) ? -errno : 0;
}

void tap_drain(const struct tap *t, unsigned q)
{
	char head[64];

	for (unsigned i = 0; !t->plain && i < DRAIN_MAX; i++)
		/* syscall(loop,vcpu): read: frames that wait in a tap are dropped when the card
		 * stops */
		if (read(t->fd[q], head, sizeof(head)) < 0)
			return;
}
