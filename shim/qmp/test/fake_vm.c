/* See fake_vm.h. */
#include "shim/qmp/test/fake_vm.h"

#include <stdio.h>

static void tell(struct vm *vm, int event)
{
	if (vm->on_event)
		vm->on_event(vm->arg, event);
}

static int move(struct vm *vm, enum vm_state from, enum vm_state to, int event, struct err *err)
{
	if (vm->stubborn || vm->info.state != from)
		return failx(err, -EBUSY, "the machine won't");
	vm->info.state = to;
	tell(vm, event);
	return 0;
}

int vm_pause(struct vm *vm, struct err *err)
{
	return move(vm, VM_RUNNING, VM_PAUSED, VM_EVENT_PAUSED, err);
}

int vm_resume(struct vm *vm, struct err *err)
{
	return move(vm, VM_PAUSED, VM_RUNNING, VM_EVENT_RESUMED, err);
}

int vm_reset(struct vm *vm, struct err *err)
{
	int rc = move(vm, VM_RUNNING, VM_RUNNING, VM_EVENT_RESET, err);

	if (!rc)
		vm->resets++;
	return rc;
}

void vm_stop(struct vm *vm)
{
	vm->info.state = VM_STOPPED;
	vm->info.end = VM_END_HOST;
	tell(vm, VM_EVENT_SHUTDOWN);
}

int vm_disk_open(struct vm *vm UNUSED, int *fd, const char *path, bool readonly, struct err *err)
{
	return block_open_file(fd, path, readonly, err);
}

int vm_disk_plug(struct vm *vm, unsigned slot, const struct vm_disk *disk, struct err *err)
{
	if (vm->stubborn || slot > 63 || vm->full & UINT64_C(1) << slot)
		return failx(err, -EBUSY, "the machine won't");
	vm->full |= UINT64_C(1) << slot;
	vm->disk = *disk;
	snprintf(vm->disk_path, sizeof(vm->disk_path), "%s", disk->path);
	snprintf(vm->disk_id, sizeof(vm->disk_id), "%s", disk->id);
	close(disk->fd);
	return 0;
}

int vm_disk_unplug(struct vm *vm, unsigned slot, struct err *err)
{
	if (vm->stubborn || slot > 63 || !(vm->full & UINT64_C(1) << slot))
		return failx(err, -EBUSY, "the machine won't");
	vm->full &= ~(UINT64_C(1) << slot);
	return 0;
}

void vm_query(const struct vm *vm, struct vm_info *info)
{
	*info = vm->info;
}

int vm_query_cpu(const struct vm *vm, unsigned index, struct vm_cpu_info *info)
{
	if (index >= vm->info.cpus)
		return -ENOENT;
	*info = (struct vm_cpu_info){ index, 1000 + (int)index };
	return 0;
}

int vm_query_device(const struct vm *vm, unsigned index, struct vm_device_info *info)
{
	if (index >= vm->info.ndevices)
		return -ENOENT;
	*info = (struct vm_device_info){ "disk0", "virtio-blk", 0x10001000, 8 + index };
	return 0;
}
