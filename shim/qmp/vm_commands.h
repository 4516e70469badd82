/*
 * The commands and events that concern the machine, over vm.h alone: a table that every front with
 * QMP serves. Owner: the front, which keeps struct qmp_vm as the table's context; loop thread only.
 */
#ifndef SAMPAN_QMP_VM_COMMANDS_H
#define SAMPAN_QMP_VM_COMMANDS_H

#include "shim/qmp/server.h"
#include "vm.h"

struct qmp_vm {
	struct vm *vm;
	/* For "quit": must only arrange for the end, as the reply is still to be sent. */
	void (*quit)(void *arg);
	/* For "system_powerdown"; also only arranges. NULL: there is no power button. */
	void (*powerdown)(void *arg);
	void *arg;
	bool quitting, resetting; /* set by "quit" and "system_reset": the events tell why */
};

struct qmp_table qmp_vm_table(struct qmp_vm *q);

/* What a front's vm_config.on_event hands on. server may be NULL. */
void qmp_vm_event(struct qmp_server *server, struct qmp_vm *q, enum vm_event event);

#endif
