/* See utf8.h; the encoding is that of RFC 3629: no overlong forms, no surrogates, up to U+10FFFF.
 */
#include "ttrpc/utf8.h"

#include <string.h>

static bool is_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_char(const char *text, size_t len)
{
	uint8_t c[4] = { 0 };

	memcpy(c, text, MIN(len, 4));
	if (!len)
		return 0;
	if (c[0] < 0x80)
		return 1;
	if (!is_tail(c[1]) || c[0] < 0xc2 || c[0] > 0xf4)
		return 0;
	if (c[0] < 0xe0)
		return 2;
	if (!is_tail(c[2]) || (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0))
		return 0;
	if (c[0] < 0xf0)
		return 3;
	if (!is_tail(c[3]) || (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90))
		return 0;
	return 4;
}

void utf8_clean(char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len;) {
		size_t n = utf8_char(text + at, len - at);

		if (!n)
			text[at] = '?';
		at += n ? n : 1;
	}
}
