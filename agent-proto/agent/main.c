/*
 * sampan-agent: serves Kata's agent protocol in a guest, as its pid 1 or as a service of another
 * init. It listens before it does anything that takes time; what connects meanwhile waits in the
 * socket until the loop runs.
 */
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include "agent/agent.h"
#include "agent/cgroup.h"
#include "agent/console.h"
#include "agent/init.h"
#include "agent/oom.h"
#include "agent/relay_port.h"
#include "agent/sandbox.h"
#include "agent/service.h"
#include "agent/storage.h"
#include "agent/uevent.h"
#include "core/sock.h"

#define CMDLINE_MAX 4096

struct running {
	struct agent a;
	struct sock_listener socket; /* of a unix:// address */
	struct watch ending;	     /* SIGTERM and its like */
	struct debug_console *console;
	struct log_port *log_port;
	struct relay_port *relay_port;
};

static void read_cmdline(char *buf, size_t len)
{
	AUTO_FD fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, len - 1);

	buf[n > 0 ? n : 0] = 0;
}

static int listen_vsock(uint32_t port, int *out, struct err *err)
{
	struct sockaddr_vm sa = { .svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port };
	AUTO_FD fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 64))
		return fail(err, -errno, "listen on vsock port %u", port);
	*out = take_fd(&fd);
	return 0;
}

/* "vsock://-1:PORT" (any other cid means ours all the same) or "unix:///PATH". */
static int listen_at(struct running *run, int *fd, struct err *err)
{
	const char *address = run->a.config.server, *port;
	unsigned long n;
	char *end = NULL;

	if (!strncmp(address, "unix://", 7)) {
		int rc = sock_listen(&run->socket, address + 7, "the agent's socket", err);

		*fd = rc ? -1 : fcntl(run->socket.fd, F_DUPFD_CLOEXEC, 3);
		return rc;
	}
	port = strrchr(address, ':');
	n = port ? strtoul(port + 1, &end, 10) : 0;
	if (strncmp(address, "vsock://", 8) != 0 || !n || n >= UINT32_MAX || !end || *end)
		return failx(err, -EINVAL, "%s: not an address to listen at", address);
	return listen_vsock((uint32_t)n, fd, err);
}

static void on_signal(struct watch *w, uint32_t events UNUSED)
{
	struct running *run = container_of(w, struct running, ending);
	struct signalfd_siginfo info;

	if (read(w->fd, &info, sizeof(info)) == sizeof(info))
		log_warn("told to end by signal %u", info.ssi_signo);
	loop_quit(run->a.loop);
}

static int watch_signals(struct running *run, struct err *err)
{
	sigset_t set;
	int fd, rc;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGPWR);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = fd < 0 ? -errno : loop_add(run->a.loop, &run->ending, fd, EPOLLIN, on_signal);
	return rc ? fail(err, rc, "watch for signals") : 0;
}

/* Extras: without them the agent still serves. */
static void open_ports(struct running *run)
{
	const struct agent_config *c = &run->a.config;
	struct err err = { 0 };
	int fd;

	if (c->debug_console && c->debug_console_port &&
		(listen_vsock(c->debug_console_port, &fd, &err) ||
			debug_console_new(&run->console, &run->a, fd, &err)))
		log_warn("no debug console: %s", err.msg);
	if (c->log_port &&
		(listen_vsock(c->log_port, &fd, &err) ||
			log_port_new(&run->log_port, &run->a, fd, &err)))
		log_warn("no log port: %s", err.msg);
	if (c->relay_port &&
		(listen_vsock(c->relay_port, &fd, &err) ||
			relay_port_new(&run->relay_port, run->a.loop, fd, &err)))
		log_warn("no port forwarding: %s", err.msg);
}

static int make_agent(struct running *run, struct err *err)
{
	struct agent *a = &run->a;
	int rc;

	(void)((rc = loop_new(&a->loop, err)) || (rc = reaper_new(&a->reaper, a->loop, err)) ||
		(rc = workers_new(&a->workers, a->loop, err)) ||
		(rc = uevents_new(&a->uevents, a->loop, err)) ||
		(rc = storages_new(&a->storages, &a->config, a->uevents, a->loop, a->workers,
			 err)) ||
		(rc = oom_new(&a->oom, a->loop, sandbox_oom, a, err)) ||
		(rc = sandbox_new(&a->sandbox, a, err)) ||
		(rc = ttrpc_server_new(&a->server, a->loop, agent_services(), AGENT_SERVICES, a,
			 err)) ||
		(rc = watch_signals(run, err)));
	return rc;
}

static int prepare_guest(struct running *run, struct err *err)
{
	struct agent_config *c = &run->a.config;

	if (c->init)
		init_rest();
	else if (init_subreaper(err))
		return -EINVAL;
	if (cgroup_setup(c->cgroup_root, c->init, err)) {
		if (!c->init)
			return -EINVAL;
		log_warn("%s", err->msg);
	}
	return 0;
}

static void free_agent(struct running *run)
{
	struct agent *a = &run->a;

	relay_port_free(run->relay_port);
	log_port_free(run->log_port);
	debug_console_free(run->console);
	workers_free(a->workers);
	ttrpc_server_free(a->server);
	sandbox_free(a->sandbox);
	oom_free(a->oom);
	storages_free(a->storages);
	uevents_free(a->uevents);
	reaper_free(a->reaper);
	loop_remove(a->loop, &run->ending);
	close(run->ending.fd);
	loop_free(a->loop);
	sock_unlisten(&run->socket);
}

static void say_serving(struct running *run)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	log_info("serving at %s, %lld.%03ld s after the kernel began", run->a.config.server,
		(long long)up.tv_sec, up.tv_nsec / 1000000);
}

static int serve(struct running *run, struct err *err)
{
	int fd, rc = listen_at(run, &fd, err);

	if (!rc)
		rc = make_agent(run, err);
	if (!rc)
		rc = prepare_guest(run, err);
	if (!rc)
		rc = ttrpc_server_listen(run->a.server, fd, err);
	if (rc)
		return rc;
	open_ports(run);
	say_serving(run);
	loop_run(run->a.loop);
	if (!run->a.config.init)
		free_agent(run);
	return 0;
}

static int usage(void)
{
	printf("sampan-agent [OPTION...]: Kata's agent for a guest of sampan\n\n%s"
	       "  --version, --help\n\n"
	       "As the guest's pid 1 it takes its settings from the kernel's command line "
	       "(agent.NAME=VALUE).\n",
		agent_config_help());
	return 0;
}

int main(int argc, char **argv)
{
	struct running run = { .socket.fd = -1, .ending.fd = -1 };
	char cmdline[CMDLINE_MAX];
	struct err err = { 0 };
	bool init = getpid() == 1;
	int rc = 0;

	if (!init && argc == 2 && !strcmp(argv[1], "--version"))
		return puts("sampan-agent " SAMPAN_VERSION) < 0;
	if (!init && argc == 2 && !strcmp(argv[1], "--help"))
		return usage();
	mallopt(M_ARENA_MAX, 1);
	log_setup(2, LOG_WARN, "sampan-agent");
	if (init)
		init_first();
	read_cmdline(cmdline, sizeof(cmdline));
	agent_config_init(&run.a.config, cmdline);
	run.a.config.init = init;
	if (!init) /* the words after pid 1's name are the kernel's leftovers */
		rc = agent_config_options(&run.a.config, argc, argv, &err);
	log_setup(2, run.a.config.log_level, "sampan-agent");
	if (!rc)
		rc = serve(&run, &err);
	if (rc)
		log_error("%s", err.msg);
	if (init)
		init_power_off();
	return rc == -EINVAL ? 2 : rc != 0;
}
