/*
 * Disks that come and go while the machine is there; see vm.h. What a slot is to the guest is the
 * business of virtio/blk_disk.c.
 */
#include "vm_internal.h"

_Static_assert(VM_MAX_VIRTIO == MAP_VIRTIO_SLOTS, "vm.h promises what the address map has");

static int find(struct vm *vm, unsigned slot, struct virtio_dev **dev, struct err *err)
{
	unsigned end = vm->ndisks + vm->ndisk_slots;

	if (vm->state == VM_STOPPED)
		return failx(err, -EINVAL, "disk slot %u: the VM is stopped", slot);
	if (slot >= end && !vm->ndisk_slots)
		return failx(err, -ENOENT, "disk slot %u: the VM has no replaceable disks", slot);
	if (slot >= end)
		return failx(err, -ENOENT, "there is no disk slot %u: %u to %u are", slot,
			vm->ndisks, end - 1);
	if (slot < vm->ndisks)
		return failx(err, -EPERM, "disk slot %u holds a disk that the VM was started with",
			slot);
	*dev = vm->device[slot].mmio->dev;
	return 0;
}

int vm_disk_open(struct vm *vm, int *fd, const char *path, bool readonly, struct err *err)
{
	if (!vm->confined)
		return block_open_file(fd, path, readonly, err);
	if (vm->opener.fd < 0 || !vm->jail.disk_dirs)
		return failx(err, -EACCES,
			"open disk %s: the sandbox opens no paths, a descriptor must come instead",
			path);
	return opener_disk(&vm->opener, fd, path, readonly, err);
}

int vm_disk_plug(struct vm *vm, unsigned slot, const struct vm_disk *disk, struct err *err)
{
	struct virtio_dev *dev;
	int rc = find(vm, slot, &dev, err);

	return rc ? rc : virtio_blk_plug(dev, disk, err);
}

int vm_disk_unplug(struct vm *vm, unsigned slot, struct err *err)
{
	struct virtio_dev *dev;
	int rc = find(vm, slot, &dev, err);

	return rc ? rc : virtio_blk_unplug(dev, err);
}
