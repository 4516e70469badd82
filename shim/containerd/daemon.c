/*
 * See daemon.h. The pod boots at once: by the time containerd has asked for the sandbox, its guest
 * is on its way. The daemon leaves when containerd says Shutdown and no container is left; a
 * SIGTERM ends everything at once.
 */
#define _GNU_SOURCE
#include "shim/containerd/daemon.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include "core/log.h"
#include "shim/containerd/share.h"
#include "shim/containerd/task.h"

#define LAST_EVENTS_NS UINT64_C(3000000000)
#define LAST_REPLY_NS  UINT64_C(1000000000)

struct service {
	struct shim shim;
	struct watch signals, answered;
};

/* --- leaving --- */

static void on_drained(void *arg)
{
	struct shim *s = arg;

	loop_quit(s->loop);
}

static void on_leave(struct timer *t)
{
	struct shim *s = container_of(t, struct shim, leave);

	loop_quit(s->loop);
}

static void on_answered(void *arg)
{
	struct shim *s = arg;

	publisher_drain(s->publisher, LAST_EVENTS_NS, on_drained, s);
}

void serve_shutdown(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message UNUSED)
{
	struct shim *s = arg;
	bool last = LIST_EMPTY(&s->containers);

	reply_empty(call);
	if (!last || s->leaving)
		return;
	s->leaving = true;
	timer_set(&s->leave, LAST_EVENTS_NS + LAST_REPLY_NS, 0);
	ttrpc_server_drain(s->server, on_answered, s);
}

/* --- the pod --- */

static void on_pod_failed(void *arg, const char *why)
{
	struct shim *s = arg;

	s->pod_over = true;
	failx(&s->pod_err, 0, "%s", why);
	tasks_end(s);
}

static const struct pod_events pod_events = { on_pod_failed };

/* A pod that can't boot is told of to whoever asks for its sandbox. */
static void boot(struct shim *s)
{
	if (share_enter(&s->pod_err) ||
		pod_boot(&s->pod, s->loop, &s->config, s->id, s->spec, &pod_events, s, &s->pod_err))
		log_error("pod %s: %s", s->id, s->pod_err.msg);
}

/* --- setting up --- */

static void on_signal(struct watch *w, uint32_t events UNUSED)
{
	struct service *v = container_of(w, struct service, signals);
	struct signalfd_siginfo info;

	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGCHLD) {
		log_info("signal %u: the pod ends", info.ssi_signo);
		loop_quit(v->shim.loop);
	}
}

static int catch_signals(struct service *v, struct err *err)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	v->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (v->signals.fd < 0)
		return fail(err, -errno, "catch signals");
	rc = loop_add(v->shim.loop, &v->signals, v->signals.fd, EPOLLIN, on_signal);
	return rc ? fail(err, rc, "catch signals") : 0;
}

static void stop_waiting(struct service *v)
{
	if (v->answered.fd < 0)
		return;
	loop_remove(v->shim.loop, &v->answered);
	close(v->answered.fd);
	v->answered.fd = -1;
}

/* Who has never been told of a shim never ends it. */
static void on_start_over(struct watch *w, uint32_t events UNUSED)
{
	struct service *v = container_of(w, struct service, answered);
	char told;

	if (read(w->fd, &told, 1) != 1) {
		log_warn("pod %s ends: its `start` was killed before it had told of the shim",
			v->shim.id);
		loop_quit(v->shim.loop);
	}
	stop_waiting(v);
}

static int watch_start(struct service *v, int fd, struct err *err)
{
	int rc;

	if (fd < 0)
		return 0;
	rc = loop_add(v->shim.loop, &v->answered, fd, EPOLLIN, on_start_over);
	v->answered.fd = rc ? -1 : fd;
	if (rc)
		close(fd);
	return rc ? fail(err, rc, "watch `start`") : 0;
}

static int serve(struct shim *s, int listener, struct err *err)
{
	int rc;

	s->task_v3 = containerd__task__v2__task__descriptor;
	s->task_v3.name = "containerd.task.v3.Task";
	s->services[0] = (struct ttrpc_service){ &containerd__task__v2__task__descriptor,
		task_methods, task_nmethods };
	s->services[1] = (struct ttrpc_service){ &s->task_v3, task_methods, task_nmethods };
	rc = ttrpc_server_new(&s->server, s->loop, s->services, ARRAY_SIZE(s->services), s, err);
	return rc ? rc : ttrpc_server_listen(s->server, listener, err);
}

static int set_up(struct service *v, struct daemon *d, struct err *err)
{
	struct shim *s = &v->shim;
	int rc = loop_new(&s->loop, err);

	if (!rc)
		rc = catch_signals(v, err);
	if (!rc)
		rc = watch_start(v, take_fd(&d->answered), err);
	if (!rc)
		rc = timer_init(s->loop, &s->leave, on_leave);
	if (!rc)
		rc = timer_init(s->loop, &s->oom_pause, on_oom_pause_over);
	if (!rc)
		rc = publisher_new(&s->publisher, s->loop, d->ttrpc_address, d->namespace, err);
	if (!rc)
		rc = serve(s, take_fd(&d->listener), err);
	if (!rc)
		boot(s);
	return rc;
}

static void tear_down(struct service *v)
{
	struct shim *s = &v->shim;

	while (!LIST_EMPTY(&s->containers))
		container_free(LIST_FIRST(&s->containers));
	ask_forget(s->oom);
	pod_free(s->pod);
	ttrpc_server_free(s->server);
	publisher_free(s->publisher);
	if (!s->loop)
		return;
	stop_waiting(v);
	timer_fini(s->loop, &s->leave);
	timer_fini(s->loop, &s->oom_pause);
	if (v->signals.fd >= 0) {
		loop_remove(s->loop, &v->signals);
		close(v->signals.fd);
	}
	loop_free(s->loop);
}

/* Port forwarding alone may need a thousand; nothing here waits by select(). */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_warn("raise the limit of descriptors: %s", strerror(errno));
}

int daemon_run(struct daemon *d)
{
	struct service *v = calloc(1, sizeof(*v));
	struct err err = { 0 };
	int rc;

	if (!v)
		return 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	allow_descriptors();
	v->signals.fd = v->answered.fd = -1;
	LIST_INIT(&v->shim.containers);
	v->shim.config = d->config;
	v->shim.namespace = strdup(d->namespace);
	v->shim.id = strdup(d->id);
	v->shim.spec = d->spec;
	rc = v->shim.namespace && v->shim.id ? set_up(v, d, &err) : fail(&err, -ENOMEM, "start");
	if (rc)
		log_error("%s", err.msg);
	else
		loop_run(v->shim.loop);
	tear_down(v);
	unlink(d->socket);
	config_free(&v->shim.config);
	json_decref(v->shim.spec);
	free(v->shim.namespace);
	free(v->shim.id);
	free(v);
	return rc ? 1 : 0;
}
