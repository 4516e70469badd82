/*
 * A machine of a few fields behind vm.h's life-cycle and query calls, for tests and fuzzers of what
 * talks to a machine. Its owner makes one on the stack, all zero: created, no vCPU.
 */
#ifndef SAMPAN_QMP_TEST_FAKE_VM_H
#define SAMPAN_QMP_TEST_FAKE_VM_H

#include "vm.h"

struct vm {
	struct vm_info info;
	bool stubborn; /* pause, resume, reset, plugging and unplugging fail */
	unsigned resets;
	/* Disks: a slot's bit is set while it is full; the last one's path, id and so on. */
	uint64_t full;
	struct vm_disk disk;
	char disk_path[64], disk_id[24];
	void (*on_event)(void *arg, int event);
	void *arg;
};

#endif
