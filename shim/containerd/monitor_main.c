/*
 * The monitor's process: one machine, driven by the shim over an inherited socket. It opens nothing
 * by itself: kernel, disks, taps, vhost-vsock and the file system's back end come as descriptors,
 * and it ends when the socket does, so a shim that dies leaves no machine behind.
 * syscall(setup): rt_sigaction, prctl, fcntl(F_SETFD): before that
 */
#define _GNU_SOURCE
#include "shim/containerd/monitor_main.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "core/log.h"
#include "shim/containerd/monitor_wire.h"
#include "shim/containerd/pass.h"
#include "vm.h"

struct monitor {
	struct loop *loop;
	struct vm *vm;
	struct watch control;
	struct wire_config config;
	int fds[WIRE_FDS];
	unsigned nfds;
	char kernel[32], initrd[32];
};

static void say(struct monitor *m, enum wire_what what, int code, const char *text)
{
	struct wire_event event = { .what = what, .code = code };

	snprintf(event.text, sizeof(event.text), "%s", text);
	if (pass_send(m->control.fd, &event, sizeof(event), NULL, 0))
		log_debug("the shim has gone");
}

/* --- the machine --- */

static void on_event(void *arg, int event, const char *detail)
{
	struct monitor *m = arg;
	char text[WIRE_TEXT];
	struct vm_info info;

	vm_query(m->vm, &info);
	if (info.state != VM_STOPPED)
		return;
	snprintf(text, sizeof(text), "the guest %s%s%s", vm_end_text(info.end),
		event == VM_EVENT_FAILED && detail ? ": " : "",
		event == VM_EVENT_FAILED && detail ? detail : "");
	say(m, WIRE_ENDED, 0, text);
	loop_quit(m->loop);
}

struct machine {
	struct vm_config vm;
	struct vm_disk disk;
	struct vm_fs fs;
	struct vm_net nets[WIRE_NETS];
};

static int take_next(struct monitor *m, unsigned *at)
{
	return *at < m->nfds ? m->fds[(*at)++] : -1;
}

/* vm.h wants paths of what it only reads at the start. */
static void name_fd(char path[32], int fd)
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static void set_networks(struct monitor *m, struct machine *k, unsigned *at)
{
	for (unsigned i = 0; i < MIN(m->config.nnets, (uint32_t)WIRE_NETS); i++) {
		const struct wire_net *w = &m->config.net[i];
		struct vm_net *n = &k->nets[i];

		n->id = w->id;
		n->mtu = w->mtu;
		memcpy(n->mac, w->mac, sizeof(n->mac));
		for (unsigned t = 0; t < MIN(w->ntaps, (uint32_t)WIRE_TAPS); t++)
			n->fds[n->nfds++] = take_next(m, at);
		k->vm.nnets++;
	}
}

static void set_machine(struct monitor *m, struct machine *k)
{
	const struct wire_config *c = &m->config;
	unsigned at = 0;
	int root;

	*k = (struct machine){ 0 };
	k->vm = (struct vm_config){
		.name = c->name,
		.kernel = m->kernel,
		.append = c->append,
		.cpus = c->cpus,
		.mem_size = c->mem_size,
		.mem.pages = c->hugepages ? MEM_PAGES_HUGETLB : MEM_PAGES_THP,
		.disks = &k->disk,
		.disk_slots = c->disk_slots,
		.nets = k->nets,
		.filesystems = &k->fs,
		.serial = { .kind = CHARDEV_FD },
		.on_event = on_event,
		.arg = m,
	};
	name_fd(m->kernel, take_next(m, &at));
	root = take_next(m, &at);
	if (c->root_is_image) {
		k->disk = (struct vm_disk){ .fd = root, .id = "root", .readonly = true };
		k->vm.ndisks = 1;
	} else {
		name_fd(m->initrd, root);
		k->vm.initrd = m->initrd;
	}
	k->vm.vsock = (struct vm_vsock){ .present = true, .cid = c->cid };
	k->vm.vsock.vhost_fd = take_next(m, &at);
	k->vm.serial.fd = take_next(m, &at);
	if (c->has_fs) {
		k->fs = (struct vm_fs){ .fd = take_next(m, &at), .tag = c->tag };
		k->vm.nfilesystems = 1;
	}
	set_networks(m, k, &at);
}

/* --- the shim --- */

static int run(struct monitor *m, const struct wire_command *c, int *fd, struct err *err)
{
	struct vm_disk disk = { .fd = *fd, .id = *c->id ? c->id : NULL, .readonly = c->readonly };
	int rc;

	switch (c->op) {
	case WIRE_PLUG:
		rc = vm_disk_plug(m->vm, c->slot, &disk, err);
		if (!rc)
			*fd = -1;
		return rc;
	case WIRE_UNPLUG:
		return vm_disk_unplug(m->vm, c->slot, err);
	case WIRE_STOP:
		break;
	}
	vm_stop(m->vm);
	return 0;
}

static void on_control(struct watch *w, uint32_t events UNUSED)
{
	struct monitor *m = container_of(w, struct monitor, control);
	struct wire_command command = { 0 };
	struct err err = { 0 };
	AUTO_FD fd = -1;
	unsigned nfds = 0;
	int n = pass_receive(w->fd, &command, sizeof(command), &fd, 1, &nfds);

	if (n == -EAGAIN)
		return;
	if (n != sizeof(command)) { /* the shim has gone */
		vm_stop(m->vm);
		loop_quit(m->loop);
		return;
	}
	command.id[sizeof(command.id) - 1] = 0;
	n = run(m, &command, &fd, &err);
	if (command.op != WIRE_STOP)
		say(m, WIRE_ANSWER, n, err.msg);
}

static int start(struct monitor *m, struct err *err)
{
	struct machine machine;
	int n = pass_receive(WIRE_FD, &m->config, sizeof(m->config), m->fds, WIRE_FDS, &m->nfds);
	int rc = n == sizeof(m->config) ? loop_new(&m->loop, err)
					: failx(err, -EPROTO, "the shim sent no configuration");

	if (rc)
		return rc;
	log_setup(STDERR_FILENO, m->config.debug ? LOG_DEBUG : LOG_WARN, "sampan-monitor");
	set_machine(m, &machine);
	rc = vm_new(&m->vm, &machine.vm, m->loop, err);
	close(m->fds[0]);
	if (!m->config.root_is_image && m->nfds > 1)
		close(m->fds[1]);
	if (!rc)
		rc = loop_add(m->loop, &m->control, WIRE_FD, EPOLLIN, on_control);
	if (!rc)
		rc = vm_confine(m->vm, err);
	return rc ? rc : vm_start(m->vm, err);
}

int monitor_main(const char *id)
{
	struct monitor *m = calloc(1, sizeof(*m));
	struct err err = { 0 };
	int rc;

	if (!m)
		return 1;
	prctl(PR_SET_NAME, MONITOR_NAME);
	log_setup(STDERR_FILENO, LOG_WARN, MONITOR_NAME);
	log_debug("for %s", id);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a disk that may not grow is the guest's I/O error */
	m->control.fd = WIRE_FD;
	fcntl(WIRE_FD, F_SETFD, FD_CLOEXEC);
	rc = start(m, &err);
	say(m, WIRE_STARTED, rc, err.msg);
	if (!rc) {
		/* syscall(loop): fcntl(F_SETFL): from here on the shim is heard in the loop */
		fcntl(WIRE_FD, F_SETFL, O_NONBLOCK);
		loop_run(m->loop);
	}
	vm_free(m->vm);
	if (m->loop)
		loop_remove(m->loop, &m->control);
	loop_free(m->loop);
	free(m);
	return rc ? 1 : 0;
}
