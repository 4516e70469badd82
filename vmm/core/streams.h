/*
 * The standard streams of a program of ours. A standard stream that the caller closed would be the
 * number of the next file opened, and what is said to the user would be written there.
 */
#ifndef SAMPAN_CORE_STREAMS_H
#define SAMPAN_CORE_STREAMS_H

/*
 * Closes what else the caller left open, but for these: a descriptor of his directories or sockets
 * would be a way out of the sandbox. Before anything is opened that is not among them.
 */
void streams_keep(const int *fds, unsigned n);

/* Opens /dev/null for each that is closed. First thing in main(). */
void streams_fill(void);

#endif
