/* Numbers and sizes from a command line or QMP: no digits make them wrap. */
#include <string.h>

#include "integration/checks/prove.h"

#include "shim/opts/opts.h"

#include <ctype.h>
#undef isdigit
#undef toupper
#define isdigit(c) ((c) >= '0' && (c) <= '9') /* libc's look into tables */
#define toupper(c) ((c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 'A' : (c))
#include "shim/opts/value.c"

#define DIGITS 22 /* one more than UINT64_MAX has, and an ending */

int failx(struct err *err, int code, const char *fmt, ...)
{
	(void)err, (void)fmt;
	return code;
}

size_t strspn(const char *text, const char *accept)
{
	size_t n = 0;

	(void)accept; /* the digits */
	while (isdigit(text[n]))
		n++;
	return n;
}

static void any_text(char text[DIGITS])
{
	text[DIGITS - 1] = 0;
}

/* prove: parse_size unwind=24 */
void prove_parse_size(void)
{
	char text[DIGITS];
	uint64_t bytes = 0, one;

	any_text(text);
	if (parse_size(text, &bytes, NULL))
		return;
	one = (uint64_t)(text[0] - '0');
	prove(text[0] >= '0' && text[0] <= '9', "a size starts with a digit");
	prove(bytes >= one, "a size is not below its first digit: nothing wrapped");
}

/* prove: parse_count unwind=24 */
void prove_parse_count(void)
{
	char text[DIGITS];
	uint64_t min = nondet_u64(), max = nondet_u64(), n;

	any_text(text);
	if (!parse_count(text, min, max, &n, NULL))
		prove(n >= min && n <= max, "a count is within its bounds");
}

/* prove: parse_mac unwind=8 */
void prove_parse_mac(void)
{
	char text[19];
	uint8_t mac[6];

	text[18] = 0;
	if (!parse_mac(text, mac, NULL))
		prove(!(mac[0] & 1), "a station's address");
}
