/*
 * A scanner with five bits of state and a depth; see split.h.
 *
 * A control byte inside a string is never valid JSON (RFC 8259 section 7), so it ends the message
 * there: a client that forgot a quote gets its error at the end of the line instead of silence.
 */
#include "shim/qmp/split.h"

#include <string.h>

#define KEEP 4096 /* a buffer that grew beyond this is given back after its message */

void qmp_split_init(struct qmp_split *s, size_t max)
{
	*s = (struct qmp_split){ .max = max };
}

void qmp_split_fini(struct qmp_split *s)
{
	free(s->text);
	s->text = NULL;
}

bool qmp_split_is_between(const struct qmp_split *s)
{
	return s->done || !s->len;
}

static void begin(struct qmp_split *s)
{
	if (s->size > KEEP) {
		free(s->text);
		s->text = NULL;
		s->size = 0;
	}
	s->len = 0;
	s->depth = 0;
	s->string = s->escape = s->junk = s->done = false;
}

static bool append(struct qmp_split *s, char c)
{
	if (s->len == s->size) {
		size_t size = s->size ? s->size * 2 : 256;
		char *grown = realloc(s->text, size);

		if (!grown)
			return false;
		s->text = grown;
		s->size = size;
	}
	s->text[s->len++] = c;
	return true;
}

static void in_string(struct qmp_split *s, char c)
{
	if ((unsigned char)c < 0x20)
		s->done = true;
	else if (s->escape)
		s->escape = false;
	else if (c == '\\')
		s->escape = true;
	else if (c == '"')
		s->string = false;
}

/* Follows one byte that belongs to a message. */
static void follow(struct qmp_split *s, char c)
{
	if (s->junk) {
		s->done = c == '\n';
	} else if (s->string) {
		in_string(s, c);
	} else if (c == '"') {
		s->string = true;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if (c == '}' || c == ']') {
		s->depth--;
		s->done = !s->depth;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum qmp_split_result qmp_split_feed(struct qmp_split *s, const char *data, size_t len,
	size_t *used)
{
	if (s->done)
		begin(s);
	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		*used = i + 1;
		if (!s->len && is_space(c))
			continue;
		if (!s->len)
			s->junk = c != '{' && c != '[';
		if (s->len == s->max)
			return QMP_SPLIT_TOO_LONG;
		if (!append(s, c))
			return QMP_SPLIT_NO_MEMORY;
		follow(s, c);
		if (s->depth > QMP_DEPTH_MAX)
			return QMP_SPLIT_TOO_DEEP;
		if (s->done)
			return QMP_SPLIT_MESSAGE;
	}
	*used = len;
	return QMP_SPLIT_MORE;
}
