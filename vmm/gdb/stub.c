/* The debugger's packets; see stub.h. Each is a function in a table by its first letters. */
#include "gdb/stub.h"

#include <stdio.h>
#include <string.h>

#define SIGNAL_INT  2 /* the protocol's own numbers */
#define SIGNAL_TRAP 5

#define C_EBREAK 0x9002U     /* 16 bits */
#define EBREAK	 0x00100073U /* 32 bits */

static void reply(struct stub *s, const char *text)
{
	rsp_send(&s->rsp, text, strlen(text));
}

static void reply_code(struct stub *s, int rc)
{
	char text[8];

	if (rc >= 0) {
		reply(s, "OK");
		return;
	}
	snprintf(text, sizeof(text), "E%02x", (unsigned)-rc & 0xff);
	reply(s, text);
}

/* A hex number at *p, which moves behind it and behind end, if end is there. */
static bool number(char **p, char end, uint64_t *value)
{
	char *stop;

	if (!strchr("0123456789abcdefABCDEF", **p) || !**p)
		return false;
	errno = 0;
	*value = strtoull(*p, &stop, 16);
	if (errno || (end && *stop != end))
		return false;
	*p = end ? stop + 1 : stop;
	return true;
}

/* "N" or "-1" or "0" (any): a thread here, or false. */
static bool thread_of(const struct stub *s, const char *text, unsigned *thread)
{
	char *end;
	long n = strtol(text, &end, 16);

	if (end == text || n > (long)s->t->nthreads)
		return false;
	*thread = n > 0 ? (unsigned)n - 1 : s->thread;
	return true;
}

/* registers */

static void read_all(struct stub *s, char *args UNUSED)
{
	char text[RSP_PACKET + 1];
	size_t n = 0;

	for (unsigned i = 0; i < s->t->nregs; i++) {
		uint8_t value[STUB_REG_MAX];
		int len = s->t->read_reg(s->t->arg, s->thread, i, value);

		if (len <= 0 || n + 2 * (size_t)len > RSP_PACKET) {
			reply_code(s, -EIO);
			return;
		}
		rsp_hex(text + n, value, (size_t)len);
		n += 2 * (size_t)len;
	}
	rsp_send(&s->rsp, text, n);
}

static void write_all(struct stub *s, char *args)
{
	int rc = 0;

	for (unsigned i = 0; i < s->t->nregs && rc >= 0; i++) {
		uint8_t value[STUB_REG_MAX];
		int len = s->t->read_reg(s->t->arg, s->thread, i, value);

		if (len <= 0 || rsp_unhex(value, (size_t)len, args) != (size_t)len)
			rc = -EINVAL;
		else
			rc = s->t->write_reg(s->t->arg, s->thread, i, value, (size_t)len);
		args += 2 * MAX(len, 0);
	}
	reply_code(s, rc);
}

static void read_one(struct stub *s, char *args)
{
	uint8_t value[STUB_REG_MAX];
	char text[2 * STUB_REG_MAX + 1];
	uint64_t reg;
	int len;

	if (!number(&args, 0, &reg) || reg > UINT16_MAX) {
		reply_code(s, -EINVAL);
		return;
	}
	len = s->t->read_reg(s->t->arg, s->thread, (unsigned)reg, value);
	if (len <= 0) {
		reply_code(s, -EIO);
		return;
	}
	rsp_hex(text, value, (size_t)len);
	reply(s, text);
}

static void write_one(struct stub *s, char *args)
{
	uint8_t value[STUB_REG_MAX];
	uint64_t reg;

	if (!number(&args, '=', &reg) || reg > UINT16_MAX)
		reply_code(s, -EINVAL);
	else
		reply_code(s,
			s->t->write_reg(s->t->arg, s->thread, (unsigned)reg, value,
				rsp_unhex(value, sizeof(value), args)));
}

/* memory */

/* What the debugger put its breakpoints over is shown as it was. */
static void uncover(const struct stub *s, uint64_t addr, uint8_t *data, size_t len)
{
	for (unsigned i = 0; i < STUB_BREAKPOINTS; i++)
		for (unsigned b = 0; b < s->bp[i].len; b++)
			if (s->bp[i].addr + b - addr < len)
				data[s->bp[i].addr + b - addr] = s->bp[i].was[b];
}

static void read_memory(struct stub *s, char *args)
{
	uint8_t data[RSP_PACKET / 2];
	char text[RSP_PACKET + 1];
	uint64_t addr, len;
	int rc;

	if (!number(&args, ',', &addr) || !number(&args, 0, &len) || len > sizeof(data)) {
		reply_code(s, -EINVAL);
		return;
	}
	rc = s->t->read_mem(s->t->arg, s->thread, addr, data, len);
	if (rc) {
		reply_code(s, rc);
		return;
	}
	uncover(s, addr, data, len);
	rsp_hex(text, data, len);
	reply(s, text);
}

static void write_memory(struct stub *s, char *args)
{
	uint8_t data[RSP_PACKET / 2];
	uint64_t addr, len;

	if (!number(&args, ',', &addr) || !number(&args, ':', &len) || len > sizeof(data) ||
		rsp_unhex(data, len, args) != len)
		reply_code(s, -EINVAL);
	else
		reply_code(s, s->t->write_mem(s->t->arg, s->thread, addr, data, len));
}

/* breakpoints */

bool stub_has_breakpoint(const struct stub *s, uint64_t addr)
{
	for (unsigned i = 0; i < STUB_BREAKPOINTS; i++)
		if (s->bp[i].len && s->bp[i].addr == addr)
			return true;
	return false;
}

static int put_breakpoint(struct stub *s, uint64_t addr, unsigned len)
{
	uint32_t code = len == 2 ? C_EBREAK : EBREAK;
	struct breakpoint *b = NULL;
	int rc;

	if (stub_has_breakpoint(s, addr))
		return 0;
	for (unsigned i = 0; i < STUB_BREAKPOINTS && !b; i++)
		if (!s->bp[i].len)
			b = &s->bp[i];
	if (!b)
		return -ENOSPC;
	rc = s->t->read_mem(s->t->arg, s->thread, addr, b->was, len);
	if (!rc)
		rc = s->t->write_mem(s->t->arg, s->thread, addr, &code, len);
	if (rc)
		return rc;
	b->addr = addr;
	b->len = (uint8_t)len;
	return 0;
}

static int take_breakpoint(struct stub *s, struct breakpoint *b)
{
	int rc = s->t->write_mem(s->t->arg, s->thread, b->addr, b->was, b->len);

	b->len = 0;
	return rc;
}

/* "Z0,ADDR,KIND" and "z0,...": only software breakpoints, of a 16- or 32-bit instruction. */
static void breakpoint(struct stub *s, char *args, bool put)
{
	uint64_t addr, len;

	if (*args != '0') {
		reply(s, "");
		return;
	}
	args++;
	if (*args++ != ',' || !number(&args, ',', &addr) || !number(&args, 0, &len) ||
		(len != 2 && len != 4)) {
		reply_code(s, -EINVAL);
		return;
	}
	if (put) {
		reply_code(s, put_breakpoint(s, addr, (unsigned)len));
		return;
	}
	for (unsigned i = 0; i < STUB_BREAKPOINTS; i++)
		if (s->bp[i].len && s->bp[i].addr == addr) {
			reply_code(s, take_breakpoint(s, &s->bp[i]));
			return;
		}
	reply_code(s, 0);
}

static void put(struct stub *s, char *args)
{
	breakpoint(s, args, true);
}

static void take_out(struct stub *s, char *args)
{
	breakpoint(s, args, false);
}

void stub_clear(struct stub *s)
{
	for (unsigned i = 0; i < STUB_BREAKPOINTS; i++)
		if (s->bp[i].len && take_breakpoint(s, &s->bp[i]) < 0)
			continue; /* its page is gone from the thread's view: nothing to restore */
}

/* running */

#define ALL_THREADS UINT64_MAX

static void began(struct stub *s, int rc)
{
	if (rc) {
		s->running = false;
		reply_code(s, rc);
	}
}

static void run(struct stub *s, uint64_t threads)
{
	s->running = true;
	began(s, s->t->resume(s->t->arg, threads));
}

static void go_on(struct stub *s, char *args UNUSED)
{
	run(s, ALL_THREADS);
}

static void step(struct stub *s, char *args UNUSED)
{
	s->running = true;
	began(s, s->t->step(s->t->arg, s->thread));
}

/*
 * "vCont;c:2": those that are named go on, the others wait; GDB counts on it where it takes one
 * thread over a breakpoint. "vCont;s:1;c": the first action that steps is the one that counts.
 */
static void vcont(struct stub *s, char *args)
{
	uint64_t threads = 0;

	for (char *p = args; *p; p += strcspn(p, ";")) {
		unsigned thread = s->thread;
		bool steps, one;

		if (*p == ';')
			p++;
		steps = *p == 's' || *p == 'S';
		p += strcspn(p, ":;");
		if (*p == ':' && !thread_of(s, p + 1, &thread)) {
			reply_code(s, -EINVAL);
			return;
		}
		if (steps) {
			s->thread = thread;
			step(s, NULL);
			return;
		}
		one = *p == ':' && strtol(p + 1, NULL, 16) > 0;
		threads |= one ? UINT64_C(1) << thread : ALL_THREADS;
	}
	run(s, threads ? threads : ALL_THREADS);
}

static void vcont_which(struct stub *s, char *args UNUSED)
{
	reply(s, "vCont;c;C;s;S");
}

static void tell_stop(struct stub *s, int signal, bool at_breakpoint)
{
	char text[64];

	snprintf(text, sizeof(text), "T%02xthread:%x;%s", (unsigned)signal & 0xff, s->thread + 1,
		at_breakpoint ? "swbreak:;" : "");
	reply(s, text);
}

void stub_stopped(struct stub *s, unsigned thread, int signal, bool at_breakpoint)
{
	if (!s->running)
		return;
	s->running = false;
	s->thread = thread;
	tell_stop(s, signal, at_breakpoint);
}

void stub_exited(struct stub *s, int status)
{
	char text[8];

	if (!s->running)
		return;
	s->running = false;
	snprintf(text, sizeof(text), "W%02x", (unsigned)status & 0xff);
	reply(s, text);
}

static void why_stopped(struct stub *s, char *args UNUSED)
{
	tell_stop(s, SIGNAL_TRAP, false);
}

static void detach(struct stub *s, char *args UNUSED)
{
	stub_clear(s);
	reply(s, "OK");
	s->t->detach(s->t->arg);
}

static void kill_target(struct stub *s, char *args UNUSED)
{
	stub_clear(s);
	s->t->kill(s->t->arg);
}

/* questions */

static void supported(struct stub *s, char *args UNUSED)
{
	char text[128];

	snprintf(text, sizeof(text),
		"PacketSize=%x;qXfer:features:read+;swbreak+;vContSupported+;QStartNoAckMode+",
		RSP_PACKET);
	reply(s, text);
}

static void no_ack(struct stub *s, char *args UNUSED)
{
	reply(s, "OK");
	s->rsp.no_ack = true;
}

/* "target.xml:OFFSET,LENGTH": 'm' and more follows, or 'l' and the rest. */
static void features(struct stub *s, char *args)
{
	static const char name[] = "target.xml:";
	char text[RSP_PACKET / 2];
	uint64_t off, len;

	if (strncmp(args, name, strlen(name))) {
		reply(s, "E00");
		return;
	}
	args += strlen(name);
	if (!number(&args, ',', &off) || !number(&args, 0, &len) || off > s->t->xml_len) {
		reply_code(s, -EINVAL);
		return;
	}
	len = MIN(len, MIN(sizeof(text) - 1, s->t->xml_len - off));
	text[0] = off + len < s->t->xml_len ? 'm' : 'l';
	memcpy(text + 1, s->t->xml + off, len);
	rsp_send(&s->rsp, text, len + 1);
}

static void threads(struct stub *s, char *args UNUSED)
{
	char text[RSP_PACKET];
	size_t n = 0;

	for (unsigned i = 0; i < s->t->nthreads && n + 8 < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%c%x", i ? ',' : 'm', i + 1);
	reply(s, text);
}

static void no_more_threads(struct stub *s, char *args UNUSED)
{
	reply(s, "l");
}

static void current_thread(struct stub *s, char *args UNUSED)
{
	char text[16];

	snprintf(text, sizeof(text), "QC%x", s->thread + 1);
	reply(s, text);
}

/* What `info threads` shows: in hex, "vCPU n". */
static void thread_name(struct stub *s, char *args)
{
	char name[24], text[64];
	unsigned thread;

	if (!thread_of(s, args, &thread)) {
		reply_code(s, -EINVAL);
		return;
	}
	snprintf(name, sizeof(name), "vCPU %u", thread);
	rsp_hex(text, name, strlen(name));
	reply(s, text);
}

static void attached(struct stub *s, char *args UNUSED)
{
	reply(s, "1");
}

/* "Hg2": what follows is asked of thread 2. "Hc" chooses for 'c' and 's', which do without. */
static void choose_thread(struct stub *s, char *args)
{
	unsigned thread;

	if (!*args || !thread_of(s, args + 1, &thread)) {
		reply_code(s, -EINVAL);
		return;
	}
	if (*args == 'g')
		s->thread = thread;
	reply(s, "OK");
}

static void is_alive(struct stub *s, char *args)
{
	unsigned thread;

	reply_code(s, thread_of(s, args, &thread) ? 0 : -EINVAL);
}

/* The longest name that fits comes first. */
static const struct {
	const char *name;
	void (*fn)(struct stub *s, char *args);
} commands[] = {
	{ "qSupported", supported },
	{ "QStartNoAckMode", no_ack },
	{ "qXfer:features:read:", features },
	{ "qfThreadInfo", threads },
	{ "qsThreadInfo", no_more_threads },
	{ "qThreadExtraInfo,", thread_name },
	{ "qAttached", attached },
	{ "qC", current_thread },
	{ "vCont?", vcont_which },
	{ "vCont", vcont },
	{ "vKill", kill_target },
	{ "?", why_stopped },
	{ "g", read_all },
	{ "G", write_all },
	{ "p", read_one },
	{ "P", write_one },
	{ "m", read_memory },
	{ "M", write_memory },
	{ "Z", put },
	{ "z", take_out },
	{ "c", go_on },
	{ "s", step },
	{ "H", choose_thread },
	{ "T", is_alive },
	{ "D", detach },
	{ "k", kill_target },
};

static void packet(struct rsp *r, char *data, size_t len UNUSED)
{
	struct stub *s = container_of(r, struct stub, rsp);

	if (s->running) /* all-stop: nothing is asked now but by a debugger that errs */
		return;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strncmp(data, commands[i].name, strlen(commands[i].name))) {
			commands[i].fn(s, data + strlen(commands[i].name));
			return;
		}
	reply(s, "");
}

static void interrupt(struct rsp *r)
{
	struct stub *s = container_of(r, struct stub, rsp);

	if (s->running && s->t->stop(s->t->arg))
		stub_stopped(s, s->thread, SIGNAL_INT, false);
}

void stub_feed(struct stub *s, const void *data, size_t len)
{
	rsp_feed(&s->rsp, data, len);
}

void stub_init(struct stub *s, const struct stub_target *t,
	void (*send)(void *arg, const void *data, size_t len), void *arg)
{
	*s = (struct stub){ .t = t,
		.rsp = { .packet = packet, .interrupt = interrupt, .send = send, .arg = arg } };
}
