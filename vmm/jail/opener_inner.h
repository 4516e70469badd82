/* What the two ends of the opener's socket share: opener.c in the monitor, opener_serve.c in the
 * helper. One message each way at a time, over SOCK_SEQPACKET. */
#ifndef SAMPAN_JAIL_OPENER_INNER_H
#define SAMPAN_JAIL_OPENER_INNER_H

#include <limits.h>
#include "jail/opener.h"

enum opener_word { OPENER_DISK, OPENER_DIAL, OPENER_NAME, OPENER_SEAL };

struct opener_request {
	uint32_t word;
	uint32_t port;	     /* DIAL */
	uint32_t readonly;   /* DISK */
	char text[PATH_MAX]; /* DISK, NAME: a path, as long as the message is; no NUL */
};

#define OPENER_HEADER offsetof(struct opener_request, text)

/* With a descriptor when rc is 0 and one was asked for. */
struct opener_answer {
	int32_t rc; /* 0 or -errno */
	char text[sizeof(struct err)];
};

/* The helper's whole life, at the other end of fd; -errno when it can't confine itself. */
int opener_serve(int fd, const struct opener_plan *plan);

#endif
