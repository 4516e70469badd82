/*
 * QEMU's words (qapi block-core, qdev) for replaceable disks; see block_commands.h. Options that
 * change nothing here are accepted (aio, cache.no-flush), those that ask for something that is not
 * to be had are refused by name.
 */
#include "shim/qmp/block_commands.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/log.h"

#define SECTOR 512

static struct qmp_node *find(struct qmp_blocks *b, const char *id)
{
	for (size_t i = 0; i < QMP_NODES; i++)
		if (b->node[i].state != QMP_NODE_NONE && !strcmp(b->node[i].id, id))
			return &b->node[i];
	return NULL;
}

static struct qmp_node *find_device(struct qmp_blocks *b, const char *device)
{
	for (size_t i = 0; i < QMP_NODES; i++)
		if (b->node[i].state == QMP_NODE_IN && !strcmp(b->node[i].device, device))
			return &b->node[i];
	return NULL;
}

static const struct qmp_node *in_slot(const struct qmp_blocks *b, unsigned slot)
{
	for (size_t i = 0; i < QMP_NODES; i++)
		if (b->node[i].state == QMP_NODE_IN && b->node[i].slot == slot)
			return &b->node[i];
	return NULL;
}

static void forget(struct qmp_node *n)
{
	if (n->state == QMP_NODE_OPEN)
		auto_fd_close(&n->fd);
	free(n->path);
	*n = (struct qmp_node){ .fd = -1 };
}

/* A free place, or the one whose device went first. */
static struct qmp_node *place(struct qmp_blocks *b)
{
	struct qmp_node *oldest = NULL;

	for (size_t i = 0; i < QMP_NODES; i++) {
		struct qmp_node *n = &b->node[i];

		if (n->state == QMP_NODE_NONE)
			return n;
		if (n->state == QMP_NODE_SPENT && (!oldest || n->age < oldest->age))
			oldest = n;
	}
	if (oldest)
		forget(oldest);
	return oldest;
}

static int check_id(const char *id, const char *what, struct err *err)
{
	size_t len = strlen(id);

	if (len && len <= QMP_NODE_ID_MAX)
		return 0;
	return failx(err, -EINVAL, "%s has %zu bytes: 1 to %d are possible", what, len,
		QMP_NODE_ID_MAX);
}

static int name_node(struct qmp_node *n, const char *id, const char *path, struct err *err)
{
	*n = (struct qmp_node){ .fd = -1, .path = strdup(path) };
	if (!n->path)
		return fail(err, -ENOMEM, "add block device %s", id);
	snprintf(n->id, sizeof(n->id), "%s", id);
	return 0;
}

int qmp_blocks_fixed(struct qmp_blocks *b, unsigned slot, const char *id, const char *device,
	const char *path, bool readonly, struct err *err)
{
	struct qmp_node *n = place(b);
	int rc = check_id(id, "the drive's id", err);

	if (!rc)
		rc = check_id(device, "the device's id", err);
	if (!rc && !n)
		rc = failx(err, -E2BIG, "more than %d disks", QMP_NODES);
	if (!rc)
		rc = name_node(n, id, path, err);
	if (rc)
		return rc;
	snprintf(n->device, sizeof(n->device), "%s", device);
	n->state = QMP_NODE_IN;
	n->readonly = readonly;
	n->fixed = true;
	n->slot = slot;
	return 0;
}

void qmp_blocks_fini(struct qmp_blocks *b)
{
	for (size_t i = 0; i < QMP_NODES; i++)
		forget(&b->node[i]);
}

/* arguments */

static const char *text(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

static int one_of(const char *what, const char *value, const char *const *words, struct err *err)
{
	for (; *words; words++)
		if (!strcmp(value, *words))
			return 0;
	return failx(err, -EINVAL, "%s \"%.64s\" is not to be had here", what, value);
}

/* Sizes and switches come as strings or as what they are. */
static int number(const json_t *args, const char *name, uint64_t *out, struct err *err)
{
	const json_t *value = json_object_get(args, name);
	const char *s = json_string_value(value);
	char *end = NULL;

	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = (uint64_t)json_integer_value(value);
		return 0;
	}
	errno = 0;
	if (s && *s >= '0' && *s <= '9')
		*out = strtoull(s, &end, 0);
	if (end && !*end && !errno)
		return 0;
	return failx(err, -EINVAL, "argument \"%s\" is not a number", name);
}

/* A slot's sector sizes are fixed at boot, when nobody knows what will be put in. */
static int check_sectors(const json_t *args, struct err *err)
{
	uint64_t size = SECTOR;
	int rc = 0;

	if (json_object_get(args, "logical_block_size"))
		rc = number(args, "logical_block_size", &size, err);
	if (!rc && size != SECTOR)
		return failx(err, -EINVAL, "logical_block_size %llu is not to be had: it is %d",
			(unsigned long long)size, SECTOR);
	if (!rc && json_object_get(args, "physical_block_size"))
		rc = number(args, "physical_block_size", &size, err);
	return rc;
}

/* blockdev-add, blockdev-del */

static const struct qmp_command file_args = { .name = "blockdev-add: \"file\"",
	.args = { { "driver", false, JSON_STRING }, { "filename", false, JSON_STRING },
		{ "aio", true, JSON_STRING }, { "locking", true, JSON_STRING } } };

static const struct qmp_command cache_args = { .name = "blockdev-add: \"cache\"",
	.args = { { "direct", true, JSON_TRUE }, { "no-flush", true, JSON_TRUE } } };

static int check_blockdev(json_t *args, enum block_io *io, struct err *err)
{
	static const char *const formats[] = { "raw", NULL };
	static const char *const files[] = { "file", "host_device", NULL };
	static const char *const aios[] = { "native", "io_uring", "threads", NULL };
	json_t *file = json_object_get(args, "file"), *cache = json_object_get(args, "cache");
	const char *aio;
	int rc = one_of("driver", text(args, "driver"), formats, err);

	if (!rc)
		rc = qmp_check_args(&file_args, file, err);
	if (!rc && cache)
		rc = qmp_check_args(&cache_args, cache, err);
	if (!rc)
		rc = one_of("file driver", text(file, "driver"), files, err);
	aio = rc ? NULL : text(file, "aio");
	if (aio)
		rc = one_of("aio", aio, aios, err);
	if (!rc && !*text(file, "filename"))
		rc = failx(err, -EINVAL, "the file name is empty");
	if (!rc && json_is_true(json_object_get(cache, "direct")))
		log_info("%s: the host's page cache is used, cache.direct is not heeded",
			text(file, "filename"));
	*io = aio && !strcmp(aio, "threads") ? BLOCK_IO_THREADS : BLOCK_IO_AUTO;
	return rc;
}

/* Opens filename, or copies the descriptor that it means; *name: what to call it. */
static int open_file(const struct qmp_blocks *b, const char *filename, bool readonly, int *fd,
	const char **name, struct err *err)
{
	AUTO_FD got = -1;
	int rc;

	*name = filename;
	if (!b->fds || !qmp_fds_means(filename))
		return vm_disk_open(b->vm, fd, filename, readonly, err);
	rc = qmp_fds_copy(b->fds, filename, readonly, &got, name, err);
	if (!rc)
		rc = block_check_file(got, *name, readonly, err);
	if (!rc)
		*fd = take_fd(&got);
	return rc;
}

static int blockdev_add(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	struct qmp_blocks *b = ctx;
	const char *id = text(args, "node-name"), *filename, *name;
	bool readonly = json_is_true(json_object_get(args, "read-only"));
	struct qmp_node *n = find(b, id);
	enum block_io io = BLOCK_IO_AUTO;
	AUTO_FD fd = -1;
	int rc = check_id(id, "the node's name", err);

	if (!rc && n && n->state != QMP_NODE_SPENT)
		rc = failx(err, -EEXIST, "there is a block device %s already", id);
	if (!rc)
		rc = check_blockdev(args, &io, err);
	if (rc)
		return rc;
	filename = text(json_object_get(args, "file"), "filename");
	rc = open_file(b, filename, readonly, &fd, &name, err);
	if (rc)
		return rc;
	if (n)
		forget(n);
	n = place(b);
	if (!n)
		return failx(err, -ENOSPC, "add block device %s: there are %d already", id,
			QMP_NODES);
	rc = name_node(n, id, name, err);
	if (rc)
		return rc;
	n->state = QMP_NODE_OPEN;
	n->readonly = readonly;
	n->sent = b->fds && qmp_fds_means(filename);
	n->io = io;
	n->fd = take_fd(&fd);
	return 0;
}

static int blockdev_del(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	const char *id = text(args, "node-name");
	struct qmp_node *n = find(ctx, id);

	if (!n)
		return failx(err, -ENXIO, "there is no block device %.127s", id);
	if (n->state == QMP_NODE_IN)
		return failx(err, -EBUSY, "block device %s is in use by device %s", id, n->device);
	forget(n);
	return 0;
}

/* device_add, device_del */

/* The slot that addr names; without one, the first that is free. */
static int choose_slot(const struct qmp_blocks *b, const json_t *args, unsigned *slot,
	struct err *err)
{
	const struct qmp_node *n;
	uint64_t addr;
	int rc;

	if (!json_object_get(args, "addr")) {
		for (*slot = 0; *slot < b->slots; ++*slot)
			if (!in_slot(b, *slot))
				return 0;
		return failx(err, -ENOSPC, "all %u disk slots are full", b->slots);
	}
	rc = number(args, "addr", &addr, err);
	if (rc)
		return rc;
	if (addr >= b->slots)
		return failx(err, -ENOENT, "there is no disk slot %llu: 0 to %u are",
			(unsigned long long)addr, b->slots - 1);
	*slot = (unsigned)addr;
	n = in_slot(b, *slot);
	return n ? failx(err, -EBUSY, "disk slot %u is full: device %s is in it", *slot, n->device)
		 : 0;
}

/* 20 bytes are all that a virtio disk can tell. */
static void serial_of(char serial[21], const json_t *args)
{
	const char *s = text(args, "serial");

	snprintf(serial, 21, "%.20s", s ? s : text(args, "id"));
}

/*
 * Two disks may be one file only if none writes. The lock on the file says so where it was opened
 * twice; copies of one descriptor share theirs.
 */
static int check_sharing(const struct qmp_blocks *b, struct qmp_node *n, int fd, struct err *err)
{
	struct stat st;

	/* syscall(loop): fstat: which disks are in */
	if (fstat(fd, &st))
		return fail(err, -errno, "use disk %s", n->path);
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	for (const struct qmp_node *o = b->node; o < b->node + QMP_NODES; o++)
		if (o->state == QMP_NODE_IN && !o->fixed && o->dev == n->dev && o->ino == n->ino &&
			!(o->readonly && n->readonly))
			return failx(err, -EBUSY, "disk %s is in use by device %s", n->path,
				o->device);
	return 0;
}

static int reopen(struct qmp_blocks *b, const struct qmp_node *n, int *fd, struct err *err)
{
	if (n->sent)
		return failx(err, -EBADF,
			"the descriptor of block device %s went with its device: send it again",
			n->id);
	return vm_disk_open(b->vm, fd, n->path, n->readonly, err);
}

static int plug(struct qmp_blocks *b, struct qmp_node *n, unsigned slot, const char *serial,
	struct err *err)
{
	AUTO_FD fd = n->fd;
	struct vm_disk disk = { .path = n->path,
		.id = serial,
		.readonly = n->readonly,
		.io = n->io };
	int rc = 0;

	n->fd = -1;
	if (fd < 0)
		rc = reopen(b, n, &fd, err);
	if (!rc)
		rc = check_sharing(b, n, fd, err);
	disk.fd = fd;
	if (!rc)
		rc = vm_disk_plug(b->vm, slot, &disk, err);
	if (rc) {
		n->fd = take_fd(&fd);
		n->state = n->fd < 0 ? QMP_NODE_SPENT : QMP_NODE_OPEN;
		return rc;
	}
	take_fd(&fd);
	n->state = QMP_NODE_IN;
	n->slot = slot;
	return 0;
}

static int device_add(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	static const char *const drivers[] = { "virtio-blk-mmio", "virtio-blk-device", NULL };
	struct qmp_blocks *b = ctx;
	const char *id = text(args, "id"), *drive = text(args, "drive");
	const char *rom = text(args, "romfile");
	struct qmp_node *n = find(b, drive);
	unsigned slot = 0;
	char serial[21];
	int rc = one_of("driver", text(args, "driver"), drivers, err);

	if (!rc)
		rc = check_id(id, "the device's id", err);
	if (!rc && rom && *rom)
		rc = failx(err, -EINVAL, "romfile is not to be had: a disk has no ROM");
	if (!rc && find_device(b, id))
		rc = failx(err, -EEXIST, "there is a device %s already", id);
	if (!rc && !n)
		rc = failx(err, -ENXIO, "there is no block device %.127s", drive);
	if (!rc && n->state == QMP_NODE_IN)
		rc = failx(err, -EBUSY, "block device %s is in use by device %s", drive, n->device);
	if (!rc)
		rc = check_sectors(args, err);
	if (!rc)
		rc = choose_slot(b, args, &slot, err);
	if (rc)
		return rc;
	serial_of(serial, args);
	rc = plug(b, n, slot, serial, err);
	if (rc)
		return err_prefix(err, rc, "add device %s", id);
	snprintf(n->device, sizeof(n->device), "%s", id);
	log_info("disk %s is in slot %u", n->path, slot);
	return 0;
}

static int device_del(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	struct qmp_blocks *b = ctx;
	const char *id = text(args, "id");
	struct qmp_node *n = find_device(b, id);
	int rc;

	if (!n)
		return failx(err, -ENXIO, "there is no device %.127s", id);
	if (n->fixed)
		return failx(err, -EBUSY, "device %s is part of the machine and can't be removed",
			id);
	rc = vm_disk_unplug(b->vm, n->slot, err);
	if (rc)
		return err_prefix(err, rc, "remove device %s", id);
	n->state = QMP_NODE_SPENT;
	n->age = b->ages++;
	log_info("disk %s is out of slot %u", n->path, n->slot);
	if (b->server)
		qmp_server_event(b->server, "DEVICE_DELETED",
			json_pack("{s:o,s:o}", "device", qmp_text(id), "path", qmp_text(id)));
	return 0;
}

/* query-block */

static json_t *describe(const struct qmp_node *n)
{
	json_t *inserted = json_pack("{s:o,s:o,s:b,s:s,s:i,s:b}", "file", qmp_text(n->path),
		"node-name", qmp_text(n->id), "ro", n->readonly, "drv", "raw", "backing_file_depth",
		0, "encrypted", 0);

	return json_pack("{s:s,s:o,s:s,s:b,s:b,s:o}", "device", "", "qdev", qmp_text(n->device),
		"type", "unknown", "removable", !n->fixed, "locked", 0, "inserted", inserted);
}

static int query_block(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	const struct qmp_blocks *b = ctx;

	*ret = json_array();
	for (unsigned slot = 0; slot < b->slots; slot++) {
		const struct qmp_node *n = in_slot(b, slot);

		if (n && json_array_append_new(*ret, describe(n)))
			return -ENOMEM;
	}
	return *ret ? 0 : -ENOMEM;
}

static const struct qmp_command commands[] = {
	{ "blockdev-add", blockdev_add,
		{ { "driver", false, JSON_STRING }, { "node-name", false, JSON_STRING },
			{ "file", false, JSON_OBJECT }, { "read-only", true, JSON_TRUE },
			{ "cache", true, JSON_OBJECT }, { "auto-read-only", true, JSON_TRUE },
			{ "discard", true, JSON_STRING } },
		false },
	{ "blockdev-del", blockdev_del, { { "node-name", false, JSON_STRING } }, false },
	{ "device_add", device_add,
		{ { "driver", false, JSON_STRING }, { "id", false, JSON_STRING },
			{ "drive", false, JSON_STRING }, { "addr", true, JSON_NULL },
			{ "bus", true, JSON_STRING }, { "romfile", true, JSON_STRING },
			{ "serial", true, JSON_STRING }, { "share-rw", true, JSON_NULL },
			{ "logical_block_size", true, JSON_NULL },
			{ "physical_block_size", true, JSON_NULL } },
		false },
	{ "device_del", device_del, { { "id", false, JSON_STRING } }, false },
	{ "query-block", query_block, { { 0 } }, false },
};

struct qmp_table qmp_blocks_table(struct qmp_blocks *b)
{
	return (struct qmp_table){ commands, ARRAY_SIZE(commands), b };
}
