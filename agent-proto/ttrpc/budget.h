/*
 * Memory that a peer can make us use, counted: a budget is what is left, and who takes of it gives
 * it back. protobuf turns two bytes of a message into a hundred in memory, so messages are unpacked
 * against a budget too. One budget belongs to one thread.
 */
#ifndef SAMPAN_TTRPC_BUDGET_H
#define SAMPAN_TTRPC_BUDGET_H

#include <protobuf-c/protobuf-c.h>
#include "core/util.h"

/* What one message may take when it is unpacked. */
#define BUDGET_MESSAGE (32 * MiB)

struct budget {
	size_t left; /* bytes */
};

static inline bool budget_take(struct budget *b, size_t n)
{
	if (n > b->left)
		return false;
	b->left -= n;
	return true;
}

static inline void budget_give(struct budget *b, size_t n)
{
	b->left += n;
}

/*
 * NULL: malformed, or larger than BUDGET_MESSAGE or what is left. *taken is what to give back when
 * the message has been freed by protobuf_c_message_free_unpacked(message, NULL).
 */
ProtobufCMessage *budget_unpack(struct budget *b, const ProtobufCMessageDescriptor *type,
	const void *data, size_t len, size_t *taken) MUST_USE;

#endif
