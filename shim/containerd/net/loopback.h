/*
 * A listening socket that gets every TCP connection made to 127.0.0.0/8 or [::1] in a network
 * namespace, whatever its port: an accepted socket's own port is the one that was asked for.
 *
 * The kernel asks a program of ours at each lookup of a listening socket (BPF_SK_LOOKUP, Linux
 * 5.9), before it looks itself. Everything is gone with the descriptors.
 */
#ifndef SAMPAN_CONTAINERD_NET_LOOPBACK_H
#define SAMPAN_CONTAINERD_NET_LOOPBACK_H

#include "core/err.h"

struct loopback {
	int listener;	/* O_NONBLOCK, O_CLOEXEC */
	int map;	/* of one entry: the listener, for the program */
	int prog, link; /* link: the program at the namespace */
};

/* netns: the namespace's descriptor. Sets its loopback interface up. Blocks for milliseconds.
 * -EPERM without CAP_BPF and CAP_NET_ADMIN. */
int loopback_open(struct loopback *l, int netns, struct err *err) MUST_USE;
void loopback_close(struct loopback *l); /* fine when nothing is open: all -1 */

#endif
