/*
 * The words of `sampan run` as a struct vm_config. Parsing and checks only: nothing is opened, so
 * it is tested natively.
 *
 * A struct run_opts owns what its vm_config points to (arrays inside, texts in texts) and points
 * into argv; it must outlive vm_new().
 */
#ifndef SAMPAN_CLI_RUN_OPTS_H
#define SAMPAN_CLI_RUN_OPTS_H

#include "core/log.h"
#include "shim/opts/opts.h"
#include "vm.h"

#define RUN_DISKS    26 /* vda to vdz */
#define RUN_NETS     16
#define RUN_CONSOLES 16
#define RUN_FS	     16
#define RUN_FDS	     (RUN_NETS * VM_MAX_NET_QUEUES + RUN_CONSOLES + 2)
#define RUN_APPEND                                                                                 \
	1023 /* bytes of command line that a RISC-V kernel keeps (COMMAND_LINE_SIZE, less the NUL) \
	      */

struct run_opts {
	struct vm_config vm;
	struct vm_disk disks[RUN_DISKS];
	struct vm_net nets[RUN_NETS];
	struct vm_console consoles[RUN_CONSOLES];
	struct vm_fs filesystems[RUN_FS];
	const char *api, *log_file, *pid_file;
	enum log_level log_level;
	unsigned reboot;
	bool console_given, help;
	int fds[RUN_FDS]; /* inherited ones that something takes over */
	unsigned nfds;
	struct opts_texts texts;
};

/*
 * Fills *o, defaults included. Returns -EINVAL and the like with a sentence for what the user got
 * wrong.
 */
int run_opts_parse(struct run_opts *o, int argc, char *const *argv, struct err *err) MUST_USE;
void run_opts_free(struct run_opts *o);

void run_opts_help(FILE *to);

#endif
