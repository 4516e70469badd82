/*
 * What can be chosen of the sandbox. Kata's driver has no words for it, so it is the environment:
 * SAMPAN_UID (UID[:GID]), SAMPAN_DISK_DIRS (DIR:DIR...); SAMPAN_JAIL=0: there is none, for
 * debugging, and the log says so.
 */
#ifndef SAMPAN_STRATOVIRT_JAIL_H
#define SAMPAN_STRATOVIRT_JAIL_H

#include "vm.h"

/* Fills vm->jail. *dirs is the caller's to free, after vm_new(). qmp: the socket's path, or NULL.
 */
int sv_jail(struct vm_config *vm, const char *qmp, char **dirs, struct err *err) MUST_USE;

#endif
