/* A pod without a machine, for the daemon's test: its agent is at a unix socket, its share is a
 * list of names, its disks go nowhere. Linked in place of pod*.c, share.c and monitor.c. */
#ifndef SAMPAN_CONTAINERD_TEST_FAKE_POD_H
#define SAMPAN_CONTAINERD_TEST_FAKE_POD_H

#define FAKE_AGENT "FAKE_AGENT" /* in the environment: the path of the agent's socket */

#endif
