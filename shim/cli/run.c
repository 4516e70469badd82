/*
 * `sampan run`: makes a VM of the words, serves it and its API socket in one loop, and ends with a
 * status that says how the guest ended.
 *
 * Whatever ends it (the guest, a signal, `quit`, Ctrl-A X) only stops the VM and the loop;
 * everything is given back in one place, in reverse order, so that sockets and the pid file go and
 * the terminal is restored on every way out. Signals are blocked before any thread exists and read
 * from a signalfd.
 * syscall(setup): rt_sigaction, rt_sigprocmask, signalfd4, openat: signals and the log file
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include "core/streams.h"
#include "shim/cli/cli.h"
#include "shim/cli/pidfile.h"
#include "shim/cli/run_opts.h"
#include "shim/qmp/block_commands.h"
#include "shim/qmp/vm_commands.h"

#define QEMU_MAJOR 5 /* the version whose QMP is meant; clients of Kata's kind refuse less */

struct run {
	struct run_opts opts;
	struct loop *loop;
	struct qmp_vm vm; /* .vm: the machine */
	struct qmp_blocks blocks;
	struct qmp_fds fds;
	struct qmp_table tables[3];
	struct qmp_dialect dialect;
	struct qmp_server *api;
	struct pidfile pidfile;
	struct watch signals;
	struct deferred stop;
	int signal; /* that ended it; 0: none */
	int log_fd;
	struct err err; /* why the VM could not start or go on; empty: no reason to complain */
};

/* what may happen */

static void on_event(void *arg, int event, const char *detail)
{
	struct run *r = arg;
	struct vm_info info;

	if (event == VM_EVENT_FAILED)
		failx(&r->err, -EIO, "the VM can't go on: %s", detail ? detail : "KVM failed");
	qmp_vm_event(r->api, &r->vm, (enum vm_event)event);
	vm_query(r->vm.vm, &info);
	if (info.state == VM_STOPPED)
		loop_quit(r->loop);
}

static void stop_now(struct deferred *d)
{
	struct run *r = container_of(d, struct run, stop);

	vm_stop(r->vm.vm);
	loop_quit(r->loop);
}

/*
 * Deferred: the caller is a command whose reply is still to be sent, or a console in the middle of
 * its input.
 */
static void stop_soon(void *arg)
{
	struct run *r = arg;

	loop_defer(r->loop, &r->stop);
}

static void on_signal(struct watch *w, uint32_t events UNUSED)
{
	struct run *r = container_of(w, struct run, signals);
	struct signalfd_siginfo info;

	/* syscall(loop): read: a signal */
	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	r->signal = (int)info.ssi_signo;
	stop_soon(r);
}

/* setting up, in order */

/* Ends by SIGHUP only when the caller did not arrange to outlive its terminal (nohup). */
static int catch_signals(struct run *r, struct err *err)
{
	struct sigaction hup = { 0 };
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaction(SIGHUP, NULL, &hup);
	if (hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a disk that may not grow is the guest's I/O error */
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals.fd < 0)
		return fail(err, -errno, "catch signals");
	rc = loop_add(r->loop, &r->signals, r->signals.fd, EPOLLIN, on_signal);
	return rc ? fail(err, rc, "catch signals") : 0;
}

/* Non-blocking: a pipe that nobody reads must not stop the machine. */
static int open_log(struct run *r, struct err *err)
{
	const char *path = r->opts.log_file;

	if (r->opts.vm.jail.off)
		log_warn("no sandbox: --no-jail was given");
	if (path) {
		r->log_fd = open(path,
			O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
		if (r->log_fd < 0)
			return fail(err, -errno, "open log file %s", path);
	}
	log_setup(path ? r->log_fd : STDERR_FILENO, r->opts.log_level, "sampan");
	return 0;
}

/* The disks of the start, by the names that the machine gives them. */
static int list_disks(struct run *r, struct err *err)
{
	const struct vm_config *cfg = &r->opts.vm;
	char id[24];
	int rc = 0;

	r->blocks.slots = cfg->ndisks + cfg->disk_slots;
	r->blocks.fds = &r->fds;
	for (unsigned i = 0; i < cfg->ndisks && !rc; i++) {
		snprintf(id, sizeof(id), "disk%u", i);
		rc = qmp_blocks_fixed(&r->blocks, i, id, id, cfg->disks[i].path,
			cfg->disks[i].readonly, err);
	}
	return rc;
}

static int open_api(struct run *r, struct err *err)
{
	int rc = r->opts.api ? list_disks(r, err) : 0;

	r->tables[0] = qmp_vm_table(&r->vm);
	r->tables[1] = qmp_blocks_table(&r->blocks);
	r->tables[2] = qmp_fds_table(&r->fds);
	r->dialect = (struct qmp_dialect){ .major = QEMU_MAJOR,
		.package = "sampan " SAMPAN_VERSION,
		.tables = r->tables,
		.ntables = ARRAY_SIZE(r->tables),
		.fds = &r->fds };
	if (!rc && r->opts.api)
		rc = qmp_server_new(&r->api, r->opts.api, &r->dialect, r->loop, err);
	r->blocks.server = r->api;
	return rc;
}

static int set_up(struct run *r, struct err *err)
{
	int rc = open_log(r, err);

	if (!rc)
		rc = loop_new(&r->loop, err);
	if (!rc)
		rc = catch_signals(r, err);
	if (!rc && r->opts.pid_file)
		rc = pidfile_write(&r->pidfile, r->opts.pid_file, err);
	if (!rc)
		rc = open_api(r, err);
	if (!rc)
		rc = vm_new(&r->vm.vm, &r->opts.vm, r->loop, err);
	if (!rc)
		rc = vm_confine(r->vm.vm, err);
	r->blocks.vm = r->vm.vm;
	if (!rc)
		rc = vm_start(r->vm.vm, err);
	return rc;
}

static void tear_down(struct run *r)
{
	if (r->loop)
		loop_undefer(r->loop, &r->stop);
	qmp_server_free(r->api);
	r->api = r->blocks.server = NULL;
	vm_free(r->vm.vm);
	qmp_blocks_fini(&r->blocks);
	pidfile_remove(&r->pidfile);
	if (r->signals.fd >= 0) {
		loop_remove(r->loop, &r->signals);
		close(r->signals.fd);
	}
	loop_free(r->loop);
	log_setup(STDERR_FILENO, r->opts.log_level, "sampan");
	auto_fd_close(&r->log_fd);
}

static int run(struct run *r)
{
	int status = STATUS_ERROR;

	streams_keep(r->opts.fds, r->opts.nfds);
	r->signals.fd = r->pidfile.fd = r->log_fd = -1;
	r->stop.fn = stop_now;
	r->vm.quit = stop_soon;
	r->vm.arg = r->opts.vm.arg = r;
	r->opts.vm.on_event = on_event;
	r->opts.vm.on_escape = stop_soon;
	if (!set_up(r, &r->err)) {
		*r->err.msg = 0; /* what was tried in vain on the way is no complaint */
		loop_run(r->loop);
		status = exit_status(r->vm.vm, r->signal);
	}
	tear_down(r);
	return *r->err.msg ? cli_error(r->err.msg) : status;
}

int cmd_run(int argc, char **argv)
{
	struct run *r;
	struct err err = { 0 };
	int status;

	if (cli_wants_help(argc, argv)) {
		run_opts_help(stdout);
		return STATUS_OK;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return cli_error("out of memory");
	if (run_opts_parse(&r->opts, argc, argv, &err)) {
		status = cli_usage("run", err.msg);
	} else if (r->opts.help) {
		run_opts_help(stdout);
		status = STATUS_OK;
	} else {
		status = run(r);
	}
	run_opts_free(&r->opts);
	free(r);
	return status;
}
