/* Bytes as text (RFC 4648: the usual alphabet, padded) and back. No state; any thread. */
#ifndef SAMPAN_CLIENT_BASE64_H
#define SAMPAN_CLIENT_BASE64_H

#include "core/util.h"

/* NUL-terminated, malloc'ed; NULL: no memory. */
char *base64_encode(const void *data, size_t len) MUST_USE;

/* -EINVAL: text is not base64 (padding may be missing; nothing else may). *data is malloc'ed, NULL
 * when empty. */
int base64_decode(const char *text, size_t text_len, uint8_t **data, size_t *len) MUST_USE;

#endif
