/*
 * AddSwap and AddSwapPath: the runtime plugs a disk and has it used as swap. The area's header is
 * the kernel's union swap_header (include/linux/swap.h), version 1; the runtime has usually written
 * it on the host. A disk that holds something else is refused.
 */
#define _GNU_SOURCE
#include "agent/swap.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>

#include "agent/agent.h"
#include "agent/device_find.h"
#include "agent/rpc.h"

#define INFO_OFFSET   1024 /* version, last page, number of bad pages: 32 bits each */
#define PAGES_MIN     10   /* what mkswap asks for */
#define PCI_DEPTH_MAX 8

static const char magic[] = { 'S', 'W', 'A', 'P', 'S', 'P', 'A', 'C', 'E', '2' };

enum swap_content swap_look(const void *page, size_t page_size)
{
	const unsigned char *p = page;

	if (!memcmp(p + page_size - sizeof(magic), magic, sizeof(magic)))
		return SWAP_READY;
	for (size_t i = 0; i < page_size; i++)
		if (p[i])
			return SWAP_OTHER;
	return SWAP_BLANK;
}

void swap_header(void *page, size_t page_size, uint32_t pages)
{
	const uint32_t info[3] = { 1, pages - 1, 0 };
	unsigned char *p = page;

	memset(p, 0, page_size);
	memcpy(p + INFO_OFFSET, info, sizeof(info));
	memcpy(p + page_size - sizeof(magic), magic, sizeof(magic));
}

/* The kernel gives a disk that is mounted to nobody who asks for it with O_EXCL. */
static int prepare(const char *node, struct err *err)
{
	const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	AUTO_FD fd = open(node, O_RDWR | O_EXCL | O_CLOEXEC);
	AUTO_FREE unsigned char *page = malloc(page_size);
	uint64_t size, pages;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
		return fail(err, -errno, "open the disk %s", node);
	if (!page)
		return fail(err, -ENOMEM, "read the disk %s", node);
	pages = MIN(size / page_size, UINT32_MAX);
	if (pages < PAGES_MIN)
		return failx(err, -EINVAL, "the disk %s is too small for swap", node);
	if (pread(fd, page, page_size, 0) != (ssize_t)page_size)
		return fail(err, -errno, "read the disk %s", node);
	switch (swap_look(page, page_size)) {
	case SWAP_READY:
		return 0;
	case SWAP_OTHER:
		return failx(err, -EINVAL, "the disk %s holds something that is no swap area",
			node);
	case SWAP_BLANK:
		break;
	}
	swap_header(page, page_size, (uint32_t)pages);
	if (pwrite(fd, page, page_size, 0) != (ssize_t)page_size || fsync(fd))
		return fail(err, -errno, "write to the disk %s", node);
	return 0;
}

int swap_use(const char *node, struct err *err)
{
	int rc = prepare(node, err);

	if (!rc && swapon(node, 0))
		rc = fail(err, -errno, "swap to the disk %s", node);
	return rc;
}

static int use_disk(struct agent *a, const char *name, struct err *err)
{
	struct disk disk;
	int rc = disk_find(&disk, &device_places, a->uevents, name, a->config.hotplug_timeout_ms,
		err);

	return rc ? rc : swap_use(disk.node, err);
}

int rpc_add_swap(struct agent *a, const void *request, void *response UNUSED, struct err *err)
{
	const Grpc__AddSwapRequest *r = request;
	char path[PCI_DEPTH_MAX * 3 + 1] = "";

	if (!r->n_pcipath || r->n_pcipath > PCI_DEPTH_MAX)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "a PCI path of %zu slots",
			r->n_pcipath);
	for (size_t i = 0; i < r->n_pcipath; i++) {
		if (r->pcipath[i] > 0x1f)
			return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "there is no PCI slot %u",
				r->pcipath[i]);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s%02x", i ? "/" : "",
			r->pcipath[i]);
	}
	return use_disk(a, path, err);
}

int rpc_add_swap_path(struct agent *a, const void *request, void *response UNUSED, struct err *err)
{
	const Grpc__AddSwapPathRequest *r = request;

	if (strncmp(r->path, "/dev/", 5) != 0)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no device", r->path);
	return use_disk(a, r->path, err);
}
