/*
 * Text of unknown origin made fit for a protobuf string or for JSON, both of which must be UTF-8:
 * a peer that checks drops the whole message otherwise. No state; any thread.
 */
#ifndef SAMPAN_TTRPC_UTF8_H
#define SAMPAN_TTRPC_UTF8_H

#include "core/util.h"

/* Bytes of the character at text: 1 to 4; 0 when it is none, or not whole. len is what is there. */
size_t utf8_char(const char *text, size_t len);

/* Every byte that belongs to no character becomes '?'. */
void utf8_clean(char *text);

#endif
