/*
 * `delete`: containerd runs it when a container's shim does not answer any more, and also at the
 * end of every container's normal life. For a pod's member there is nothing to do: its mounts were
 * the shim's own, and a living sandbox must not be touched. For a pod's sandbox, or a container
 * that is alone, whatever is left of the pod goes: the shim, the monitor and virtiofsd in the pod's
 * cgroup, the network's filters, the socket. Fine twice. The answer is how the container ended, as
 * far as the shim has written it down.
 */
#define _GNU_SOURCE
#include "shim/containerd/start.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <poll.h>
#include <time.h>
#include "core/log.h"
#include "shim/containerd/bundle.h"
#include "shim/containerd/cgroup.h"
#include "shim/containerd/exit_file.h"
#include "shim/containerd/file.h"
#include "shim/containerd/net/pod_net.h"
#include "shim/containerd/place.h"
#include "task.pb-c.h"
#include "shim/containerd/text.h"

#define KILLED	     137
#define LEAVE_MS     500  /* for a shim that is on its way out */
#define KILL_WAIT_MS 1500 /* of containerd's 5 s */

static void wait_gone(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	while (poll(&p, 1, ms) < 0 && errno == EINTR)
		;
}

static bool is_gone(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void end_shim(const char *bundle)
{
	pid_t pid = place_read_pid(bundle);
	AUTO_FD fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (fd < 0)
		return;
	wait_gone(fd, LEAVE_MS);
	if (is_gone(fd))
		return;
	syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	wait_gone(fd, KILL_WAIT_MS);
}

/* As `start` wrote it into the bundle, which also knows the directory that containerd wanted. */
static bool find_socket(char socket[PLACE_SOCKET], const struct args *a, const char *bundle)
{
	static const char prefix[] = "unix://";
	AUTO_FREE char *text = NULL;
	char path[4096];
	size_t len;

	snprintf(path, sizeof(path), "%s/address", bundle);
	if (file_read(path, 4096, &text, &len, NULL))
		return !place_socket(socket, NULL, a->address ? a->address : "", a->namespace,
			a->id, NULL);
	return !strncmp(text, prefix, strlen(prefix)) && len < PLACE_SOCKET &&
		snprintf(socket, PLACE_SOCKET, "%s", text + strlen(prefix)) > 0;
}

static void clean_pod(const struct args *a, const char *bundle, const json_t *spec)
{
	const char *cgroups_path = bundle_text(spec, "linux", "cgroupsPath", NULL);
	const char *netns = bundle_namespace(spec, "network");
	char cgroup[CGROUP_PATH], socket[PLACE_SOCKET];
	struct err err = { 0 };

	end_shim(bundle);
	if (!cgroup_directory(cgroup, cgroups_path ? cgroups_path : "", &err))
		cgroup_remove(cgroup);
	if (netns && *netns && pod_net_clean(netns, &err))
		log_warn("%s", err.msg);
	if (find_socket(socket, a, bundle) && !place_is_live(socket))
		unlink(socket);
}

/* What the shim has left of the container's end; else only that it is gone. */
static struct exit_file end_of(const char *bundle)
{
	struct exit_file e;

	if (!exit_file_read(bundle, &e))
		e = (struct exit_file){ KILLED, { .tv_sec = time(NULL) } };
	return e;
}

static int answer(const struct exit_file *e, struct err *err)
{
	Containerd__Task__V2__DeleteResponse response = FRESH(
		containerd__task__v2__delete_response);
	Google__Protobuf__Timestamp at = FRESH(google__protobuf__timestamp);
	uint8_t data[64];
	size_t len;

	at.seconds = e->at.tv_sec;
	at.nanos = (int32_t)e->at.tv_nsec;
	response.exit_status = e->status;
	response.exited_at = &at;
	if (containerd__task__v2__delete_response__get_packed_size(&response) > sizeof(data))
		return failx(err, -EINVAL, "the answer is too long");
	len = containerd__task__v2__delete_response__pack(&response, data);
	return write(STDOUT_FILENO, data, len) == (ssize_t)len
		? 0
		: fail(err, -errno, "answer containerd");
}

int delete_run(const struct args *a)
{
	const char *bundle = a->bundle && *a->bundle ? a->bundle : ".";
	struct bundle_group group;
	struct err err = { 0 };
	struct exit_file end;
	json_t *spec = NULL;

	/* Without a specification nothing was started in the bundle. */
	if (!bundle_load(&spec, bundle, &err) && !bundle_group(&group, spec, a->id, &err) &&
		group.kind != BUNDLE_MEMBER)
		clean_pod(a, bundle, spec);
	json_decref(spec);
	end = end_of(bundle); /* after the shim: it may have written it last */
	return answer(&end, &err) ? shim_error(err.msg) : 0;
}
