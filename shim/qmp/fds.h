/*
 * Descriptors that clients send along with their requests (SCM_RIGHTS), so that a monitor which can
 * open nothing by itself can still be given a disk: getfd gives one a name, add-fd puts one into a
 * numbered set, blockdev-add uses them as "fd:NAME" and "/dev/fdset/N".
 *
 * What has come with bytes of a session waits in its inbox, in order, for the commands that those
 * bytes are or become part of; what none of them took is closed. What was taken is kept until it
 * is closed by name or number, at the latest until its session ends: whoever uses it has a copy.
 * Owner: a front, which keeps struct qmp_fds as the table's context; loop thread only.
 */
#ifndef SAMPAN_QMP_FDS_H
#define SAMPAN_QMP_FDS_H

#include "shim/qmp/commands.h"

#define QMP_INBOX 16 /* descriptors that may wait in one session */
#define QMP_FDS	  64 /* that are kept, of all sessions */

struct qmp_inbox {
	int fd[QMP_INBOX]; /* at .. n wait */
	unsigned at, n;
	bool heard; /* a message was complete since they came */
};

struct qmp_kept {
	int fd;
	const struct qmp_inbox *from; /* NULL: the place is free */
	int64_t set;		      /* of add-fd; -1: named by getfd */
	char *text;		      /* getfd's name, add-fd's "opaque" or NULL */
};

struct qmp_fds {
	struct qmp_kept kept[QMP_FDS];
	struct qmp_inbox *inbox; /* of the session whose command runs */
};

/* Takes all n over; those that wait already are closed, as are those that don't fit. */
void qmp_inbox_put(struct qmp_inbox *inbox, const int *fds, size_t n);
/* The oldest that waits, now the caller's; -1: none. */
int qmp_inbox_take(struct qmp_inbox *inbox);
void qmp_inbox_clear(struct qmp_inbox *inbox);

/* getfd, closefd, add-fd, remove-fd, query-fdsets */
struct qmp_table qmp_fds_table(struct qmp_fds *f);

/* Closes what has come by inbox, whose session ends. */
void qmp_fds_forget(struct qmp_fds *f, const struct qmp_inbox *inbox);

/* Whether a file's name means a descriptor. */
bool qmp_fds_means(const char *filename);
/*
 * A copy of the descriptor that filename means, with the rights that are asked for, and what to
 * call it in messages ("opaque" of add-fd, else filename; borrowed).
 */
int qmp_fds_copy(struct qmp_fds *f, const char *filename, bool readonly, int *fd, const char **name,
	struct err *err) MUST_USE;

#endif
