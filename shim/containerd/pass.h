/* One message on a SOCK_SEQPACKET socket, with descriptors. No state. */
#ifndef SAMPAN_CONTAINERD_PASS_H
#define SAMPAN_CONTAINERD_PASS_H

#include "core/util.h"

#define PASS_FDS 64

/* fds stay the caller's. 0 or -errno. */
int pass_send(int sock, const void *data, size_t len, const int *fds, unsigned nfds) MUST_USE;

/* Bytes of the message (0: the other end has closed), or -errno; what is longer than len is cut.
 * *nfds of fds, at most max, are the caller's; more are closed. */
int pass_receive(int sock, void *data, size_t len, int *fds, unsigned max, unsigned *nfds) MUST_USE;

#endif
