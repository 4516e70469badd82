/*
 * The first calls to a guest's agent, one after another: each network interface, the routes, the
 * neighbours, then the sandbox, with the shared directory, a /dev/shm for all and the resolver's
 * file. Kata's runtime makes the same calls in the same order.
 */
#include <stdio.h>
#include <string.h>
#include "core/log.h"
#include "shim/containerd/file.h"
#include "shim/containerd/pod_inner.h"
#include "shim/containerd/text.h"

#define RESOLV_MAX   (64 * KiB)
#define RESOLV_LINES 256
#define SHM	     "/run/kata-containers/sandbox/shm"

static void next(struct pod *p);

static int64_t timeout(const struct pod *p)
{
	return p->config->call_timeout * SECOND_NS;
}

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	struct pod *p = arg;
	struct err err = { 0 };

	if (p->state != POD_GREETING)
		return;
	if (answer->code == TTRPC_OK) {
		next(p);
		return;
	}
	failx(&err, 0, "set up the guest: %s", answer->message);
	pod_fail(p, err.msg);
}

/* Takes message over. */
static void ask(struct pod *p, const char *method, ProtobufCMessage *message)
{
	if (!message || !guest_ask(p->guest, method, message, timeout(p), on_answer, p))
		pod_fail(p, "no memory");
	protobuf_c_message_free_unpacked(message, NULL);
}

/* --- the sandbox --- */

/* The host's file that is mounted there: the pod's, made by containerd. */
static const char *source_of(const json_t *spec, const char *destination)
{
	const json_t *list = json_object_get(spec, "mounts"), *m;
	size_t i;

	json_array_foreach (list, i, m) {
		const char *at = bundle_text(m, "destination", NULL);

		if (at && !strcmp(at, destination))
			return bundle_text(m, "source", NULL);
	}
	return NULL;
}

static size_t read_lines(const json_t *spec, char **text, char *lines[RESOLV_LINES])
{
	const char *path = source_of(spec, "/etc/resolv.conf");
	char *save = NULL;
	size_t len, n = 0;

	if (!path || *path != '/' || file_read(path, RESOLV_MAX, text, &len, NULL))
		return 0;
	for (char *l = strtok_r(*text, "\n", &save); l && n < RESOLV_LINES;
		l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	return n;
}

static void create_sandbox(struct pod *p)
{
	static const char *const shm_options[] = { "noexec", "nosuid", "nodev", "mode=1777",
		"size=67108864" };
	Grpc__CreateSandboxRequest request = FRESH(grpc__create_sandbox_request);
	Grpc__Storage files = FRESH(grpc__storage), shm = FRESH(grpc__storage);
	Grpc__Storage *storages[] = { &shm, &files };
	const char *hostname = bundle_text(p->spec, "hostname", NULL);
	char *lines[RESOLV_LINES];
	AUTO_FREE char *text = NULL;

	files.driver = UNCONST("virtio-fs");
	files.source = UNCONST(SHARE_TAG);
	files.fstype = UNCONST("virtiofs");
	files.mount_point = UNCONST(SHARE_GUEST);
	shm.driver = UNCONST("ephemeral");
	shm.source = UNCONST("shm");
	shm.fstype = UNCONST("tmpfs");
	shm.mount_point = UNCONST(SHM);
	shm.options = (char **)(uintptr_t)shm_options;
	shm.n_options = ARRAY_SIZE(shm_options);
	request.hostname = UNCONST(hostname ? hostname : "");
	request.dns = lines;
	request.n_dns = read_lines(p->spec, &text, lines);
	request.storages = storages;
	request.n_storages = p->config->shared_files ? 2 : 1;
	request.sandbox_id = UNCONST(p->id);
	if (!guest_ask(p->guest, "CreateSandbox", &request.base, timeout(p), on_answer, p))
		pod_fail(p, "no memory");
}

/* Without it pods run, but nobody reaches their loopback. */
static void start_relay(struct pod *p)
{
	const struct address agent = { .kind = ADDRESS_VSOCK, .cid = p->cid, .port = RELAY_PORT };
	const char *netns = bundle_namespace(p->spec, "network");
	struct err err = { 0 };

	if (netns && *netns && relay_new(&p->relay, p->loop, netns, &agent, &err))
		log_warn("pod %s: no port can be forwarded: %s", p->id, err.msg);
}

/* --- one after another --- */

static void next(struct pod *p)
{
	size_t links = p->net.nlinks, at = p->greeting++;
	Grpc__AddARPNeighborsRequest *neighbours;

	if (at < links) {
		ask(p, "UpdateInterface", (ProtobufCMessage *)pod_net_interface(&p->net, at));
		return;
	}
	if (links && at == links) {
		ask(p, "UpdateRoutes", (ProtobufCMessage *)pod_net_routes(&p->net));
		return;
	}
	if (links && at == links + 1) {
		neighbours = pod_net_neighbours(&p->net);
		if (neighbours)
			ask(p, "AddARPNeighbors", &neighbours->base);
		else
			next(p);
		return;
	}
	if (at == (links ? links + 2 : 0)) {
		create_sandbox(p);
		return;
	}
	start_relay(p);
	pod_ready(p);
}

void pod_greet(struct pod *p)
{
	next(p);
}
