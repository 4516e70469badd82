/* An allocator for protobuf-c that counts what malloc really gives; see budget.h. */
#include "ttrpc/budget.h"

#include <malloc.h>

#define BOOKKEEPING 16 /* bytes that malloc keeps beside a block, about */

static void *counted_alloc(void *arg, size_t size)
{
	struct budget *b = arg;
	void *p;

	if (size > b->left)
		return NULL;
	p = malloc(size);
	if (!p)
		return NULL;
	if (budget_take(b, malloc_usable_size(p) + BOOKKEEPING))
		return p;
	free(p);
	return NULL;
}

static void counted_free(void *arg, void *p)
{
	struct budget *b = arg;

	if (p)
		budget_give(b, malloc_usable_size(p) + BOOKKEEPING);
	free(p);
}

ProtobufCMessage *budget_unpack(struct budget *b, const ProtobufCMessageDescriptor *type,
	const void *data, size_t len, size_t *taken)
{
	size_t allowed = MIN(b->left, BUDGET_MESSAGE);
	struct budget mine = { .left = allowed };
	ProtobufCAllocator allocator = { counted_alloc, counted_free, &mine };
	ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, len, data);

	*taken = message ? allowed - mine.left : 0;
	b->left -= *taken;
	return message;
}
