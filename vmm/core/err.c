/* The one-sentence error; see err.h. */
#define _GNU_SOURCE
#include "core/err.h"

#include <stdio.h>
#include <string.h>

/* A file name may hold anything; a terminal that shows the sentence must not be driven by it. */
static void defuse(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
		else if ((unsigned char)*s == 0xc2 && (unsigned char)s[1] >= 0x80 &&
			(unsigned char)s[1] < 0xa0)
			s[0] = s[1] = '?'; /* a control character of two bytes: U+0080 to U+009F */
}

const char *err_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text ? text : "an error without a name";
}

int failx(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	defuse(err->msg);
	return code;
}

int fail(struct err *err, int code, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	defuse(err->msg);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", err_text(-code));
	return code;
}

int err_prefix(struct err *err, int code, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	size_t len;
	va_list ap;

	if (!err)
		return code;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	defuse(err->msg);
	len = strlen(err->msg);
	if (len + 2 < sizeof(err->msg))
		snprintf(err->msg + len, sizeof(err->msg) - len, ": %.*s",
			(int)(sizeof(err->msg) - len - 3), old);
	return code;
}
