/* Frames of GDB's remote protocol; see rsp.h. "$data#xx", where xx is the sum of the framed bytes.
 */
#include "gdb/rsp.h"

#include <string.h>

#define CTRL_C	 0x03
#define ESCAPE	 '}'
#define ESCAPED	 0x20
#define HEX_NONE 255

static uint8_t digit(char c)
{
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (uint8_t)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (uint8_t)(c - 'A' + 10);
	return HEX_NONE;
}

void rsp_hex(char *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = 0;
}

size_t rsp_unhex(void *out, size_t max, const char *hex)
{
	uint8_t *p = out;
	size_t n = 0;

	while (n < max && digit(hex[0]) != HEX_NONE && digit(hex[1]) != HEX_NONE) {
		p[n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
		hex += 2;
	}
	return n;
}

static void ack(struct rsp *r, char c)
{
	if (!r->no_ack)
		r->send(r->arg, &c, 1);
}

/* A packet is whole. A wrong sum asks for it again; one that is too long is not answered to. */
static void finish(struct rsp *r)
{
	if (r->told_sum != r->sum && !r->no_ack) {
		ack(r, '-');
		return;
	}
	ack(r, '+');
	r->data[r->len] = 0;
	if (r->too_long)
		rsp_send(r, "", 0);
	else
		r->packet(r, r->data, r->len);
}

static void begin(struct rsp *r)
{
	r->state = RSP_DATA;
	r->len = 0;
	r->sum = 0;
	r->too_long = false;
}

static void keep(struct rsp *r, char c)
{
	if (r->len < RSP_PACKET)
		r->data[r->len++] = c;
	else
		r->too_long = true;
}

static void feed_data(struct rsp *r, char c)
{
	if (c == '#') {
		r->state = RSP_SUM1;
		return;
	}
	if (c == '$') { /* the debugger began anew */
		begin(r);
		return;
	}
	r->sum += (uint8_t)c;
	if (r->state == RSP_ESCAPE) {
		keep(r, (char)(c ^ ESCAPED));
		r->state = RSP_DATA;
	} else if (c == ESCAPE) {
		r->state = RSP_ESCAPE;
	} else {
		keep(r, c);
	}
}

void rsp_feed(struct rsp *r, const void *data, size_t len)
{
	const char *p = data;

	for (; len; len--, p++)
		switch (r->state) {
		case RSP_IDLE:
			if (*p == '$')
				begin(r);
			else if (*p == CTRL_C)
				r->interrupt(r);
			break;
		case RSP_DATA:
		case RSP_ESCAPE:
			feed_data(r, *p);
			break;
		case RSP_SUM1:
			r->told_sum = (uint8_t)(digit(*p) << 4);
			r->state = RSP_SUM2;
			break;
		case RSP_SUM2:
			r->told_sum |= digit(*p) & 15;
			r->state = RSP_IDLE;
			finish(r);
			break;
		}
}

void rsp_send(struct rsp *r, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char frame[2 * RSP_PACKET + 4];
	const char *p = data;
	uint8_t sum = 0;
	size_t n = 0;

	frame[n++] = '$';
	for (size_t i = 0; i < MIN(len, (size_t)RSP_PACKET); i++) {
		bool special = p[i] == '$' || p[i] == '#' || p[i] == ESCAPE || p[i] == '*';

		if (special)
			frame[n++] = ESCAPE;
		frame[n++] = special ? (char)(p[i] ^ ESCAPED) : p[i];
	}
	for (size_t i = 1; i < n; i++)
		sum += (uint8_t)frame[i];
	frame[n++] = '#';
	frame[n++] = digits[sum >> 4];
	frame[n++] = digits[sum & 15];
	r->send(r->arg, frame, n);
}
