/* See exit_file.h. */
#include "shim/containerd/exit_file.h"

#include <inttypes.h>
#include <stdio.h>
#include "shim/containerd/file.h"

#define NS_PER_S 1000000000

static int make_path(char path[4096], const char *bundle, struct err *err)
{
	if ((size_t)snprintf(path, 4096, "%s/" EXIT_FILE, bundle) >= 4096)
		return failx(err, -ENAMETOOLONG, "the path of the bundle is too long");
	return 0;
}

int exit_file_write(const char *bundle, const struct exit_file *e, struct err *err)
{
	char path[4096], text[80];
	int rc = make_path(path, bundle, err);

	snprintf(text, sizeof(text), "%" PRIu32 " %lld %ld\n", e->status, (long long)e->at.tv_sec,
		e->at.tv_nsec);
	return rc ? rc : file_replace(path, text, err);
}

bool exit_file_read(const char *bundle, struct exit_file *e)
{
	AUTO_FREE char *text = NULL;
	char path[4096];
	long long seconds;
	size_t len;

	if (make_path(path, bundle, NULL) || file_read(path, 80, &text, &len, NULL) ||
		sscanf(text, "%" SCNu32 " %lld %ld", &e->status, &seconds, &e->at.tv_nsec) != 3)
		return false;
	e->at.tv_sec = (time_t)seconds;
	return seconds > 0 && e->at.tv_nsec >= 0 && e->at.tv_nsec < NS_PER_S;
}
