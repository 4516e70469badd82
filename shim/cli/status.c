/* See status.h. */
#include "shim/cli/status.h"

int exit_status(const struct vm *vm, int signal)
{
	struct vm_info info;

	vm_query(vm, &info);
	switch (info.end) {
	case VM_END_POWEROFF:
		return STATUS_OK;
	case VM_END_REBOOT:
		return STATUS_REBOOT;
	case VM_END_PANIC:
		return STATUS_PANIC;
	case VM_END_HOST:
		return signal ? STATUS_SIGNAL + signal : STATUS_OK;
	case VM_END_NONE:
	case VM_END_FAILED:
		break;
	}
	return STATUS_ERROR;
}
