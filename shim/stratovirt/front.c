/*
 * The machine, its QMP socket and its caller in one loop; see front.h.
 *
 * What may end it (the guest, QMP, a signal, the caller's death) becomes an event of life.h's
 * table; what the table orders is done in a deferred function, since the event may come from
 * within a command whose reply is still to be sent. The caller is watched through a pidfd: the
 * parent-death signal is bound to a thread, and Kata's runtime has many. The QMP socket appears
 * last, so that everything else (the console's socket) is there when it answers.
 * syscall(setup): rt_sigaction, rt_sigprocmask, signalfd4, getppid, pidfd_open, fcntl(F_SETFD),
 * fstat, openat: signals, the caller, the log
 */
#define _GNU_SOURCE
#include "shim/stratovirt/front.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "core/log.h"
#include "core/streams.h"
#include "shim/cli/pidfile.h"
#include "shim/qmp/block_commands.h"
#include "shim/qmp/vm_commands.h"
#include "shim/stratovirt/config.h"
#include "shim/stratovirt/jail.h"
#include "shim/stratovirt/life.h"

#define QEMU_MAJOR 5			/* the version whose QMP is meant; Kata refuses less */
#define SECOND	   UINT64_C(1000000000) /* ns */

struct front {
	struct sv_options *options;
	struct sv_config config;
	struct loop *loop;
	struct qmp_vm vm; /* .vm: the machine */
	struct qmp_blocks blocks;
	struct qmp_fds fds;
	struct qmp_table tables[3];
	struct qmp_dialect dialect;
	struct qmp_server *qmp;
	struct pidfile pidfile;
	struct watch signals, caller;
	struct timer stay;
	bool has_stay;
	struct deferred act;
	enum life_state state;
	unsigned todo; /* LIFE_STOP ... */
	int signal;    /* that ended it; 0: none */
	int log_fd;
	char *disk_dirs; /* that disks may come from later */
};

int front_error(int status, const char *sentence)
{
	printf(FRONT_NAME ": %s\n", sentence);
	fflush(stdout);
	return status;
}

/* what may happen */

static void act(struct deferred *d)
{
	struct front *f = container_of(d, struct front, act);
	unsigned todo = f->todo;

	f->todo = 0;
	if (todo & LIFE_STOP)
		vm_stop(f->vm.vm);
	if (todo & LIFE_WAIT)
		timer_set(&f->stay, LIFE_STAY_S * SECOND, 0);
	if (todo & LIFE_WAIT_ALONE)
		timer_set(&f->stay, LIFE_ALONE_S * SECOND, 0);
	if (todo & LIFE_LEAVE)
		loop_quit(f->loop);
}

static void happened(struct front *f, enum life_event event)
{
	struct life_step step = life_step(f->state, event);

	f->state = step.next;
	f->todo |= step.todo;
	if (f->todo)
		loop_defer(f->loop, &f->act);
}

static void on_event(void *arg, int event, const char *detail)
{
	struct front *f = arg;
	struct vm_info info;

	if (event == VM_EVENT_FAILED)
		log_error("the VM can't go on: %s", detail ? detail : "KVM failed");
	qmp_vm_event(f->qmp, &f->vm, (enum vm_event)event);
	vm_query(f->vm.vm, &info);
	if (info.state != VM_STOPPED)
		return;
	log_info("the guest %s", vm_end_text(info.end));
	happened(f, LIFE_ENDED);
}

static void on_quit(void *arg)
{
	happened(arg, LIFE_QUIT);
}

static void on_powerdown(void *arg)
{
	happened(arg, LIFE_POWERDOWN);
}

static void on_signal(struct watch *w, uint32_t events UNUSED)
{
	struct front *f = container_of(w, struct front, signals);
	struct signalfd_siginfo info;

	/* syscall(loop): read: a signal */
	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	f->signal = (int)info.ssi_signo;
	happened(f, LIFE_SIGNAL);
}

static void on_caller(struct watch *w, uint32_t events UNUSED)
{
	struct front *f = container_of(w, struct front, caller);

	loop_remove(f->loop, w);
	log_warn("the process that started this one is gone; the VM has %d seconds", LIFE_ALONE_S);
	happened(f, LIFE_ORPHANED);
}

static void on_time_up(struct timer *t)
{
	happened(container_of(t, struct front, stay), LIFE_TIME_UP);
}

/* setting up, in order */

static int catch_signals(struct front *f, struct err *err)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGHUP, SIG_IGN); /* it ends with its caller, not with a terminal */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a disk that may not grow is the guest's I/O error */
	sigprocmask(SIG_BLOCK, &set, NULL);
	f->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signals.fd < 0)
		return fail(err, -errno, "catch signals");
	rc = loop_add(f->loop, &f->signals, f->signals.fd, EPOLLIN, on_signal);
	return rc ? fail(err, rc, "catch signals") : 0;
}

/* A parent in another pid namespace is number 0 and can't be watched. One that died before the
 * pidfd was there is no parent any more, and its successor is no caller. */
static int watch_caller(struct front *f, struct err *err)
{
	pid_t parent = getppid();
	int rc;

	if (!parent)
		return 0;
	f->caller.fd = (int)syscall(SYS_pidfd_open, parent, 0);
	if (f->caller.fd < 0 && errno != ESRCH)
		return fail(err, -errno, "watch the calling process %d", (int)parent);
	if (f->caller.fd < 0 || getppid() != parent)
		return failx(err, -ESRCH, "the calling process %d is gone", (int)parent);
	fcntl(f->caller.fd, F_SETFD, FD_CLOEXEC);
	rc = loop_add(f->loop, &f->caller, f->caller.fd, EPOLLIN, on_caller);
	return rc ? fail(err, rc, "watch the calling process %d", (int)parent) : 0;
}

/* Standard output again, as a descriptor of its own that does not block: a pipe that nobody reads
 * must not stop the machine. */
static int reopen_stdout(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return -1;
	return open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static int open_log(struct front *f, struct err *err)
{
	static const char *const tags[] = { ": ", ":WARN: ", ":INFO: ", ":INFO: debug: " };
	const char *path = f->options->log_file, *wish = getenv("STRATOVIRT_LOG_LEVEL");
	int level = log_level_parse(wish && strcmp(wish, "trace") ? wish : wish ? "debug" : "info");

	if (!path) {
		f->log_fd = reopen_stdout();
	} else {
		f->log_fd = open(path,
			O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
		if (f->log_fd < 0)
			return fail(err, -errno, "open log file %s", path);
	}
	log_tags(tags); /* Kata's driver looks for ":INFO: " and ":WARN: "; the rest are errors */
	log_setup(f->log_fd < 0 ? STDOUT_FILENO : f->log_fd,
		level < 0 ? LOG_INFO : (enum log_level)level, FRONT_NAME);
	if (f->options->no_seccomp)
		log_info("-disable-seccomp is accepted and ignored");
	if (f->options->repeated)
		log_warn("%u options repeat others to the letter and count once",
			f->options->repeated);
	return 0;
}

static int make_machine(struct front *f, struct err *err)
{
	struct vm_config *cfg = &f->config.vm;
	int rc = 0;

	cfg->on_event = on_event;
	cfg->arg = f;
	f->blocks.slots = cfg->ndisks + cfg->disk_slots;
	for (unsigned i = 0; i < cfg->ndisks && !rc; i++)
		rc = qmp_blocks_fixed(&f->blocks, i, f->config.disk_names[i].drive,
			f->config.disk_names[i].device, f->config.disks[i].path,
			f->config.disks[i].readonly, err);
	if (!rc)
		rc = sv_jail(cfg, f->options->qmp, &f->disk_dirs, err);
	if (!rc)
		rc = vm_new(&f->vm.vm, cfg, f->loop, err);
	f->blocks.vm = f->vm.vm;
	return rc;
}

static int open_qmp(struct front *f, struct err *err)
{
	int rc;

	if (!f->options->qmp)
		return 0;
	f->vm.quit = on_quit;
	f->vm.powerdown = on_powerdown;
	f->vm.arg = f;
	f->tables[0] = qmp_vm_table(&f->vm);
	f->tables[1] = qmp_blocks_table(&f->blocks);
	f->tables[2] = qmp_fds_table(&f->fds);
	f->dialect = (struct qmp_dialect){ .major = QEMU_MAJOR,
		.micro = 1,
		.package = "sampan " SAMPAN_VERSION,
		.tables = f->tables,
		.ntables = ARRAY_SIZE(f->tables),
		.fds = &f->fds };
	f->blocks.fds = &f->fds;
	rc = qmp_server_new(&f->qmp, f->options->qmp, &f->dialect, f->loop, err);
	f->blocks.server = f->qmp;
	return rc;
}

static int set_up(struct front *f, struct err *err)
{
	int rc = loop_new(&f->loop, err);

	if (!rc)
		rc = catch_signals(f, err);
	if (!rc)
		rc = watch_caller(f, err);
	if (!rc) {
		rc = timer_init(f->loop, &f->stay, on_time_up);
		f->has_stay = !rc;
		if (rc)
			fail(err, rc, "create a timer");
	}
	if (!rc && f->options->pid_file)
		rc = pidfile_write(&f->pidfile, f->options->pid_file, err);
	if (!rc)
		rc = make_machine(f, err);
	if (!rc)
		rc = open_qmp(f, err);
	if (!rc)
		rc = vm_confine(f->vm.vm, err);
	if (!rc)
		rc = vm_start(f->vm.vm, err);
	return rc;
}

static void close_watch(struct front *f, struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(f->loop, w);
	auto_fd_close(&w->fd);
}

static void tear_down(struct front *f)
{
	if (f->loop)
		loop_undefer(f->loop, &f->act);
	qmp_server_free(f->qmp);
	f->qmp = f->blocks.server = NULL;
	vm_free(f->vm.vm);
	qmp_blocks_fini(&f->blocks);
	pidfile_remove(&f->pidfile);
	if (f->has_stay)
		timer_fini(f->loop, &f->stay);
	close_watch(f, &f->caller);
	close_watch(f, &f->signals);
	loop_free(f->loop);
}

static int run(struct front *f)
{
	struct err err = { 0 };
	int status = STATUS_ERROR, rc;

	f->config.fds[f->config.nfds] = f->log_fd; /* it has a place of its own there */
	streams_keep(f->config.fds, f->config.nfds + 1);
	rc = set_up(f, &err);
	if (!rc) {
		log_info("VM %s runs: %u vCPUs, %llu MiB",
			f->config.vm.name ? f->config.vm.name : "", f->config.vm.cpus,
			(unsigned long long)(f->config.vm.mem_size / MiB));
		loop_run(f->loop);
		status = exit_status(f->vm.vm, f->signal);
	}
	tear_down(f);
	return rc ? front_error(STATUS_ERROR, err.msg) : status;
}

int front_run(struct sv_options *options)
{
	AUTO_FREE struct front *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	int status;

	if (!f)
		return front_error(STATUS_ERROR, "out of memory");
	f->signals.fd = f->caller.fd = f->pidfile.fd = f->log_fd = -1;
	f->act.fn = act;
	f->options = options;
	if (open_log(f, &err))
		status = front_error(STATUS_ERROR, err.msg);
	else if (sv_config_make(&f->config, options, &err))
		status = front_error(STATUS_USAGE, err.msg);
	else
		status = run(f);
	log_setup(STDOUT_FILENO, LOG_WARN, FRONT_NAME);
	auto_fd_close(&f->log_fd);
	free(f->disk_dirs);
	return status;
}
