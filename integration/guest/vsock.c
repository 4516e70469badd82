/*
 * A netcat for vsock, on either side of it, and for comparison TCP. ADDRESS is a port, "tcp:PORT"
 * or, on the host of a VM with "--vsock uds=", the path of a unix socket (it has a slash):
 *   vsock connect CID PORT    joins the connection with stdin and stdout
 *   vsock connect PATH PORT   through PATH: "CONNECT PORT" and the answer "OK n" come first
 *   vsock connect IPV4 PORT   by TCP
 *   vsock listen ADDRESS      waits for one connection, then as connect
 *   vsock echo ADDRESS        sends everything back, to any number of clients at once, for ever
 * The end of stdin shuts down our half, that of the peer's half closes stdout; the program ends
 * when both have.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_vm vm;
};

/* Bytes on their way to one side. */
struct half {
	char buf[65536];
	size_t at, len;
};

static void die(const char *what)
{
	fprintf(stderr, "vsock: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Reads once; 0 at the end of the input. */
static int take(struct half *h, int from)
{
	ssize_t got = read(from, h->buf, sizeof(h->buf));

	if (got < 0)
		die("read");
	h->at = 0;
	h->len = (size_t)got;
	return got > 0;
}

static void give(struct half *h, int to)
{
	ssize_t put = send(to, h->buf + h->at, h->len - h->at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (put < 0 && errno == ENOTSOCK)
		put = write(to, h->buf + h->at, h->len - h->at);
	if (put < 0 && errno != EAGAIN)
		die("write");
	if (put > 0)
		h->at += (size_t)put;
}

/* Neither side waits for the other: a full socket must not keep us from reading it. */
static void join(int fd)
{
	static struct half in, out;
	int stdin_over = 0, peer_over = 0;

	while (!stdin_over || !peer_over || in.at < in.len || out.at < out.len) {
		int idle_in = in.at == in.len, idle_out = out.at == out.len;
		struct pollfd fds[] = {
			{ .fd = peer_over && idle_out ? -1 : fd,
				.events = (short)((peer_over ? 0 : POLLIN) |
					(idle_out ? 0 : POLLOUT)) },
			{ .fd = idle_out && !stdin_over ? 0 : -1, .events = POLLIN },
		};

		if (!idle_in) {
			give(&in, 1);
			continue;
		}
		if (peer_over)
			close(1); /* our reader may have something to say then */
		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[0].revents & ~POLLOUT && !peer_over && !take(&in, fd))
			peer_over = 1;
		if (!idle_out && fds[0].revents & POLLOUT)
			give(&out, fd);
		if (fds[1].revents && !take(&out, 0)) {
			shutdown(fd, SHUT_WR);
			stdin_over = 1;
		}
	}
}

static unsigned int number(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 0);
}

static socklen_t unix_address(union address *a, const char *path)
{
	a->un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%s", path);
	return sizeof(a->un);
}

static socklen_t tcp_address(union address *a, const char *host, const char *port)
{
	a->in = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)number(port)) };
	if (inet_pton(AF_INET, host, &a->in.sin_addr) != 1)
		die(host);
	return sizeof(a->in);
}

static socklen_t vsock_address(union address *a, unsigned int cid, const char *port)
{
	a->vm = (struct sockaddr_vm){ .svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = number(port) };
	return sizeof(a->vm);
}

static int stream(const union address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static int listener(const char *where)
{
	union address a;
	socklen_t len;
	int fd, on = 1;

	if (strchr(where, '/'))
		len = unix_address(&a, where);
	else if (!strncmp(where, "tcp:", 4))
		len = tcp_address(&a, "0.0.0.0", where + 4);
	else
		len = vsock_address(&a, VMADDR_CID_ANY, where);
	fd = stream(&a);
	if (a.any.sa_family == AF_INET)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.any, len) || listen(fd, 64))
		die("listen");
	return fd;
}

static int accepted(int fd)
{
	int conn = accept(fd, NULL, NULL);

	if (conn < 0)
		die("accept");
	return conn;
}

/* The monitor's word for a connection through its unix socket. */
static void greet(int fd, const char *port)
{
	char line[32], c = 0;
	size_t len = 0;

	dprintf(fd, "CONNECT %s\n", port);
	while (c != '\n' && len < sizeof(line) - 1 && read(fd, &c, 1) == 1)
		line[len++] = c;
	line[len] = 0;
	if (c == '\n' && !strncmp(line, "OK ", 3))
		return;
	fprintf(stderr, "vsock: port %s: refused (\"%s\")\n", port, line);
	exit(1);
}

static int connected(const char *to, const char *port)
{
	union address a;
	socklen_t len;
	int fd;

	if (strchr(to, '/'))
		len = unix_address(&a, to);
	else if (strchr(to, '.'))
		len = tcp_address(&a, to, port);
	else
		len = vsock_address(&a, number(to), port);
	fd = stream(&a);
	if (connect(fd, &a.any, len))
		die("connect");
	if (a.any.sa_family == AF_UNIX)
		greet(fd, port);
	return fd;
}

/* Blocking in both directions: the client must read while it writes. */
static void echo(int conn)
{
	static struct half h;
	ssize_t put;

	while (take(&h, conn))
		for (; h.at < h.len; h.at += (size_t)put) {
			put = write(conn, h.buf + h.at, h.len - h.at);
			if (put < 0)
				die("write");
		}
}

static void echo_all(int fd)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int conn = accepted(fd);

		if (fork() == 0) {
			echo(conn);
			exit(0);
		}
		close(conn);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "connect")) {
		join(connected(argv[2], argv[3]));
	} else if (argc == 3 && !strcmp(argv[1], "listen")) {
		join(accepted(listener(argv[2])));
	} else if (argc == 3 && !strcmp(argv[1], "echo")) {
		echo_all(listener(argv[2]));
	} else {
		fputs("usage: vsock connect CID|PATH|IPV4 PORT | listen ADDRESS | echo ADDRESS\n"
		      "ADDRESS: PORT, PATH or tcp:PORT\n",
			stderr);
		return 2;
	}
	return 0;
}
