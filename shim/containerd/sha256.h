/* SHA-256 (FIPS 180-4) of one piece of memory, as hexadecimal text. No state; any thread. */
#ifndef SAMPAN_CONTAINERD_SHA256_H
#define SAMPAN_CONTAINERD_SHA256_H

#include <stddef.h>

#define SHA256_TEXT 65 /* with the NUL */

void sha256_text(const void *data, size_t len, char text[SHA256_TEXT]);

#endif
