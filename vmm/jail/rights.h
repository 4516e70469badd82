/* What a process gives up, one thing a function; jail_enter() and the opener call them in order. */
#ifndef SAMPAN_JAIL_RIGHTS_H
#define SAMPAN_JAIL_RIGHTS_H

#include <sys/types.h>
#include "core/err.h"

/* The words of the environment, in place: /proc/PID/environ shows what was there. */
void rights_forget_environment(void);

/* Files, core dumps, sizes of files. file_max 0: sizes stay as they are. */
int rights_limit(uint64_t file_max, struct err *err) MUST_USE;

/* All five sets, as far as the process may: without CAP_SETPCAP the bounding set stays. */
int rights_drop_bounding(struct err *err) MUST_USE;
int rights_drop_capabilities(struct err *err) MUST_USE;
/* But for the one that lets root open what it does not own; without root as above. */
int rights_keep_file_access(struct err *err) MUST_USE;

/* No groups but gid, no user but uid; as root, or in a user namespace of one's own. */
int rights_become(uid_t uid, gid_t gid, struct err *err) MUST_USE;

/* No program can give it more, nobody without root can look into it. */
int rights_seal(struct err *err) MUST_USE;

/* Landlock: no file, no TCP port, no signal, no abstract socket that is not there yet. 0 too where
 * the kernel has none: *abi is then 0. */
int rights_landlock(int *abi, struct err *err) MUST_USE;
/* Files beneath these directories can be read and written, no others, and none can be made. */
int rights_landlock_disks(const int *dirs, unsigned n, struct err *err) MUST_USE;

#endif
