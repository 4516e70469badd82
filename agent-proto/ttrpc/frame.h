/*
 * ttrpc's frames. A frame is a header of ten bytes, big endian: length u32, stream id u32, type u8,
 * flags u8; and length bytes of data, at most 4 MiB. A request or a response is one frame that
 * holds one message of ttrpc.proto; both ends number and mix them freely.
 *
 * Nothing here does I/O: a frame_reader is fed with whatever bytes have come, a frame_writer is a
 * queue of bytes that wait to be sent. Both take their memory from a budget (budget.h). A reader or
 * writer belongs to one thread.
 */
#ifndef SAMPAN_TTRPC_FRAME_H
#define SAMPAN_TTRPC_FRAME_H

#include <protobuf-c/protobuf-c.h>
#include "core/util.h"
#include "ttrpc/budget.h"

#define FRAME_HEADER   10
#define FRAME_DATA_MAX (4 * 1024 * 1024)

enum frame_type { FRAME_REQUEST = 1, FRAME_RESPONSE = 2, FRAME_DATA = 3 };

enum frame_flag {
	FRAME_REMOTE_CLOSED = 1, /* the sender's last frame of a stream */
	FRAME_REMOTE_OPEN = 2,	 /* data frames follow */
	FRAME_NO_DATA = 4,
};

struct frame_header {
	uint32_t length, stream;
	uint8_t type, flags;
};

void frame_encode(uint8_t out[FRAME_HEADER], const struct frame_header *head);
struct frame_header frame_decode(const uint8_t in[FRAME_HEADER]);

enum frame_result {
	FRAME_MORE,    /* all bytes were taken, no frame is complete */
	FRAME_READY,   /* head and data hold one, until the next frame_read() */
	FRAME_REFUSED, /* head's data is too long, or there is no memory: it will be skipped */
};

struct frame_reader {
	struct budget *budget;
	struct frame_header head;
	uint8_t *data; /* head.length bytes when a frame is ready */
	uint8_t raw[FRAME_HEADER];
	size_t have_raw, have, size; /* of raw; of data; allocated for data */
	size_t skip;		     /* bytes of a refused frame still to come */
	bool done;		     /* the frame was shown */
};

void frame_reader_init(struct frame_reader *r, struct budget *budget);
void frame_reader_fini(struct frame_reader *r);

/* Takes bytes up to the end of one frame; *used says how many. */
enum frame_result frame_read(struct frame_reader *r, const void *bytes, size_t len, size_t *used)
	MUST_USE;

struct frame_writer {
	struct budget *budget;
	uint8_t *data;
	size_t at, len, size;	  /* bytes at .. len wait to be sent; allocated */
	uint64_t queued, written; /* bytes, ever */
};

void frame_writer_init(struct frame_writer *w, struct budget *budget);
void frame_writer_fini(struct frame_writer *w);

/* Queues a frame with message as its data. -EMSGSIZE, -ENOMEM. */
int frame_write(struct frame_writer *w, uint32_t stream, enum frame_type type,
	const ProtobufCMessage *message) MUST_USE;

/* What waits, and how much of it has gone. */
const uint8_t *frame_waiting(const struct frame_writer *w, size_t *len);
void frame_sent(struct frame_writer *w, size_t len);

#endif
