/*
 * The standard streams of a program of ours. A standard stream that the caller closed would be the
 * number of the next file opened, and what is said to the user would be written there.
 */
#ifndef SAMPAN_CORE_STREAMS_H
#define SAMPAN_CORE_STREAMS_H

/* Opens /dev/null for each that is closed. First thing in main(). */
void streams_fill(void);

#endif
