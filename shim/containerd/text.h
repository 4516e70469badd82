/* Small help with protobuf-c's messages: they point to text without const, and what only reads them
 * takes ours as it is; their initializers drop a const, their init functions don't. */
#ifndef SAMPAN_CONTAINERD_TEXT_H
#define SAMPAN_CONTAINERD_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define UNCONST(text) ((char *)(uintptr_t)(text))

/* A message with its default values: Grpc__Storage s = FRESH(grpc__storage). */
#define FRESH(prefix)                                                                              \
	({                                                                                         \
		__typeof__(*prefix##__unpack(NULL, 0, NULL)) fresh_;                               \
		prefix##__init(&fresh_);                                                           \
		fresh_;                                                                            \
	})

#endif
