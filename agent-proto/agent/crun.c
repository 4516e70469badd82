/*
 * Each run has files of its own, numbered, in the container's directory: what it is given
 * (config.json, or a process, or resources), the pid that it tells, and its log, whose last error
 * is the sentence of a failure (standard error belongs to the container's process). A terminal
 * comes over a socket: crun connects and sends the master, which waits there until crun has ended.
 * See crun.h.
 */
#define _GNU_SOURCE
#include "agent/crun.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "agent/cgroup.h"

#define PATH_ROOM 256
#define ARGS_MAX  24

/* One run's places. */
struct run {
	struct agent *a;
	const char *id;
	char dir[PATH_ROOM];
	char input[PATH_ROOM], pid_file[PATH_ROOM], log[PATH_ROOM];
	char root[PATH_ROOM], console[108];
	int console_fd;
};

void crun_process_init(struct crun_process *p)
{
	*p = (struct crun_process){ .pid = 0, .in = -1, .out = -1, .err = -1 };
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void crun_process_close(struct crun_process *p)
{
	close_fd(&p->in);
	close_fd(&p->out);
	close_fd(&p->err);
}

static void make_dir(const char *path)
{
	mkdir(path, 0711); /* what fails shows in the first file */
}

static void run_init(struct run *run, struct agent *a, const char *id, const char *input)
{
	unsigned n = __atomic_add_fetch(&a->crun_runs, 1, __ATOMIC_RELAXED);
	const char *base = a->config.run_dir;

	run->a = a;
	run->id = id;
	run->console_fd = -1;
	snprintf(run->dir, sizeof(run->dir), "%s/agent/bundle/%s", base, id);
	snprintf(run->root, sizeof(run->root), "%s/agent/crun", base);
	if (input)
		snprintf(run->input, sizeof(run->input), "%s/agent/bundle/%s/%s", base, id, input);
	else
		snprintf(run->input, sizeof(run->input), "%s/agent/bundle/%s/%u.json", base, id, n);
	snprintf(run->pid_file, sizeof(run->pid_file), "%s/agent/bundle/%s/%u.pid", base, id, n);
	snprintf(run->log, sizeof(run->log), "%s/agent/bundle/%s/%u.log", base, id, n);
	snprintf(run->console, sizeof(run->console), "%s/agent/%u.tty", base, n);
}

static void run_end(struct run *run)
{
	unlink(run->pid_file);
	unlink(run->log);
	if (run->console_fd >= 0)
		unlink(run->console);
	close_fd(&run->console_fd);
}

/* crun's last complaint, from its log: an object a line, {"msg": ..., "level": "error"}. */
static bool log_error_line(const char *path, char *out, size_t len)
{
	char text[4096];
	bool found = false;
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	if (lseek(fd, -(off_t)(sizeof(text) - 1), SEEK_END) < 0)
		lseek(fd, 0, SEEK_SET);
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	for (char *line = text, *end; line && *line; line = end ? end + 1 : NULL) {
		json_t *object;
		const char *msg, *level;

		end = strchr(line, '\n');
		object = json_loadb(line, end ? (size_t)(end - line) : strlen(line), 0, NULL);
		msg = json_string_value(json_object_get(object, "msg"));
		level = json_string_value(json_object_get(object, "level"));
		if (msg && *msg && (!level || !strcmp(level, "error"))) {
			snprintf(out, len, "%s", msg);
			found = true;
		}
		json_decref(object);
	}
	return found;
}

/* crun with its global options, then words (a NULL-terminated list), then the container's id. */
static int crun(struct run *run, const char *const *words, const struct crun_process *stdio,
	unsigned timeout_ms, struct err *err)
{
	const char *argv[ARGS_MAX] = { run->a->config.crun, "--root", run->root, "--cgroup-manager",
		"cgroupfs", "--log", run->log, "--log-format", "json" };
	struct command cmd = { .argv = argv, .in = -1, .out = -1, .timeout_ms = timeout_ms };
	char said[400];
	size_t n = 9;
	int rc;

	for (; *words && n < ARGS_MAX - 2; words++)
		argv[n++] = *words;
	argv[n++] = run->id;
	argv[n] = NULL;
	if (stdio) {
		cmd.in = stdio->in;
		cmd.out = stdio->out;
		if (stdio->err >= 0)
			cmd.err = &stdio->err;
	}
	rc = command_run(run->a->reaper, &cmd, err);
	if (rc == -EIO && log_error_line(run->log, said, sizeof(said)))
		failx(err, rc, "%s", said);
	return rc;
}

static int write_json(const char *path, json_t *json, struct err *err)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(err, -errno, "write %s", path);
	if (json_dumpfd(json, fd, JSON_COMPACT))
		return failx(err, -EIO, "write %s: no space or no memory", path);
	return 0;
}

static int read_pid(const char *path, pid_t *pid, struct err *err)
{
	char text[32] = "";
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *end;
	long value = n > 0 ? strtol(text, &end, 10) : 0;

	if (value <= 1 || value > INT32_MAX)
		return failx(err, -EIO, "crun did not tell the process's pid");
	*pid = (pid_t)value;
	return 0;
}

static int console_listen(struct run *run, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	run->console_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (run->console_fd < 0)
		return fail(err, -errno, "make a console socket");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", run->console);
	unlink(run->console);
	if (bind(run->console_fd, (struct sockaddr *)&sun, sizeof(sun)) ||
		listen(run->console_fd, 1))
		return fail(err, -errno, "listen on %s", run->console);
	return 0;
}

/* The master that crun has sent. */
static int console_receive(struct run *run, struct crun_process *p, struct err *err)
{
	char name[256];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { name, sizeof(name) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	AUTO_FD conn = accept4(run->console_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct cmsghdr *c;

	if (conn < 0 || recvmsg(conn, &msg, MSG_CMSG_CLOEXEC) < 0)
		return fail(err, -errno, "receive the terminal from crun");
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return failx(err, -EIO, "crun sent no terminal");
	memcpy(&p->out, CMSG_DATA(c), sizeof(int));
	p->in = fcntl(p->out, F_DUPFD_CLOEXEC, 0);
	return p->in < 0 ? fail(err, -errno, "take the terminal from crun") : 0;
}

static int pipe_pair(int *ours, int *its, bool we_write, uint32_t size)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	if (size)
		fcntl(p[0], F_SETPIPE_SZ, size);
	*ours = p[we_write];
	*its = p[!we_write];
	return 0;
}

static int open_pipes(struct agent *a, struct crun_process *ours, struct crun_process *its)
{
	uint32_t size = a->config.pipe_size;
	int rc = pipe_pair(&ours->in, &its->in, true, size);

	if (!rc)
		rc = pipe_pair(&ours->out, &its->out, false, size);
	if (!rc)
		rc = pipe_pair(&ours->err, &its->err, false, size);
	return rc;
}

/* create or exec: the same files, streams and answer. */
static int launch(struct run *run, const char *const *words, json_t *input, struct crun_process *p,
	struct err *err)
{
	struct crun_process its;
	int rc = write_json(run->input, input, err);

	crun_process_init(&its);
	if (!rc && p->tty)
		rc = console_listen(run, err);
	else if (!rc && (rc = open_pipes(run->a, p, &its)))
		fail(err, rc, "make pipes");
	if (!rc)
		rc = crun(run, words, p->tty ? NULL : &its, run->a->config.launch_timeout_ms, err);
	crun_process_close(&its);
	if (!rc)
		rc = read_pid(run->pid_file, &p->pid, err);
	if (!rc && p->tty)
		rc = console_receive(run, p, err);
	if (rc)
		crun_process_close(p);
	run_end(run);
	return rc;
}

int crun_create(struct agent *a, const char *id, json_t *config, struct crun_process *p,
	struct err *err)
{
	char up[PATH_ROOM];
	struct run run;
	const char *words[] = { "create", "--bundle", run.dir, "--pid-file", run.pid_file,
		"--no-new-keyring", p->tty ? "--console-socket" : NULL, run.console, NULL };
	int rc;

	run_init(&run, a, id, "config.json");
	snprintf(up, sizeof(up), "%s/agent", a->config.run_dir);
	make_dir(up);
	snprintf(up, sizeof(up), "%s/agent/bundle", a->config.run_dir);
	make_dir(up);
	make_dir(run.dir);
	rc = launch(&run, words, config, p, err);
	if (rc) {
		struct err ignored;

		if (crun_delete(a, id, 0, &ignored))
			log_debug("after a failed create: %s", ignored.msg);
	}
	return rc;
}

int crun_exec(struct agent *a, const char *id, json_t *process, struct crun_process *p,
	struct err *err)
{
	struct run run;
	const char *words[] = { "exec", "--detach", "--process", run.input, "--pid-file",
		run.pid_file, p->tty ? "--console-socket" : NULL, run.console, NULL };
	int rc;

	run_init(&run, a, id, NULL);
	rc = launch(&run, words, process, p, err);
	unlink(run.input);
	return rc;
}

int crun_start(struct agent *a, const char *id, struct err *err)
{
	const char *words[] = { "start", NULL };
	struct run run;
	int rc;

	run_init(&run, a, id, NULL);
	rc = crun(&run, words, NULL, a->config.launch_timeout_ms, err);
	run_end(&run);
	return rc;
}

int crun_update(struct agent *a, const char *id, json_t *resources, struct err *err)
{
	struct run run;
	const char *words[] = { "update", "--resources", run.input, NULL };
	int rc;

	run_init(&run, a, id, NULL);
	rc = write_json(run.input, resources, err);
	if (!rc)
		rc = crun(&run, words, NULL, a->config.launch_timeout_ms, err);
	unlink(run.input);
	run_end(&run);
	return rc;
}

int crun_delete(struct agent *a, const char *id, unsigned timeout_ms, struct err *err)
{
	const char *words[] = { "delete", "--force", NULL };
	char cgroup[PATH_ROOM];
	struct err ignored;
	struct run run;
	int rc;

	run_init(&run, a, id, "config.json");
	cgroup_container_path(cgroup, sizeof(cgroup), id);
	if (cgroup_kill(a->config.cgroup_root, cgroup, &ignored))
		log_debug("kill %s: %s", id, ignored.msg);
	rc = crun(&run, words, NULL, timeout_ms ? timeout_ms : a->config.launch_timeout_ms, err);
	run_end(&run);
	if (cgroup_remove(a->config.cgroup_root, cgroup, &ignored))
		log_debug("remove the cgroup of %s: %s", id, ignored.msg);
	unlink(run.input);
	rmdir(run.dir);
	return rc;
}
