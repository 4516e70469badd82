/* containerd's calls to the daemon, by their names; see daemon_fix.h. */
#ifndef SAMPAN_CONTAINERD_TEST_DAEMON_CALLS_H
#define SAMPAN_CONTAINERD_TEST_DAEMON_CALLS_H

#include "shim/containerd/test/daemon_fix.h"

static inline int create(struct fix *f, const char *id, const char *bundle, const char *out,
	struct reply *r)
{
	Containerd__Task__V2__CreateTaskRequest request = FRESH(
		containerd__task__v2__create_task_request);
	Containerd__Types__Mount mount = FRESH(containerd__types__mount), *mounts[] = { &mount };
	char *options[] = { UNCONST("loop"), UNCONST("rw") };
	char path[128], fifo[128] = "", disk[128];

	path_of(f, path, bundle);
	if (out) {
		path_of(f, fifo, out);
		assert_int_equal(mkfifo(fifo, 0600), 0);
		f->out.fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		assert_int_equal(loop_add(f->loop, &f->out, f->out.fd, EPOLLIN, on_output), 0);
	}
	request.id = UNCONST(id);
	request.bundle = path;
	request.stdout = fifo;
	if (f->disk) {
		path_of(f, disk, f->disk);
		mount.type = UNCONST("ext4");
		mount.source = disk;
		mount.options = options;
		mount.n_options = ARRAY_SIZE(options);
		request.rootfs = mounts;
		request.n_rootfs = 1;
	}
	return call(f, "Create", &request.base, r);
}

/* A request that consists of an id and maybe an exec's: all of these begin alike. */
static inline int simple(struct fix *f, const char *method, const char *id, const char *of,
	struct reply *r)
{
	const ProtobufCMessageDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(
		&containerd__task__v2__task__descriptor, method)
						      ->input;
	AUTO_FREE ProtobufCMessage *request = calloc(1, d->sizeof_message);
	const char *ids[] = { id, of };

	protobuf_c_message_init(d, request);
	memcpy((char *)request + d->fields[0].offset, &ids[0], sizeof(ids[0]));
	if (d->n_fields > 1 && !strcmp(d->fields[1].name, "exec_id"))
		memcpy((char *)request + d->fields[1].offset, &ids[1], sizeof(ids[1]));
	return call(f, method, request, r);
}

#define start_task(f, id, of, r)  simple(f, "Start", id, of, r)
#define state_of(f, id, of, r)	  simple(f, "State", id, of, r)
#define delete_task(f, id, of, r) simple(f, "Delete", id, of, r)
#define pause_task(f, id, of, r)  simple(f, "Pause", id, of, r)
#define resume_task(f, id, of, r) simple(f, "Resume", id, of, r)
#define stats_of(f, id, of, r)	  simple(f, "Stats", id, of, r)
#define pids_of(f, id, of, r)	  simple(f, "Pids", id, of, r)
#define connect_to(f, id, of, r)  simple(f, "Connect", id, of, r)
#define checkpoint(f, id, of, r)  simple(f, "Checkpoint", id, of, r)

static inline int kill_task(struct fix *f, const char *id, const char *exec, unsigned sig,
	struct reply *r)
{
	Containerd__Task__V2__KillRequest request = FRESH(containerd__task__v2__kill_request);

	request.id = UNCONST(id);
	request.exec_id = UNCONST(exec);
	request.signal = sig;
	return call(f, "Kill", &request.base, r);
}

static inline void wait_for_task(struct fix *f, const char *id, const char *exec, struct reply *r)
{
	Containerd__Task__V2__WaitRequest request = FRESH(containerd__task__v2__wait_request);

	request.id = UNCONST(id);
	request.exec_id = UNCONST(exec);
	ask(f, "Wait", &request.base, r);
}

static inline unsigned status_waited(struct fix *f, struct reply *r)
{
	const Containerd__Task__V2__WaitResponse *w;
	unsigned status;

	until(f, &r->come);
	assert_int_equal(r->code, TTRPC_OK);
	w = (const void *)r->response;
	assert_true(w->exited_at && w->exited_at->seconds > 0);
	status = w->exit_status;
	forget(r);
	return status;
}

static inline unsigned state_number(struct fix *f, const char *id, const char *exec)
{
	struct reply r;
	unsigned n;

	assert_int_equal(state_of(f, id, exec, &r), TTRPC_OK);
	n = (unsigned)((Containerd__Task__V2__StateResponse *)r.response)->status;
	forget(&r);
	return n;
}

static inline int exec(struct fix *f, const char *id, const char *name, const char *json,
	struct reply *r)
{
	Containerd__Task__V2__ExecProcessRequest request = FRESH(
		containerd__task__v2__exec_process_request);
	Google__Protobuf__Any any = FRESH(google__protobuf__any);

	any.type_url = UNCONST("types.containerd.io/opencontainers/runtime-spec/1/Process");
	any.value = (ProtobufCBinaryData){ strlen(json), (uint8_t *)UNCONST(json) };
	request.id = UNCONST(id);
	request.exec_id = UNCONST(name);
	request.spec = &any;
	return call(f, "Exec", &request.base, r);
}

#endif
