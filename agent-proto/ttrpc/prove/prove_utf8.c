/* Text from a peer. */
#include "integration/checks/prove.h"

#include "ttrpc/utf8.c"

/* prove: utf8_char unwind=5 */
void prove_utf8_char(void)
{
	char text[6];
	size_t len = nondet_size(), n;

	assume(len <= sizeof(text));
	n = utf8_char(text, len);
	prove(n <= 4 && n <= len, "a character is of the text");
}
