/*
 * pod-net NETNS CID QUEUES COMMAND [ARG...]: gives a pod's network to a virtual machine, as the
 * containerd shim does, without containerd. COMMAND gets the taps by inheritance and what
 * `sampan run --net` takes in $NET; what the agent is to be told is in interface.json, routes.json
 * and neighbours.json (if any) here; connections to the pod's loopback go to the agent's relay at
 * vsock CID. It ends when COMMAND does, with its status, and leaves nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client/json.h"
#include "core/log.h"
#include "netlink/net_text.h"
#include "shim/containerd/net/pod_net.h"
#include "shim/containerd/net/relay.h"

#define FIRST_FD 100 /* the taps' numbers in COMMAND */

struct running {
	struct loop *loop;
	struct pod_net net;
	struct relay *relay;
	struct watch child;
};

static int write_message(const char *file, void *message, struct err *err)
{
	json_t *json = NULL;
	int rc = message ? json_from_message(&json, message, err) : fail(err, -ENOMEM, "%s", file);

	if (rc)
		return rc;
	protobuf_c_message_free_unpacked(message, NULL);
	rc = json_dump_file(json, file, 0);
	json_decref(json);
	return rc ? fail(err, -EIO, "write %s", file) : 0;
}

static int write_messages(const struct pod_net *net, struct err *err)
{
	int rc = write_message("interface.json", pod_net_interface(net, 0), err);

	if (!rc)
		rc = write_message("routes.json", pod_net_routes(net), err);
	if (!rc && net->nneighs)
		rc = write_message("neighbours.json", pod_net_neighbours(net), err);
	return rc;
}

/* In the child: descriptors at their numbers, and what they are called. */
static void hand_over(const struct pod_link *link)
{
	char text[256] = "fd=", mac[NET_TEXT_MAC], *end = text + 3;

	for (unsigned q = 0; q < link->queues; q++) {
		int to = FIRST_FD + (int)q;

		if (dup2(link->tap[q], to) < 0)
			_exit(126);
		end += snprintf(end, 8, "%s%d", q ? ":" : "", to);
	}
	sprintf(end, ",mac=%s,mtu=%u", net_show_mac(mac, link->mac, 6), link->mtu);
	setenv("NET", text, 1);
}

static int start(struct running *r, char **argv, pid_t *pid, struct err *err)
{
	*pid = fork();
	if (!*pid) {
		hand_over(&r->net.links[0]);
		execvp(argv[0], argv);
		_exit(127);
	}
	pod_net_free(&r->net);
	return *pid < 0 ? fail(err, -errno, "start %s", argv[0]) : 0;
}

static void on_end(struct watch *w, uint32_t events UNUSED)
{
	loop_quit(container_of(w, struct running, child)->loop);
}

static int serve(struct running *r, const char *netns, const char *cid, char **argv,
	struct err *err)
{
	char text[64];
	struct address agent;
	int rc, fd, status = 0;
	pid_t pid = -1;

	snprintf(text, sizeof(text), "vsock://%s:%d", cid, RELAY_PORT);
	rc = address_parse(&agent, text, err);
	if (!rc)
		rc = relay_new(&r->relay, r->loop, netns, &agent, err);
	if (!rc)
		rc = start(r, argv, &pid, err);
	if (rc)
		return rc;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 || loop_add(r->loop, &r->child, fd, EPOLLIN, on_end))
		return fail(err, -errno, "watch %s", argv[0]);
	loop_run(r->loop);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct running r = { 0 };
	struct err err = { 0 };
	int rc, cleaned;

	log_setup(2, LOG_WARN, "pod-net");
	if (argc < 5) {
		fprintf(stderr, "usage: pod-net NETNS CID QUEUES COMMAND [ARG...]\n");
		return 2;
	}
	rc = loop_new(&r.loop, &err);
	if (!rc)
		rc = pod_net_open(&r.net, argv[1], (unsigned)atoi(argv[3]), &err);
	if (!rc && r.net.nlinks != 1)
		rc = failx(&err, -EINVAL, "%zu interfaces in %s", r.net.nlinks, argv[1]);
	if (!rc)
		rc = write_messages(&r.net, &err);
	if (!rc)
		rc = serve(&r, argv[1], argv[2], argv + 4, &err);
	if (rc < 0)
		log_error("%s", err.msg);
	relay_free(r.relay);
	pod_net_free(&r.net);
	cleaned = pod_net_clean(argv[1], &err);
	if (cleaned)
		log_error("%s", err.msg);
	return rc < 0 || cleaned ? 1 : rc;
}
