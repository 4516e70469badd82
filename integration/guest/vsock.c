/*
 * A netcat for vsock, on either side of it:
 *   vsock connect CID PORT    joins the connection with stdin and stdout
 *   vsock listen PORT         waits for one connection, then the same
 *   vsock echo PORT           sends everything back, one connection after the other, for ever
 * The end of stdin shuts down our half; the end of the peer's half ends the program.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static void die(const char *what)
{
	fprintf(stderr, "vsock: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Moves what is there once; false at the end of the input. */
static int copy(int from, int to)
{
	char buf[65536];
	ssize_t got = read(from, buf, sizeof(buf));

	if (got < 0 && errno != ECONNRESET)
		die("read");
	for (ssize_t at = 0, put; at < got; at += put) {
		put = write(to, buf + at, (size_t)(got - at));
		if (put < 0)
			die("write");
	}
	return got > 0;
}

static void join(int fd)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[0].revents && !copy(fd, 1))
			return;
		if (fds[1].revents && !copy(0, fd)) {
			shutdown(fd, SHUT_WR);
			fds[1].fd = -1;
		}
	}
}

static int listener(unsigned int port)
{
	struct sockaddr_vm sa = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 8))
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

static int connected(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm sa = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		die("connect");
	return fd;
}

static unsigned int number(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "connect")) {
		join(connected(number(argv[2]), number(argv[3])));
	} else if (argc == 3 && !strcmp(argv[1], "listen")) {
		join(accepted(listener(number(argv[2]))));
	} else if (argc == 3 && !strcmp(argv[1], "echo")) {
		for (int fd = listener(number(argv[2]));;) {
			int conn = accepted(fd);

			while (copy(conn, conn))
				;
			close(conn);
		}
	} else {
		fputs("usage: vsock connect CID PORT | listen PORT | echo PORT\n", stderr);
		return 2;
	}
	return 0;
}
