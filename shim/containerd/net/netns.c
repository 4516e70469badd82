/* See netns.h. setns(2) with a network namespace changes the calling thread's only. */
#define _GNU_SOURCE
#include "shim/containerd/net/netns.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

struct job {
	int fd, result;
	int (*work)(void *arg, struct err *err);
	void *arg;
	struct err *err;
};

int netns_open(int *fd, const char *path, struct err *err)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return *fd < 0 ? fail(err, -errno, "open network namespace %s", path) : 0;
}

static void *run(void *arg)
{
	struct job *job = arg;

	if (setns(job->fd, CLONE_NEWNET))
		job->result = fail(job->err, -errno, "enter the network namespace");
	else
		job->result = job->work(job->arg, job->err);
	return NULL;
}

int netns_run(int fd, int (*work)(void *arg, struct err *err), void *arg, struct err *err)
{
	struct job job = { .fd = fd, .work = work, .arg = arg, .err = err };
	sigset_t all, before;
	pthread_t thread;
	int rc;

	/* No signal of the process's is handled in there. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, run, &job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return fail(err, -rc, "start a thread for the network namespace");
	pthread_join(thread, NULL);
	return job.result;
}
