/*
 * See streams.h.
 * syscall(setup): openat, close_range: all of it
 */
#define _GNU_SOURCE
#include "core/streams.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

void streams_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* The next one that stays, from from on. */
static int next(const int *fds, unsigned n, int from)
{
	int least = INT_MAX;

	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= from && fds[i] < least)
			least = fds[i];
	return least;
}

void streams_keep(const int *fds, unsigned n)
{
	int from = STDERR_FILENO + 1;

	while (from < INT_MAX) {
		int stays = next(fds, n, from);

		if (stays > from)
			close_range((unsigned)from, (unsigned)stays - 1, 0);
		from = stays == INT_MAX ? INT_MAX : stays + 1;
	}
}
