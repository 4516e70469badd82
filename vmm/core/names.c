/*
 * A list of names and whether they are ours to remove; see names.h.
 * syscall(setup): newfstatat, fstat, unlinkat: made before the sandbox closes, or by the opener
 */
#define _GNU_SOURCE
#include "core/names.h"

#include <pthread.h>
#include <sys/stat.h>

static struct {
	pthread_mutex_t lock; /* guards first */
	struct name *first;
	bool left;
} names = { .lock = PTHREAD_MUTEX_INITIALIZER };

int name_made(struct name *n, const char *path, int fd)
{
	struct stat st;

	*n = (struct name){ 0 };
	if (fd < 0 ? lstat(path, &st) : fstat(fd, &st))
		return -errno;
	pthread_mutex_lock(&names.lock);
	*n = (struct name){ path, st.st_dev, st.st_ino, names.first };
	names.first = n;
	pthread_mutex_unlock(&names.lock);
	return 0;
}

bool name_is_ours(const struct name *n)
{
	struct stat st;

	return n->path && !lstat(n->path, &st) && st.st_dev == n->dev && st.st_ino == n->ino;
}

void name_forget(struct name *n)
{
	pthread_mutex_lock(&names.lock);
	for (struct name **p = &names.first; *p; p = &(*p)->next)
		if (*p == n) {
			*p = n->next;
			break;
		}
	pthread_mutex_unlock(&names.lock);
	n->path = NULL;
}

void name_remove(struct name *n)
{
	if (!names.left && name_is_ours(n))
		unlink(n->path);
	name_forget(n);
}

const struct name *names_first(void)
{
	return names.first;
}

void names_leave(void)
{
	names.left = true;
}

void names_remove_all(void)
{
	while (names.first)
		name_remove(names.first);
}
