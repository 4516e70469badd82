/*
 * Does the same random file operations in two directories and compares every result: what is
 * returned, read, listed, and in the end both trees. With one of them on a file system that is
 * trusted, it is a test of the other.
 *   fsops DIR DIR SEED COUNT
 * The status is 1 at the first difference, which is shown.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS	 8
#define FILE_MAX (256 * 1024) /* bytes; where writes end at most */
#define IO_MAX	 (80 * 1024)
#define OUT_MAX	 (IO_MAX + 4096)

static const char pool[] = "abcd"; /* few names, so that they meet */

/* One of the two directories, and what the current operation found there. */
struct side {
	const char *name;
	int dir;
	int fd[SLOTS];
	long result;
	size_t len;
	unsigned char out[OUT_MAX];
};

/* An operation's arguments, drawn once for both sides. */
struct args {
	char path[16], other[16];
	int slot;
	unsigned bits;
	off_t at;
	size_t len;
};

static uint64_t state; /* of the random numbers */

static uint64_t draw(uint64_t below)
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return (x ^ x >> 31) % below;
}

static void draw_path(char *path)
{
	unsigned depth = "\1\1\1\1\2\2\2\3"[draw(8)];

	for (unsigned i = 0; i < depth; i++) {
		*path++ = pool[draw(sizeof(pool) - 1)];
		*path++ = i + 1 < depth ? '/' : 0;
	}
}

/* Small and page-sized things happen as often as large ones. */
static size_t draw_size(size_t most)
{
	switch (draw(4)) {
	case 0:
		return draw(64);
	case 1:
		return 4096 * draw(most / 4096 + 1);
	default:
		return draw(most + 1);
	}
}

static long ok(long rc)
{
	return rc < 0 ? -errno : rc;
}

static void found(struct side *s, const void *data, size_t len)
{
	if (len > OUT_MAX - s->len)
		len = OUT_MAX - s->len;
	memcpy(s->out + s->len, data, len);
	s->len += len;
}

/* operations: 0 or more, or -errno */

static long do_open(struct side *s, const struct args *a)
{
	static const int flags[] = { O_CREAT, O_CREAT | O_TRUNC, O_CREAT | O_APPEND,
		O_CREAT | O_EXCL, O_TRUNC, O_NOFOLLOW, 0, 0 };
	int fd = openat(s->dir, a->path, O_RDWR | flags[a->bits % 8], 0640);

	if (fd < 0)
		return -errno;
	if (s->fd[a->slot] >= 0)
		close(s->fd[a->slot]);
	s->fd[a->slot] = fd;
	return 0;
}

static long do_close(struct side *s, const struct args *a)
{
	int fd = s->fd[a->slot];

	s->fd[a->slot] = -1;
	return ok(close(fd));
}

static long do_write(struct side *s, const struct args *a)
{
	static unsigned char buf[IO_MAX];

	for (size_t i = 0; i < a->len; i++)
		buf[i] = (unsigned char)(a->bits + i * 7 + i / 256);
	return ok(pwrite(s->fd[a->slot], buf, a->len, a->at));
}

static long do_read(struct side *s, const struct args *a)
{
	static unsigned char buf[IO_MAX];
	ssize_t n = pread(s->fd[a->slot], buf, a->len, a->at);

	if (n > 0)
		found(s, buf, (size_t)n);
	return ok(n);
}

static long do_truncate(struct side *s, const struct args *a)
{
	return ok(ftruncate(s->fd[a->slot], a->at));
}

static long do_allocate(struct side *s, const struct args *a)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };

	return ok(fallocate(s->fd[a->slot], modes[a->bits % 3], a->at, (off_t)a->len));
}

static long do_sync(struct side *s, const struct args *a)
{
	return ok(a->bits & 1 ? fsync(s->fd[a->slot]) : fdatasync(s->fd[a->slot]));
}

/* A page of the file, if it has that page whole; every other time it is written to. */
static long do_map(struct side *s, const struct args *a)
{
	off_t at = a->at & ~4095L;
	struct stat st;
	char *p;

	if (fstat(s->fd[a->slot], &st))
		return -errno;
	if (st.st_size < at + 4096)
		return 0;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd[a->slot], at);
	if (p == MAP_FAILED)
		return -errno;
	found(s, p, 4096);
	if (a->bits & 1)
		memset(p + a->bits % 4000, (int)a->bits >> 12, 96);
	if (a->bits & 2 && msync(p, 4096, MS_SYNC))
		return -errno;
	return ok(munmap(p, 4096));
}

static long do_mkdir(struct side *s, const struct args *a)
{
	return ok(mkdirat(s->dir, a->path, 0750));
}

static long do_remove(struct side *s, const struct args *a)
{
	return ok(unlinkat(s->dir, a->path, a->bits & 1 ? AT_REMOVEDIR : 0));
}

static long do_rename(struct side *s, const struct args *a)
{
	static const unsigned flags[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };

	return ok(renameat2(s->dir, a->path, s->dir, a->other, flags[a->bits % 5]));
}

static long do_link(struct side *s, const struct args *a)
{
	return ok(linkat(s->dir, a->path, s->dir, a->other, 0));
}

static long do_symlink(struct side *s, const struct args *a)
{
	return ok(symlinkat(a->other, s->dir, a->path));
}

static long do_readlink(struct side *s, const struct args *a)
{
	char buf[64];
	ssize_t n = readlinkat(s->dir, a->path, buf, sizeof(buf));

	if (n > 0)
		found(s, buf, (size_t)n);
	return ok(n);
}

static long do_chmod(struct side *s, const struct args *a)
{
	return ok(fchmodat(s->dir, a->path, a->bits & 0777, 0));
}

static long do_times(struct side *s, const struct args *a)
{
	const struct timespec t[2] = { { a->bits, (long)a->len * 1000 }, { a->at, 999999999 } };

	return ok(utimensat(s->dir, a->path, t, 0));
}

/* What is the same wherever a file lies. A directory's size and links are its file system's own. */
static long note(struct side *s, const struct stat *st)
{
	uint64_t facts[5] = { st->st_mode, st->st_uid, st->st_gid };

	if (!S_ISDIR(st->st_mode)) {
		facts[3] = (uint64_t)st->st_size;
		facts[4] = st->st_nlink;
	}
	found(s, facts, sizeof(facts));
	return 0;
}

static long do_stat(struct side *s, const struct args *a)
{
	struct stat st;

	if (fstatat(s->dir, a->path, &st, a->bits & 1 ? AT_SYMLINK_NOFOLLOW : 0))
		return -errno;
	return note(s, &st);
}

static long do_fstat(struct side *s, const struct args *a)
{
	struct stat st;

	if (fstat(s->fd[a->slot], &st))
		return -errno;
	return note(s, &st);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static long list(struct side *s, const char *path)
{
	int fd = openat(s->dir, path, O_RDONLY | O_DIRECTORY);
	char names[16][8] = { "" };
	const struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	while ((e = readdir(dir)))
		if (n < 16)
			snprintf(names[n++], sizeof(names[0]), "%.4s %u", e->d_name, e->d_type);
	closedir(dir);
	qsort(names, n, sizeof(names[0]), by_name);
	found(s, names, n * sizeof(names[0]));
	return n;
}

static long do_list(struct side *s, const struct args *a)
{
	return list(s, a->bits % 8 ? a->path : ".");
}

/* What is cached hides what is there. */
static long do_forget(struct side *s, const struct args *a)
{
	int fd = a->bits % 16 ? -1 : open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0) {
		sync();
		(void)!write(fd, "3", 1);
		close(fd);
	}
	return s->len != 0;
}

static const struct {
	const char *name;
	long (*run)(struct side *s, const struct args *a);
	unsigned weight;
} operations[] = {
	{ "open", do_open, 16 },
	{ "close", do_close, 1 },
	{ "write", do_write, 16 },
	{ "read", do_read, 16 },
	{ "truncate", do_truncate, 4 },
	{ "allocate", do_allocate, 3 },
	{ "sync", do_sync, 1 },
	{ "map", do_map, 4 },
	{ "mkdir", do_mkdir, 6 },
	{ "remove", do_remove, 4 },
	{ "rename", do_rename, 6 },
	{ "link", do_link, 3 },
	{ "symlink", do_symlink, 2 },
	{ "readlink", do_readlink, 2 },
	{ "chmod", do_chmod, 2 },
	{ "times", do_times, 1 },
	{ "stat", do_stat, 6 },
	{ "fstat", do_fstat, 3 },
	{ "list", do_list, 5 },
	{ "forget", do_forget, 1 },
};
#define NOPERATIONS (sizeof(operations) / sizeof(operations[0]))

static unsigned choose(void)
{
	unsigned total = 0, i = 0, left;

	for (unsigned k = 0; k < NOPERATIONS; k++)
		total += operations[k].weight;
	for (left = (unsigned)draw(total); left >= operations[i].weight; i++)
		left -= operations[i].weight;
	return i;
}

static int differ(const struct side *s)
{
	return s[0].result != s[1].result || s[0].len != s[1].len ||
		memcmp(s[0].out, s[1].out, s[0].len);
}

static void tell_difference(const struct side *s, const char *what, const struct args *a)
{
	size_t i = 0;

	printf("fsops: %s path %s other %s slot %d bits %u at %ld len %zu\n", what, a->path,
		a->other, a->slot, a->bits, (long)a->at, a->len);
	for (int k = 0; k < 2; k++)
		printf("fsops: %s: %ld (%s), %zu bytes\n", s[k].name, s[k].result,
			s[k].result < 0 ? strerror((int)-s[k].result) : "done", s[k].len);
	while (i < s[0].len && i < s[1].len && s[0].out[i] == s[1].out[i])
		i++;
	if (i < s[0].len || i < s[1].len)
		printf("fsops: they differ from byte %zu on\n", i);
}

static int step(struct side *s, unsigned long *failed)
{
	unsigned op = choose();
	struct args a = { .slot = (int)draw(SLOTS), .bits = (unsigned)draw(1 << 20) };

	draw_path(a.path);
	draw_path(a.other);
	a.at = (off_t)draw_size(FILE_MAX - IO_MAX);
	a.len = draw_size(IO_MAX);
	for (int k = 0; k < 2; k++) {
		s[k].len = 0;
		s[k].result = operations[op].run(&s[k], &a);
	}
	*failed += s[0].result < 0;
	if (!differ(s))
		return 0;
	tell_difference(s, operations[op].name, &a);
	return 1;
}

/* Both trees, name by name and byte by byte. */
static int same_tree(struct side *s, const char *path, unsigned depth)
{
	struct args a = { 0 };
	struct stat st;

	snprintf(a.path, sizeof(a.path), "%s", path);
	for (int k = 0; k < 2; k++) {
		int fd = openat(s[k].dir, path, O_RDONLY | O_NOFOLLOW);

		s[k].len = 0;
		s[k].result = fd < 0 ? -errno : fstat(fd, &st) ? -errno : note(&s[k], &st);
		if (fd >= 0 && S_ISDIR(st.st_mode))
			s[k].result = list(&s[k], path);
		for (off_t at = 0; fd >= 0 && S_ISREG(st.st_mode) && at < st.st_size; at += 4096) {
			unsigned char page[4096];
			ssize_t n = pread(fd, page, sizeof(page), at);
			uint64_t sum = 0;

			for (ssize_t i = 0; i < n; i++)
				sum = sum * 31 + page[i];
			found(&s[k], &sum, sizeof(sum));
		}
		if (fd >= 0)
			close(fd);
	}
	if (differ(s)) {
		tell_difference(s, "in the end", &a);
		return 1;
	}
	for (const char *c = pool; *c && depth && s[0].result >= 0; c++) {
		char below[16];

		snprintf(below, sizeof(below), "%.12s/%c", path, *c);
		if (same_tree(s, below, depth - 1))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct side s[2];
	unsigned long count = argc > 4 ? strtoul(argv[4], NULL, 10) : 0, failed = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: fsops DIR DIR SEED COUNT\n");
		return 2;
	}
	umask(0);
	state = strtoull(argv[3], NULL, 10);
	for (int k = 0; k < 2; k++) {
		s[k].name = argv[1 + k];
		s[k].dir = open(argv[1 + k], O_RDONLY | O_DIRECTORY);
		memset(s[k].fd, -1, sizeof(s[k].fd));
		if (s[k].dir < 0) {
			fprintf(stderr, "fsops: %s: %s\n", s[k].name, strerror(errno));
			return 1;
		}
	}
	for (unsigned long i = 0; i < count; i++)
		if (step(s, &failed)) {
			printf("fsops: at operation %lu of seed %s\n", i, argv[3]);
			return 1;
		}
	if (same_tree(s, ".", 3))
		return 1;
	printf("fsops: %lu operations, %lu of them failed alike\n", count, failed);
	return 0;
}
