/*
 * A disk as swap space. Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_SWAP_H
#define SAMPAN_AGENT_SWAP_H

#include "core/err.h"

enum swap_content { SWAP_READY, SWAP_BLANK, SWAP_OTHER };

/* What a disk's first page says: a swap area, nothing at all, or something that must not be lost.
 */
enum swap_content swap_look(const void *page, size_t page_size);

/* The first page of an area of that many pages, of which the first is this one. */
void swap_header(void *page, size_t page_size, uint32_t pages);

/* Uses the disk; a blank one is made a swap area first. */
int swap_use(const char *node, struct err *err) MUST_USE;

#endif
