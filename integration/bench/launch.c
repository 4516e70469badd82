/*
 * launch [-k] MARKER SECONDS COMMAND...: starts COMMAND with its output in a pipe and prints how
 * many microseconds passed between its exec and the arrival of MARKER, then the rest of the
 * marker's line (the guest's own clock); status 1 when SECONDS pass first. COMMAND ends by itself,
 * or (-k) is killed then.
 *
 * Used by the benchmarks inside the emulated host: no shell, no scheduler noise of a pipeline in
 * what is measured.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The child notes the time in a shared page right before its exec. */
static int start(char **argv, volatile uint64_t *begun, pid_t *pid)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	*pid = fork();
	if (*pid)
		return close(fds[1]), *pid < 0 ? -1 : fds[0];
	dup2(fds[1], 1);
	dup2(fds[1], 2);
	close(fds[0]);
	close(fds[1]);
	*begun = now_us();
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

/* Reads until the whole line that begins with marker is there. Returns its rest, or NULL. */
static char *await(int fd, const char *marker, uint64_t deadline, uint64_t *seen)
{
	static char text[1 << 20];
	size_t used = 0;

	while (used < sizeof(text) - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = now_us();
		char *at, *end;
		ssize_t n;

		if (now >= deadline || poll(&p, 1, (int)((deadline - now) / 1000) + 1) < 0)
			return NULL;
		if (!p.revents)
			continue;
		n = read(fd, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
		text[used] = 0;
		at = strstr(text, marker);
		if (at && !*seen)
			*seen = now_us();
		end = at ? strchr(at, '\n') : NULL;
		if (end) {
			*end = 0;
			return at + strlen(marker);
		}
	}
	fprintf(stderr, "%s", text);
	return NULL;
}

int main(int argc, char **argv)
{
	volatile uint64_t *begun;
	uint64_t seen = 0;
	bool end_it = argc > 1 && !strcmp(argv[1], "-k");
	char *rest;
	pid_t pid;
	int fd;

	argc -= end_it;
	argv += end_it;
	if (argc < 4)
		return fprintf(stderr, "usage: launch [-k] MARKER SECONDS COMMAND...\n"), 2;
	begun = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (begun == MAP_FAILED)
		return perror("mmap"), 1;
	fd = start(argv + 3, begun, &pid);
	if (fd < 0)
		return perror("start"), 1;
	rest = await(fd, argv[1], now_us() + strtoull(argv[2], NULL, 10) * 1000000, &seen);
	if (rest)
		printf("%llu %s\n", (unsigned long long)(seen - *begun), rest);
	if (!rest || end_it)
		kill(pid, SIGKILL);
	while (read(fd, (char[4096]){ 0 }, 4096) > 0) /* let it end by itself */
		;
	waitpid(pid, NULL, 0);
	return rest ? 0 : 1;
}
