/* Calls to the machine, output, the command line; see evil.h. */
#include "evil.h"

#define SBI_DBCN 0x4442434e
#define SBI_SRST 0x53525354

struct sbiret ecall(unsigned long ext, unsigned long fn, unsigned long x, unsigned long y,
	unsigned long z)
{
	register unsigned long a0 __asm__("a0") = x, a1 __asm__("a1") = y, a2 __asm__("a2") = z;
	register unsigned long a6 __asm__("a6") = fn, a7 __asm__("a7") = ext;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct sbiret){ (long)a0, a1 };
}

/* Used by the compiler, too. */
void *memset(void *p, int byte, size_t len)
{
	for (volatile char *c = p; len--; c++)
		*c = (char)byte;
	return p;
}

void *memcpy(void *to, const void *from, size_t len)
{
	volatile char *t = to;

	for (const char *f = from; len--;)
		*t++ = *f++;
	return to;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static bool begins(const char *text, const char *with)
{
	while (*with && *text == *with)
		text++, with++;
	return !*with;
}

void say(const char *text)
{
	for (size_t left = length(text); left;) {
		struct sbiret r = ecall(SBI_DBCN, 0, left, (unsigned long)text, 0);

		if (r.error || !r.value)
			return;
		text += r.value;
		left -= r.value;
	}
}

void say_number(unsigned long n)
{
	char buf[24], *p = buf + sizeof(buf) - 1;

	*p = 0;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	say(p);
}

/* Names of cases are words in the story's output. */
static void say_word(const char *text)
{
	char word[96];
	size_t n = 0;

	for (; *text && n < sizeof(word) - 1; text++)
		word[n++] = *text == ' ' || *text == ',' ? '-' : *text;
	word[n] = 0;
	say(word);
}

void verdict(struct guest *g, const char *where, const char *name, const char *why)
{
	say("@ case ");
	say_word(where);
	say("-");
	say_word(name);
	say(why ? " FAIL " : " ok");
	say(why ? why : "");
	say("\n");
	g->failures += why != NULL;
}

void power_off(void)
{
	ecall(SBI_SRST, 0, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

unsigned long now(void)
{
	unsigned long t;

	__asm__ volatile("rdtime %0" : "=r"(t));
	return t;
}

static uint32_t big(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* /chosen's bootargs (devicetree specification 0.4 §5.4); the only property of that name. */
void arguments(struct guest *g, const void *fdt)
{
	const uint8_t *base = fdt, *p = base + big(base + 8), *strings = base + big(base + 12);

	for (;;) {
		uint32_t token = big(p), len;

		p += 4;
		if (token == 1) { /* a node begins: its name */
			p += (length((const char *)p) + 4) & ~3UL;
		} else if (token == 3) {
			len = big(p);
			if (begins((const char *)strings + big(p + 4), "bootargs") &&
				len < sizeof(g->words))
				memcpy(g->words, p + 8, len);
			p += 8 + ((len + 3) & ~3U);
		} else if (token == 9) {
			return;
		}
	}
}

static const char *value_of(const struct guest *g, const char *word)
{
	for (const char *p = g->words; *p; p++)
		if ((p == g->words || p[-1] == ' ') && begins(p, word) && p[length(word)] == '=')
			return p + length(word) + 1;
	return NULL;
}

unsigned long argument(const struct guest *g, const char *word, unsigned long otherwise)
{
	const char *p = value_of(g, word);
	unsigned long n = 0;

	if (!p)
		return otherwise;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned long)(*p - '0');
	return n;
}

bool argument_is(const struct guest *g, const char *word, const char *value)
{
	const char *p = value_of(g, word);

	return p && begins(p, value);
}
