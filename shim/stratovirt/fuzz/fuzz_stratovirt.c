/*
 * Fuzzes the command line of Kata's StratoVirt driver: the input is the words, separated by NUL.
 * Whatever they are, they are a machine within its limits or one sentence.
 */
#include "shim/stratovirt/config.h"

#include <string.h>
#include "core/log.h"

#define WORDS 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool yes)
{
	if (!yes)
		abort();
}

static void check(const struct vm_config *vm)
{
	must(vm->kernel && *vm->kernel);
	must(vm->cpus >= 1 && vm->cpus <= VM_MAX_CPUS && vm->max_cpus <= VM_MAX_CPUS);
	must(vm->mem_size && vm->mem_size % (2 * MiB) == 0);
	must(vm->ndisks <= SV_MAX && vm->nnets <= SV_MAX && vm->nconsoles <= 1);
	must(vm->disk_slots <= VM_MAX_VIRTIO);
	for (unsigned i = 0; i < vm->ndisks; i++)
		must(vm->disks[i].path && (!vm->disks[i].id || strlen(vm->disks[i].id) <= 20));
	for (unsigned i = 0; i < vm->nnets; i++)
		must(vm->nets[i].nfds <= VM_MAX_NET_QUEUES &&
			!vm->nets[i].tap != !vm->nets[i].nfds);
	for (unsigned i = 0; i < vm->nfilesystems; i++)
		must(vm->filesystems[i].socket && vm->filesystems[i].tag && vm->mem.shared);
	must(!vm->vsock.present || vm->vsock.cid >= 3);
}

static void run(int argc, char *const *argv)
{
	AUTO_FREE struct sv_options *o = calloc(1, sizeof(*o));
	AUTO_FREE struct sv_config *c = calloc(1, sizeof(*c));
	struct err err = { 0 };

	if (!o || !c)
		return;
	if (sv_options_parse(o, argc, argv, &err))
		must(*err.msg);
	else if (!o->help && !o->version && sv_config_make(c, o, &err))
		must(*err.msg);
	else if (!o->help && !o->version)
		check(&c->vm);
	sv_options_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = malloc(size + 1);
	char *argv[WORDS];
	int argc = 0;

	if (!copy)
		return 0;
	log_setup(2, LOG_ERROR, "fuzz");
	memcpy(copy, data, size);
	copy[size] = 0;
	for (size_t at = 0; at < size && argc < WORDS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	run(argc, argv);
	return 0;
}
