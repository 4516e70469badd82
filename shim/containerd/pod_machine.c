/*
 * What a pod's machine is made of, in order: cgroup, network, a free vsock address, virtiofsd, the
 * monitor; and its end, in reverse. Descriptors that the monitor has got are closed here.
 */
#define _GNU_SOURCE
#include "shim/containerd/pod_inner.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <linux/vhost.h>
#include "core/log.h"
#include "shim/containerd/size.h"

#define AGENT_PORT 1024
#define CID_TRIES  64

/* A number that no other guest of this host has: asked for until the kernel grants one. */
static int open_vsock(struct pod *p, struct err *err)
{
	AUTO_FD fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail(err, -errno,
			"open /dev/vhost-vsock (is the module vhost_vsock loaded?)");
	for (unsigned i = 0; i < CID_TRIES; i++) {
		uint64_t cid = 0;

		if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid))
			return fail(err, -errno, "choose a number for the guest");
		cid = 3 + cid % (INT32_MAX - 3);
		if (!ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid)) {
			p->cid = (uint32_t)cid;
			p->vsock = take_fd(&fd);
			return 0;
		}
		if (errno != EADDRINUSE)
			return fail(err, -errno, "take a number for the guest");
	}
	return failx(err, -EADDRINUSE, "no number for the guest was free");
}

static int make_cgroup(struct pod *p, struct err *err)
{
	const char *path = bundle_text(p->spec, "linux", "cgroupsPath", NULL);
	int rc = cgroup_directory(p->cgroup, path ? path : "", err);

	if (!rc && *p->cgroup)
		rc = cgroup_make(p->cgroup, err);
	return rc;
}

static int open_network(struct pod *p, struct err *err)
{
	return pod_net_open(&p->net, bundle_namespace(p->spec, "network"), 1, err);
}

/* --- the configuration --- */

static void set_append(const struct pod *p, struct wire_config *c)
{
	const struct config *config = p->config;
	char root[160] = "";

	if (config->image)
		snprintf(root, sizeof(root), "root=/dev/vda1 rootfstype=%.32s ro ",
			config->rootfs_type);
	snprintf(c->append, sizeof(c->append),
		"%sconsole=ttyS0 %s panic=-1 cgroup_no_v1=all agent.relay_vport=%d %s", root,
		config->debug ? "agent.log=debug" : "quiet", RELAY_PORT, config->kernel_params);
}

static void set_networks(const struct pod *p, struct wire_config *c, int *fds, unsigned *n)
{
	for (size_t i = 0; i < p->net.nlinks && i < WIRE_NETS; i++) {
		const struct pod_link *link = &p->net.links[i];
		struct wire_net *w = &c->net[c->nnets++];

		memcpy(w->mac, link->mac, sizeof(w->mac));
		w->mtu = (uint16_t)MIN(link->mtu, (uint32_t)UINT16_MAX);
		snprintf(w->id, sizeof(w->id), "net%zu", i);
		w->ntaps = MIN(link->queues, (unsigned)WIRE_TAPS);
		for (unsigned t = 0; t < w->ntaps; t++)
			fds[(*n)++] = link->tap[t];
	}
}

/* Memory that is not there would only be missed by a guest that runs. */
static int check_memory(const struct size *size, struct err *err)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	uint64_t have = pages * (uint64_t)sysconf(_SC_PAGESIZE) / MiB;

	return size->memory <= have
		? 0
		: failx(err, -ENOMEM, "the pod needs %u MiB of memory: this host has %llu",
			  size->memory, (unsigned long long)have);
}

static int set_config(const struct pod *p, struct wire_config *c, struct err *err)
{
	struct size size;
	int rc = size_pod(&size, p->config, p->spec, err);

	if (!rc)
		rc = check_memory(&size, err);
	if (rc)
		return rc;
	*c = (struct wire_config){
		.mem_size = size.memory * MiB,
		.cpus = size.vcpus,
		.disk_slots = p->config->disk_slots,
		.cid = p->cid,
		.root_is_image = p->config->image,
		.has_fs = p->config->shared_files,
		.hugepages = p->config->hugepages,
		.debug = p->config->debug,
	};
	snprintf(c->name, sizeof(c->name), "%s", p->id);
	snprintf(c->tag, sizeof(c->tag), SHARE_TAG);
	set_append(p, c);
	return 0;
}

static int open_guest_file(const char *what, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(err, -errno, "open %s %s", what, path) : fd;
}

/* --- starting --- */

static int start_monitor(struct pod *p, struct err *err)
{
	const struct config *config = p->config;
	AUTO_FREE struct wire_config *c = malloc(sizeof(*c));
	AUTO_FD kernel = open_guest_file("kernel", config->kernel, err);
	AUTO_FD root = kernel < 0 ? -1
				  : open_guest_file(config->image ? "image" : "initrd",
					    config->image ? config->image : config->initrd, err);
	AUTO_FD netns = -1;
	const char *path = bundle_namespace(p->spec, "network");
	int fds[WIRE_FDS] = { kernel, root, p->vsock, p->share.fd }; /* the last one, if it is */
	struct monitor_place place = { .netns = -1,
		.cgroup = *p->cgroup ? p->cgroup : NULL,
		.log_console = config->debug };
	unsigned n = config->shared_files ? 4 : 3;
	int rc = !c ? fail(err, -ENOMEM, "start the monitor") : root < 0 ? -ENOENT : 0;

	if (!rc)
		rc = set_config(p, c, err);
	if (rc)
		return rc;
	if (path && *path) {
		netns = open(path, O_RDONLY | O_CLOEXEC);
		if (netns < 0)
			return fail(err, -errno, "open the network namespace %s", path);
		place.netns = netns;
	}
	set_networks(p, c, fds, &n);
	return monitor_start(&p->monitor, p->loop, c, fds, n, &place, &pod_monitor_events, p, err);
}

static void on_virtiofsd_ended(struct watch *w, uint32_t events UNUSED)
{
	struct pod *p = container_of(w, struct pod, virtiofsd);

	loop_remove(p->loop, w);
	pod_fail_soon(p, "virtiofsd has ended");
}

/* Containers that wait for their files wait for ever without it. */
static int watch_virtiofsd(struct pod *p, struct err *err)
{
	int rc;

	p->virtiofsd.fd = (int)syscall(SYS_pidfd_open, p->share.virtiofsd, 0);
	if (p->virtiofsd.fd < 0)
		return fail(err, -errno, "watch virtiofsd");
	rc = loop_add(p->loop, &p->virtiofsd, p->virtiofsd.fd, EPOLLIN, on_virtiofsd_ended);
	return rc ? fail(err, rc, "watch virtiofsd") : 0;
}

static int start_sharing(struct pod *p, struct err *err)
{
	int rc = share_start(&p->share, p->config->virtiofsd, p->config->virtiofsd_cache,
		*p->cgroup ? p->cgroup : NULL, err);

	return rc ? rc : watch_virtiofsd(p, err);
}

/* What the monitor holds now goes with the monitor. */
static void hand_over(struct pod *p)
{
	auto_fd_close(&p->vsock);
	auto_fd_close(&p->share.fd);
	p->vsock = p->share.fd = -1;
	for (size_t i = 0; i < p->net.nlinks; i++)
		for (unsigned q = 0; q < p->net.links[i].queues; q++) {
			auto_fd_close(&p->net.links[i].tap[q]);
			p->net.links[i].tap[q] = -1;
		}
	p->disks.monitor = p->monitor;
	p->disks.first = p->config->image ? 1 : 0;
	p->disks.slots = MIN(p->config->disk_slots, (unsigned)DISKS_MAX);
}

int pod_start_machine(struct pod *p, struct err *err)
{
	struct address agent = { .kind = ADDRESS_VSOCK, .port = AGENT_PORT };
	int rc = make_cgroup(p, err);

	if (!rc)
		rc = open_network(p, err);
	if (!rc)
		rc = open_vsock(p, err);
	if (!rc && p->config->shared_files)
		rc = start_sharing(p, err);
	if (!rc)
		rc = start_monitor(p, err);
	if (rc)
		return rc;
	hand_over(p);
	agent.cid = p->cid;
	return guest_new(&p->guest, p->loop, &agent, p->config->boot_timeout * SECOND_NS,
		&pod_guest_events, p, err);
}

void pod_stop_machine(struct pod *p)
{
	const char *netns = bundle_namespace(p->spec, "network");
	struct err err = { 0 };

	relay_free(p->relay);
	guest_free(p->guest);
	p->guest = NULL;
	monitor_free(p->monitor);
	p->monitor = NULL;
	if (p->virtiofsd.fd >= 0) {
		loop_remove(p->loop, &p->virtiofsd);
		close(p->virtiofsd.fd);
		p->virtiofsd.fd = -1;
	}
	share_stop(&p->share);
	auto_fd_close(&p->vsock);
	p->vsock = -1;
	pod_net_free(&p->net);
	if (netns && *netns && pod_net_clean(netns, &err))
		log_warn("pod %s: %s", p->id, err.msg);
	cgroup_remove(p->cgroup);
}
