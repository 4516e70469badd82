/*
 * GDB's remote serial protocol, its lowest layer: frames, checksums, acknowledgements, escapes
 * (GDB manual, appendix "Remote Protocol", Overview). Bytes in, packets out; and packets to be sent
 * in, bytes out. Pure: the owner moves the bytes.
 */
#ifndef SAMPAN_GDB_RSP_H
#define SAMPAN_GDB_RSP_H

#include "core/err.h"

#define RSP_PACKET 4096 /* bytes of a packet, as it is framed, at most; told to the debugger */

struct rsp {
	/* A whole packet, unescaped; data[len] is 0. */
	void (*packet)(struct rsp *r, char *data, size_t len);
	void (*interrupt)(struct rsp *r); /* Ctrl-C */
	/* Bytes for the debugger. */
	void (*send)(void *arg, const void *data, size_t len);
	void *arg;
	bool no_ack; /* both sides agreed that nothing is acknowledged */
	enum { RSP_IDLE, RSP_DATA, RSP_ESCAPE, RSP_SUM1, RSP_SUM2 } state;
	bool too_long;
	uint8_t sum, told_sum;
	size_t len;
	char data[RSP_PACKET + 1];
};

void rsp_feed(struct rsp *r, const void *data, size_t len);

/* Frames a packet and sends it. What can't be a plain byte is escaped. */
void rsp_send(struct rsp *r, const void *data, size_t len);

/* Hex digits, two a byte, lower case. */
void rsp_hex(char *out, const void *data, size_t len); /* 2 * len + 1 bytes */
/* Bytes written; stops before the first pair that is none, or after max. */
size_t rsp_unhex(void *out, size_t max, const char *hex);

#endif
