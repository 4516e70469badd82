/*
 * Opening a disk: what may be one, its size and sector sizes, the lock, and the choice of a back
 * end. See block.h.
 * syscall(setup): newfstatat, openat: disks by path
 * syscall(setup): mmap, munmap: a back end's zeroes
 *
 * Nothing is opened before stat() said that it is a file or a block device: opening a FIFO would
 * hang, opening some character devices does things. What was opened is looked at again.
 */
#define _GNU_SOURCE
#include "block/backend.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/log.h"

#define SECTOR	     512
#define PHYSICAL_MAX 65536 /* a file system may name a stripe of megabytes */

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	default:
		return "something else";
	}
}

static int check_kind(const struct stat *st, const char *name, struct err *err)
{
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	return failx(err, S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL,
		"disk %s is %s: a disk is a regular file or a block device", name,
		kind_of(st->st_mode));
}

int block_open_file(int *fd, const char *path, bool readonly, struct err *err)
{
	struct stat st;
	int rc;

	if (stat(path, &st))
		return fail(err, -errno, "open disk %s", path);
	rc = check_kind(&st, path, err);
	if (rc)
		return rc;
	*fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return fail(err, -errno, "open disk %s%s", path, readonly ? "" : " for writing");
	return 0;
}

/* The caller's descriptor: can it do what is asked? */
static int check_access(int fd, bool readonly, const char *name, struct err *err)
{
	/* syscall(loop): fcntl(F_GETFL): how a disk that comes was opened */
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return fail(err, -errno, "use disk %s", name);
	if ((flags & O_ACCMODE) == O_WRONLY || flags & O_PATH)
		return failx(err, -EBADF, "disk %s was opened without the right to read", name);
	if (!readonly && (flags & O_ACCMODE) != O_RDWR)
		return failx(err, -EBADF, "disk %s was opened read-only, and is to be written",
			name);
	if (!readonly && flags & O_APPEND) /* pwrite() would not heed the offset */
		return failx(err, -EBADF, "disk %s was opened for appending", name);
	return 0;
}

int block_check_file(int fd, const char *name, bool readonly, struct err *err)
{
	struct stat st;
	int rc;

	/* syscall(loop): fstat: whether a disk that comes is one */
	if (fstat(fd, &st))
		return fail(err, -errno, "use disk %s", name);
	rc = check_kind(&st, name, err);
	return rc ? rc : check_access(fd, readonly, name, err);
}

static int lock_file(int fd, bool readonly, const char *name, struct err *err)
{
	struct flock fl = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &fl))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return failx(err, -EBUSY, "disk %s is in use by another process%s", name,
			readonly ? ", which may write it" : "");
	if (readonly) /* a file system without locks; a reader harms nobody */
		return 0;
	return fail(err, -errno, "lock disk %s", name);
}

static int device_info(struct block *b, const char *name, struct err *err)
{
	struct block_info *info = &b->info;
	unsigned physical = 0;
	int logical = 0, ro = 0;

	/* syscall(loop): ioctl(BLKGETSIZE64): a device that comes */
	/* syscall(loop): ioctl(BLKSSZGET): a device that comes */
	if (ioctl(b->fd, BLKGETSIZE64, &info->size) || ioctl(b->fd, BLKSSZGET, &logical))
		return fail(err, -errno, "get the size of disk %s", name);
	/* syscall(loop): ioctl(BLKROGET): a device that comes */
	/* syscall(loop): ioctl(BLKPBSZGET): a device that comes */
	if (!info->readonly && !ioctl(b->fd, BLKROGET, &ro) && ro)
		return fail(err, -EROFS, "open disk %s for writing", name);
	if (!ioctl(b->fd, BLKPBSZGET, &physical))
		info->physical_size = physical;
	info->logical_size = logical > 0 ? (uint32_t)logical : SECTOR;
	info->can_discard = !info->readonly;
	return 0;
}

/* Past its end a file has nothing to lose by a hole. */
static bool can_punch(int fd, uint64_t size)
{
	/* syscall(loop): fallocate: whether a disk that comes can have holes */
	return !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		(off_t)ALIGN_UP(size, PHYSICAL_MAX), PHYSICAL_MAX);
}

static int get_info(struct block *b, const char *name, struct err *err)
{
	struct block_info *info = &b->info;
	struct stat st;
	int rc = 0;

	/* syscall(loop): fstat: how large a disk is that comes */
	if (fstat(b->fd, &st))
		return fail(err, -errno, "use disk %s", name);
	if (S_ISBLK(st.st_mode)) {
		rc = device_info(b, name, err);
	} else {
		info->size = (uint64_t)st.st_size;
		info->logical_size = SECTOR;
		info->physical_size = (uint32_t)MIN(st.st_blksize, PHYSICAL_MAX);
		info->can_discard = !info->readonly && can_punch(b->fd, info->size);
	}
	if (rc)
		return rc;
	if (!info->size)
		return failx(err, -EINVAL, "disk %s is empty: it must have at least one byte",
			name);
	if (info->physical_size < info->logical_size ||
		info->physical_size & (info->physical_size - 1))
		info->physical_size = info->logical_size;
	return 0;
}

static int start_backend(struct block *b, enum block_io io, const char *name, struct err *err)
{
	int rc;

	if (io != BLOCK_IO_THREADS) {
		b->ops = &block_uring;
		rc = b->ops->open(b);
		if (!rc)
			return 0;
		if (io == BLOCK_IO_URING)
			return fail(err, rc, "use io_uring for disk %s", name);
		log_info("disk %s: no io_uring (%s), threads instead", name, err_text(-rc));
	}
	b->ops = &block_threads;
	rc = b->ops->open(b);
	return rc ? fail(err, rc, "get disk %s ready", name) : 0;
}

static void unlock_file(int fd)
{
	struct flock fl = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	/* syscall(loop): fcntl(F_OFD_SETLK): a disk that comes or goes is locked or unlocked */
	fcntl(fd, F_OFD_SETLK, &fl);
}

/* fd is b's from the moment all is well; till then the caller closes it. */
static int set_up(struct block *b, int fd, const char *name, struct err *err)
{
	bool readonly = b->info.readonly;
	int rc = block_check_file(fd, name, readonly, err);

	if (!rc)
		rc = lock_file(fd, readonly, name, err);
	if (rc)
		return rc;
	/* io_uring hands EAGAIN back where O_NONBLOCK is set, even for files */
	/* syscall(loop): fcntl(F_SETFL): a disk that comes is made blocking */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	/* syscall(loop): fcntl(F_SETFD): descriptors are closed on exec, though nothing is executed
	 */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	b->fd = fd;
	rc = get_info(b, name, err);
	if (!rc && b->ops->insert) {
		rc = b->ops->insert(b);
		if (rc)
			fail(err, rc, "use disk %s", name);
	}
	if (rc)
		b->fd = -1;
	return rc;
}

int block_new(struct block **out, const char *name, enum block_io io, struct loop *loop,
	struct block_owner *owner, struct err *err)
{
	struct block *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return fail(err, -ENOMEM, "get disk %s ready", name);
	b->owner = owner;
	b->loop = loop;
	b->fd = -1;
	b->zeros = mmap(NULL, BLOCK_ZEROS, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->zeros == MAP_FAILED) {
		free(b);
		return fail(err, -ENOMEM, "get disk %s ready", name);
	}
	rc = start_backend(b, io, name, err);
	if (rc) {
		munmap(b->zeros, BLOCK_ZEROS);
		free(b);
		return rc;
	}
	*out = b;
	return 0;
}

int block_insert(struct block *b, const char *path, int fd, bool readonly, struct err *err)
{
	char name[32];
	AUTO_FD opened = -1;
	int rc;

	snprintf(name, sizeof(name), "fd %d", fd);
	if (fd < 0) {
		if (!path || !*path)
			return failx(err, -EINVAL, "a disk needs a path");
		rc = block_open_file(&opened, path, readonly, err);
		if (rc)
			return rc;
	}
	b->info = (struct block_info){ .readonly = readonly };
	b->no_punch = b->no_zero_range = false;
	rc = set_up(b, fd < 0 ? opened : fd, path ? path : name, err);
	if (rc && fd >= 0) /* stays the caller's, as it was */
		unlock_file(fd);
	if (!rc)
		take_fd(&opened);
	return rc;
}

void block_eject(struct block *b)
{
	if (b->fd < 0)
		return;
	if (b->ops->eject)
		b->ops->eject(b);
	close(b->fd);
	b->fd = -1;
}

int block_open(struct block **out, const char *path, int fd, bool readonly, enum block_io io,
	struct loop *loop, struct block_owner *owner, struct err *err)
{
	char name[32];
	struct block *b;
	int rc;

	snprintf(name, sizeof(name), "fd %d", fd);
	rc = block_new(&b, path ? path : name, io, loop, owner, err);
	if (rc)
		return rc;
	rc = block_insert(b, path, fd, readonly, err);
	if (rc) {
		block_close(b);
		return rc;
	}
	*out = b;
	return 0;
}

void block_close(struct block *b)
{
	if (!b)
		return;
	block_eject(b);
	b->ops->close(b);
	munmap(b->zeros, BLOCK_ZEROS);
	free(b);
}

int block_settle(struct block *b, void (*first)(void))
{
	return b->ops->settle ? b->ops->settle(b, first) : 0;
}

const struct block_info *block_info(const struct block *b)
{
	return &b->info;
}

const char *block_io_name(const struct block *b)
{
	return b->ops->name;
}

void block_submit(struct block *b, struct block_req *req)
{
	block_begin(b, req);
	b->ops->submit(b, req);
}

void block_kick(struct block *b)
{
	b->ops->kick(b);
}

void block_drain(struct block *b)
{
	b->ops->drain(b);
}
