/* See spawn.h. The child tells why it failed through a pipe that the execution closes. */
#define _GNU_SOURCE
#include "shim/containerd/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ABOVE 64 /* where descriptors are out of each other's way */

enum step { STEP_NAMESPACE, STEP_CGROUP, STEP_FDS, STEP_EXEC };

struct failure {
	enum step step;
	int error;
};

static bool join_cgroup(const char *dir)
{
	char path[4096];
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0", 1) == 1;
}

static bool place_fds(const struct spawn *s)
{
	int at[SPAWN_FDS];

	for (unsigned i = 0; i < s->nfds; i++) {
		int fd = s->fds[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : s->fds[i];

		at[i] = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
		if (at[i] < 0)
			return false;
	}
	for (unsigned i = 0; i < s->nfds; i++)
		if (dup2(at[i], (int)i) < 0)
			return false;
	return true;
}

static void plain_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
}

static NORETURN void child(const struct spawn *s, int told, pid_t parent)
{
	struct failure f = { STEP_NAMESPACE, 0 };

	plain_signals();
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (s->netns < 0 || !setns(s->netns, CLONE_NEWNET)) {
		f.step = STEP_CGROUP;
		if (!s->cgroup || join_cgroup(s->cgroup)) {
			f.step = STEP_FDS;
			told = fcntl(told, F_DUPFD_CLOEXEC, 2 * ABOVE);
			if (place_fds(s)) {
				f.step = STEP_EXEC;
				execve(s->path, (char *const *)(uintptr_t)s->argv,
					s->env ? (char *const *)(uintptr_t)s->env : environ);
			}
		}
	}
	f.error = errno;
	if (write(told, &f, sizeof(f)) < 0)
		_exit(2);
	_exit(1);
}

static int explain(const struct spawn *s, const struct failure *f, struct err *err)
{
	switch (f->step) {
	case STEP_NAMESPACE:
		return fail(err, -f->error, "enter the pod's network namespace");
	case STEP_CGROUP:
		return fail(err, -f->error, "enter the cgroup %s", s->cgroup);
	case STEP_FDS:
		return fail(err, -f->error, "hand descriptors over to %s", s->argv[0]);
	case STEP_EXEC:
		break;
	}
	return fail(err, -f->error, "execute %s", s->path);
}

int spawn(pid_t *pid, const struct spawn *s, struct err *err)
{
	struct failure f;
	pid_t parent = getpid();
	int told[2];
	ssize_t n;

	if (pipe2(told, O_CLOEXEC))
		return fail(err, -errno, "start %s", s->argv[0]);
	*pid = fork();
	if (!*pid)
		child(s, told[1], parent);
	close(told[1]);
	if (*pid < 0) {
		int rc = fail(err, -errno, "start %s", s->argv[0]);

		close(told[0]);
		*pid = 0;
		return rc;
	}
	do
		n = read(told[0], &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	close(told[0]);
	if (n != sizeof(f))
		return 0;
	spawn_kill(pid);
	return explain(s, &f, err);
}

void spawn_kill(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}
