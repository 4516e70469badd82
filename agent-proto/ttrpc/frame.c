/* Frames in and out; see frame.h. Memory grows with what has come, never with what a header says.
 */
#include "ttrpc/frame.h"

#include <endian.h>
#include <string.h>

#define KEEP	 (64 * 1024) /* a buffer no larger is kept for the next frame */
#define SMALLEST 512

void frame_encode(uint8_t out[FRAME_HEADER], const struct frame_header *head)
{
	uint32_t length = htobe32(head->length), stream = htobe32(head->stream);

	memcpy(out, &length, 4);
	memcpy(out + 4, &stream, 4);
	out[8] = head->type;
	out[9] = head->flags;
}

struct frame_header frame_decode(const uint8_t in[FRAME_HEADER])
{
	uint32_t length, stream;

	memcpy(&length, in, 4);
	memcpy(&stream, in + 4, 4);
	return (struct frame_header){ be32toh(length), be32toh(stream), in[8], in[9] };
}

/* Makes *data hold need bytes, size of which are there already. */
static bool grow(struct budget *b, uint8_t **data, size_t *size, size_t need)
{
	size_t want = MAX(*size, SMALLEST);
	uint8_t *grown;

	if (need <= *size)
		return true;
	while (want < need)
		want *= 2;
	if (!budget_take(b, want - *size))
		return false;
	grown = realloc(*data, want);
	if (!grown) {
		budget_give(b, want - *size);
		return false;
	}
	*data = grown;
	*size = want;
	return true;
}

static void drop(struct budget *b, uint8_t **data, size_t *size)
{
	free(*data);
	budget_give(b, *size);
	*data = NULL;
	*size = 0;
}

void frame_reader_init(struct frame_reader *r, struct budget *budget)
{
	*r = (struct frame_reader){ .budget = budget };
}

void frame_reader_fini(struct frame_reader *r)
{
	drop(r->budget, &r->data, &r->size);
}

static void next_frame(struct frame_reader *r)
{
	if (r->size > KEEP)
		drop(r->budget, &r->data, &r->size);
	r->have_raw = r->have = 0;
	r->done = false;
}

/* Skips what has not come yet of the data. */
static enum frame_result refuse(struct frame_reader *r)
{
	r->skip = r->head.length - r->have;
	r->done = true;
	return FRAME_REFUSED;
}

/* True when the header is complete. */
static bool read_header(struct frame_reader *r, const uint8_t *bytes, size_t len, size_t *used)
{
	size_t n = MIN(len, FRAME_HEADER - r->have_raw);

	memcpy(r->raw + r->have_raw, bytes, n);
	r->have_raw += n;
	*used += n;
	if (r->have_raw < FRAME_HEADER)
		return false;
	r->head = frame_decode(r->raw);
	return true;
}

enum frame_result frame_read(struct frame_reader *r, const void *bytes, size_t len, size_t *used)
{
	const uint8_t *p = bytes;
	size_t n = MIN(len, r->skip);

	r->skip -= n;
	*used = n;
	if (!len || r->skip)
		return FRAME_MORE;
	if (r->done)
		next_frame(r);
	if (r->have_raw < FRAME_HEADER) {
		if (!read_header(r, p + *used, len - *used, used))
			return FRAME_MORE;
		if (r->head.length > FRAME_DATA_MAX)
			return refuse(r);
	}
	n = MIN(len - *used, r->head.length - r->have);
	if (!grow(r->budget, &r->data, &r->size, r->have + n))
		return refuse(r);
	if (n)
		memcpy(r->data + r->have, p + *used, n);
	r->have += n;
	*used += n;
	if (r->have < r->head.length)
		return FRAME_MORE;
	r->done = true;
	return FRAME_READY;
}

void frame_writer_init(struct frame_writer *w, struct budget *budget)
{
	*w = (struct frame_writer){ .budget = budget };
}

void frame_writer_fini(struct frame_writer *w)
{
	drop(w->budget, &w->data, &w->size);
}

/* Moves what waits to the front when that gains at least half. */
static void compact(struct frame_writer *w)
{
	if (w->at <= w->len / 2)
		return;
	memmove(w->data, w->data + w->at, w->len - w->at);
	w->len -= w->at;
	w->at = 0;
}

int frame_write(struct frame_writer *w, uint32_t stream, enum frame_type type,
	const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	struct frame_header head = { (uint32_t)size, stream, type, 0 };

	if (size > FRAME_DATA_MAX)
		return -EMSGSIZE;
	compact(w);
	if (!grow(w->budget, &w->data, &w->size, w->len + FRAME_HEADER + size))
		return -ENOMEM;
	frame_encode(w->data + w->len, &head);
	protobuf_c_message_pack(message, w->data + w->len + FRAME_HEADER);
	w->len += FRAME_HEADER + size;
	w->queued += FRAME_HEADER + size;
	return 0;
}

const uint8_t *frame_waiting(const struct frame_writer *w, size_t *len)
{
	*len = w->len - w->at;
	return *len ? w->data + w->at : NULL;
}

void frame_sent(struct frame_writer *w, size_t len)
{
	w->at += len;
	w->written += len;
	if (w->at < w->len)
		return;
	w->at = w->len = 0;
	if (w->size > KEEP)
		drop(w->budget, &w->data, &w->size);
}
