/*
 * The sandbox around a machine's process: when it is put up, and who gets which part of it; see
 * jail/jail.h. The order is vm.h's: vm_new(), vm_confine(), vm_start().
 */
#include "vm_internal.h"

#include <string.h>
#include "core/names.h"
#include "jail/jail.h"

#define FILE_MIN GiB /* what a console or log file may grow to, if no disk is larger */

/* Whether something of the machine will need the host's file system later, if only to be removed.
 */
static bool needs_opener(const struct vm_config *cfg)
{
	bool sockets = cfg->serial.kind == CHARDEV_SOCKET;

	for (unsigned i = 0; i < cfg->nconsoles; i++)
		sockets |= cfg->consoles[i].chardev.kind == CHARDEV_SOCKET;
	return sockets || cfg->jail.names || cfg->jail.disk_dirs || cfg->vsock.uds || cfg->gdb ||
		names_first();
}

int vm_jail_prepare(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	struct opener_plan plan = { .vsock = cfg->vsock.present ? cfg->vsock.uds : NULL,
		.disks = cfg->jail.disk_dirs,
		.disk_dirs = cfg->jail.disk_dirs };

	vm->jail = cfg->jail;
	if (vm->jail.off || !needs_opener(cfg))
		return 0;
	return opener_start(&vm->opener, &plan, err);
}

/* Of the largest disk; a disk that comes later may be of any size. */
static uint64_t file_max(const struct vm *vm)
{
	uint64_t max = FILE_MIN;

	if (vm->ndisk_slots)
		return 0;
	for (unsigned i = 0; i < vm->ndisks; i++)
		max = MAX(max, virtio_blk_size(vm->device[i].mmio->dev));
	return max;
}

int vm_confine(struct vm *vm, struct err *err)
{
	struct jail jail = { .uid = vm->jail.uid ? vm->jail.uid : VM_JAIL_USER };
	int rc = 0;

	if (vm->jail.off)
		return 0;
	jail.gid = vm->jail.gid ? vm->jail.gid : jail.uid;
	jail.file_max = file_max(vm);
	if (names_first() && vm->opener.fd < 0)
		return failx(err, -EINVAL, "sandbox: nobody would remove %s at the end",
			names_first()->path);
	if (vm->opener.fd >= 0)
		rc = opener_take_names(&vm->opener, err);
	if (!rc)
		rc = jail_enter(&jail, err);
	vm->confined = !rc;
	return rc;
}

/* A thread that can't be confined must not run. */
static void narrow(enum jail_kind kind)
{
	struct err err;

	if (!jail_filter(kind, &err))
		return;
	log_error("%s", err.msg);
	_exit(1);
}

void vm_jail_vcpu(struct vcpu *v UNUSED, void *arg)
{
	const struct vm *vm = arg;

	if (vm->confined)
		narrow(JAIL_VCPU);
}

static void narrow_worker(void)
{
	narrow(JAIL_WORKER);
}

int vm_jail_threads(struct vm *vm, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; vm->confined && i < vm->ndisks + vm->ndisk_slots && !rc; i++) {
		rc = virtio_blk_settle(vm->device[i].mmio->dev, narrow_worker);
		if (rc)
			fail(err, rc, "start threads for %s", vm->device[i].id);
	}
	return rc;
}

int vm_jail_close(struct vm *vm, struct err *err)
{
	return vm->confined ? jail_filter(JAIL_LOOP, err) : 0;
}

void vm_jail_end(struct vm *vm)
{
	opener_end(&vm->opener);
}

void vm_print_policy(FILE *to)
{
	jail_print_policy(to);
}
