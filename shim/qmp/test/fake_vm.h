/*
 * A machine of a few fields behind vm.h's life-cycle and query calls, for tests and fuzzers of what
 * talks to a machine. Its owner makes one on the stack, all zero: created, no vCPU.
 */
#ifndef SAMPAN_QMP_TEST_FAKE_VM_H
#define SAMPAN_QMP_TEST_FAKE_VM_H

#include "vm.h"

struct vm {
	struct vm_info info;
	bool stubborn; /* pause, resume and reset fail */
	unsigned resets;
	void (*on_event)(void *arg, int event);
	void *arg;
};

#endif
