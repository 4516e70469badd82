/*
 * Disks that come and go by QMP: blockdev-add and blockdev-del name files, device_add and
 * device_del put them into the machine's disk slots, query-block lists them. A table for fronts
 * whose callers plug disks, over vm.h alone.
 *
 * A file is opened by blockdev-add, or is a copy of a descriptor that a client sent (fds.h), and
 * closed when its device or its name goes. A device that goes
 * closes its file, so that the host can take it back, and leaves the name behind: for blockdev-del,
 * which callers may send or not, or for the next blockdev-add in need of a place. So there is a
 * bounded number of names. Owner: the front, which keeps struct qmp_blocks as the table's context;
 * loop thread only.
 */
#ifndef SAMPAN_QMP_BLOCK_COMMANDS_H
#define SAMPAN_QMP_BLOCK_COMMANDS_H

#include "shim/qmp/fds.h"
#include "shim/qmp/server.h"
#include "vm.h"

#define QMP_NODES	64
#define QMP_NODE_ID_MAX 127 /* bytes of a name */

enum qmp_node_state {
	QMP_NODE_NONE,
	QMP_NODE_OPEN,	/* added, no device: fd holds the file */
	QMP_NODE_IN,	/* its device sits in slot */
	QMP_NODE_SPENT, /* its device has gone */
};

struct qmp_node {
	enum qmp_node_state state;
	char id[QMP_NODE_ID_MAX + 1], device[QMP_NODE_ID_MAX + 1];
	char *path;
	int fd;
	dev_t dev; /* of the file, fixed ones apart */
	ino_t ino;
	bool readonly;
	bool sent;  /* by a client: path is only what it is called */
	bool fixed; /* of the start: device_del can't take it */
	enum block_io io;
	unsigned slot;
	uint64_t age; /* of SPENT ones: the smallest goes first */
};

struct qmp_blocks {
	struct vm *vm;
	struct qmp_server *server; /* gets DEVICE_DELETED; may be NULL */
	struct qmp_fds *fds;	   /* NULL: no descriptors by name */
	unsigned slots;		   /* of the machine, those of the start's disks included */
	struct qmp_node node[QMP_NODES];
	uint64_t ages;
};

struct qmp_table qmp_blocks_table(struct qmp_blocks *b);

/* A disk that the machine starts with. */
int qmp_blocks_fixed(struct qmp_blocks *b, unsigned slot, const char *id, const char *device,
	const char *path, bool readonly, struct err *err) MUST_USE;
void qmp_blocks_fini(struct qmp_blocks *b);

#endif
