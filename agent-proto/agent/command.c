/*
 * A program run to its end: posix_spawn (which borrows our memory like vfork, so a big agent costs
 * nothing), its pipes served by poll in the calling thread, its status from the reaper. A program
 * may leave a child behind that keeps a pipe open (crun's container does), so the pipes are read
 * only until the program itself has ended. See reap.h.
 */
#define _GNU_SOURCE
#include "agent/reap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STDERR_KEPT 1024
#define OUTPUT_MAX  (64 * KiB)

extern char **environ;

struct running {
	const struct command *cmd;
	struct reap_child child;
	int in, out, err;		    /* our ends; -1: closed */
	int child_in, child_out, child_err; /* its ends; -1 when not ours to close */
	int null;
	size_t written;
	char *output;
	size_t output_len, output_room;
	char tail[STDERR_KEPT]; /* the last bytes of stderr */
	size_t tail_len;
	int64_t deadline;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void release(struct running *run)
{
	close_fd(&run->in);
	close_fd(&run->out);
	close_fd(&run->err);
	close_fd(&run->child_in);
	close_fd(&run->child_out);
	close_fd(&run->child_err);
	close_fd(&run->null);
	free(run->output);
}

static int pipe_to(int *ours, int *its, bool we_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	*ours = p[we_write];
	*its = p[!we_write];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return 0;
}

static int make_pipes(struct running *run)
{
	const struct command *cmd = run->cmd;
	int rc = 0;

	run->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (run->null < 0)
		return -errno;
	if (cmd->input)
		rc = pipe_to(&run->in, &run->child_in, true);
	if (!rc && cmd->output)
		rc = pipe_to(&run->out, &run->child_out, false);
	if (!rc && !cmd->err)
		rc = pipe_to(&run->err, &run->child_err, false);
	return rc;
}

static int pick(int pipe_end, int given, int null)
{
	if (pipe_end >= 0)
		return pipe_end;
	return given >= 0 ? given : null;
}

static int spawn(struct running *run, pid_t *pid)
{
	const struct command *cmd = run->cmd;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, reset;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&actions, pick(run->child_in, cmd->in, run->null), 0);
	posix_spawn_file_actions_adddup2(&actions, pick(run->child_out, cmd->out, run->null), 1);
	posix_spawn_file_actions_adddup2(&actions,
		pick(run->child_err, cmd->err ? *cmd->err : -1, run->null), 2);
	sigemptyset(&none);
	sigemptyset(&reset);
	sigaddset(&reset, SIGPIPE);
	sigaddset(&reset, SIGCHLD);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &reset);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(pid, cmd->argv[0], &actions, &attr, (char *const *)(uintptr_t)cmd->argv,
		cmd->envp ? (char *const *)(uintptr_t)cmd->envp : environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static void feed(struct running *run)
{
	const struct command *cmd = run->cmd;
	ssize_t n = write(run->in, (const char *)cmd->input + run->written,
		cmd->input_len - run->written);

	if (n > 0)
		run->written += (size_t)n;
	if ((n < 0 && errno != EAGAIN) || run->written == cmd->input_len)
		close_fd(&run->in);
}

static void keep_output(struct running *run, const char *data, size_t len)
{
	size_t max = run->cmd->output_max ? run->cmd->output_max : OUTPUT_MAX;

	len = MIN(len, max - run->output_len);
	if (run->output_len + len >= run->output_room) {
		size_t room = MAX(run->output_room * 2, run->output_len + len + 1);
		char *grown = realloc(run->output, room);

		if (!grown)
			return;
		run->output = grown;
		run->output_room = room;
	}
	memcpy(run->output + run->output_len, data, len);
	run->output_len += len;
	run->output[run->output_len] = 0;
}

static void keep_tail(struct running *run, const char *data, size_t len)
{
	if (len > sizeof(run->tail)) {
		data += len - sizeof(run->tail);
		len = sizeof(run->tail);
	}
	if (run->tail_len + len > sizeof(run->tail)) {
		size_t gone = run->tail_len + len - sizeof(run->tail);

		memmove(run->tail, run->tail + gone, run->tail_len - gone);
		run->tail_len -= gone;
	}
	memcpy(run->tail + run->tail_len, data, len);
	run->tail_len += len;
}

/* All that is there. False when the pipe has ended. */
static bool drain(struct running *run, int *fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(*fd, buf, sizeof(buf))) > 0) {
		if (fd == &run->out)
			keep_output(run, buf, (size_t)n);
		else
			keep_tail(run, buf, (size_t)n);
	}
	return n < 0 && errno == EAGAIN;
}

/* Serves the pipes until they have ended or the program's time is over. A program that is gone is
 * seen by its pipes; when somebody else holds them, by pidfd. */
static void serve(struct running *run, int pidfd)
{
	while (run->in >= 0 || run->out >= 0 || run->err >= 0) {
		struct pollfd fds[] = { { run->in, POLLOUT, 0 }, { run->out, POLLIN, 0 },
			{ run->err, POLLIN, 0 }, { pidfd, POLLIN, 0 } };
		int64_t left = run->deadline == INT64_MAX ? -1 : run->deadline - reap_now_ms();

		if (run->deadline != INT64_MAX && left <= 0)
			return;
		if (poll(fds, ARRAY_SIZE(fds), left < 0 ? -1 : (int)MIN(left, 1 << 30)) < 0)
			continue;
		if (fds[0].revents)
			feed(run);
		if (fds[1].revents && !drain(run, &run->out))
			close_fd(&run->out);
		if (fds[2].revents && !drain(run, &run->err))
			close_fd(&run->err);
		if (!fds[3].revents)
			continue;
		if (run->out >= 0)
			(void)drain(run, &run->out);
		if (run->err >= 0)
			(void)drain(run, &run->err);
		return;
	}
}

/* The last line that says something. */
static const char *last_line(struct running *run)
{
	char *p, *line = run->tail;

	run->tail[MIN(run->tail_len, sizeof(run->tail) - 1)] = 0;
	for (p = run->tail + strlen(run->tail); p > run->tail && strchr("\r\n ", p[-1]); p--)
		p[-1] = 0;
	p = strrchr(run->tail, '\n');
	if (p)
		line = p + 1;
	return line;
}

static int judge(struct running *run, bool in_time, struct err *err)
{
	const char *name = run->cmd->argv[0], *said = last_line(run);
	int status = run->child.status;

	if (!in_time)
		return fail(err, -ETIMEDOUT, "run %s", name);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFSIGNALED(status))
		return failx(err, -EIO, "%s was ended by signal %d", name, WTERMSIG(status));
	if (*said)
		return failx(err, -EIO, "%s: %s", name, said);
	return failx(err, -EIO, "%s ended with status %d", name, WEXITSTATUS(status));
}

static int run_to_end(struct reaper *r, struct running *run, struct err *err)
{
	bool in_time;
	pid_t pid;
	int pidfd, rc;

	reap_hold(r);
	rc = spawn(run, &pid);
	if (rc) {
		reap_release(r);
		return fail(err, rc, "run %s", run->cmd->argv[0]);
	}
	reap_adopt(r, &run->child, pid);
	reap_release(r);
	close_fd(&run->child_in);
	close_fd(&run->child_out);
	close_fd(&run->child_err);
	/* -1 when it has been reaped already: then the pipes have ended or nobody fills them. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0) {
		serve(run, pidfd);
		close(pidfd);
	} else {
		if (run->out >= 0)
			(void)drain(run, &run->out);
		if (run->err >= 0)
			(void)drain(run, &run->err);
	}
	close_fd(&run->in);
	in_time = reap_join(r, &run->child, run->deadline);
	return judge(run, in_time, err);
}

int command_run(struct reaper *r, const struct command *cmd, struct err *err)
{
	struct running run = {
		.cmd = cmd,
		.in = -1,
		.out = -1,
		.err = -1,
		.child_in = -1,
		.child_out = -1,
		.child_err = -1,
		.null = -1,
		.deadline = cmd->timeout_ms ? reap_now_ms() + cmd->timeout_ms : INT64_MAX,
	};
	int rc = make_pipes(&run);

	if (rc)
		fail(err, rc, "run %s", cmd->argv[0]);
	else
		rc = run_to_end(r, &run, err);
	if (cmd->output) {
		*cmd->output = rc ? NULL : take(&run.output);
		if (!rc && !*cmd->output)
			*cmd->output = calloc(1, 1);
		if (!rc && !*cmd->output)
			rc = fail(err, -ENOMEM, "run %s", cmd->argv[0]);
	}
	release(&run);
	return rc;
}
