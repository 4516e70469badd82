/* See base64.h. */
#include "client/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
	const uint8_t *p = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = MIN(len - i, 3);
		uint32_t bits = (uint32_t)p[i] << 16;

		if (n > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		*to++ = alphabet[bits >> 18];
		*to++ = alphabet[bits >> 12 & 63];
		*to++ = n > 1 ? alphabet[bits >> 6 & 63] : '=';
		*to++ = n > 2 ? alphabet[bits & 63] : '=';
	}
	*to = 0;
	return text;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t text_len, uint8_t **data, size_t *len)
{
	AUTO_FREE uint8_t *out = NULL;
	uint32_t bits = 0;
	size_t have = 0;

	if (text_len % 4 == 0)
		for (int i = 0; i < 2 && text_len && text[text_len - 1] == '='; i++)
			text_len--;
	if (text_len % 4 == 1)
		return -EINVAL;
	out = malloc(text_len / 4 * 3 + 3);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < text_len; i++) {
		int v = value_of(text[i]);

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4)
			out[have++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*len = have;
	*data = have ? take(&out) : NULL;
	return 0;
}
