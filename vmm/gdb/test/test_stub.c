/*
 * A debugger's packets and the answers, over a toy target of two threads; and the frames around
 * them.
 */
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "gdb/stub.h"

#define BASE 0x1000U

struct fix {
	struct stub stub;
	struct stub_target t;
	uint64_t reg[2][4];
	uint8_t mem[256];
	char out[3 * RSP_PACKET];
	size_t nout;
	int resumed, stepped, detached, killed;
	uint64_t threads;
};

static int read_reg(void *arg, unsigned thread, unsigned reg, void *value)
{
	struct fix *f = arg;

	assert_true(thread < 2);
	if (reg >= 4)
		return -1;
	memcpy(value, &f->reg[thread][reg], 8);
	return 8;
}

static int write_reg(void *arg, unsigned thread, unsigned reg, const void *value, size_t len)
{
	struct fix *f = arg;

	if (reg >= 4 || len != 8)
		return -EINVAL;
	memcpy(&f->reg[thread][reg], value, 8);
	return 0;
}

static int read_mem(void *arg, unsigned thread UNUSED, uint64_t addr, void *data, size_t len)
{
	struct fix *f = arg;

	if (addr < BASE || addr - BASE > sizeof(f->mem) || len > sizeof(f->mem) - (addr - BASE))
		return -EFAULT;
	memcpy(data, f->mem + (addr - BASE), len);
	return 0;
}

static int write_mem(void *arg, unsigned thread, uint64_t addr, const void *data, size_t len)
{
	struct fix *f = arg;
	uint8_t probe[256];

	if (len > sizeof(probe) || read_mem(arg, thread, addr, probe, len))
		return -EFAULT;
	memcpy(f->mem + (addr - BASE), data, len);
	return 0;
}

static int resume(void *arg, uint64_t threads)
{
	((struct fix *)arg)->resumed++;
	((struct fix *)arg)->threads = threads;
	return 0;
}

static int step(void *arg, unsigned thread)
{
	((struct fix *)arg)->stepped = (int)thread + 1;
	return 0;
}

static int stop(void *arg)
{
	struct fix *f = arg;

	stub_stopped(&f->stub, 1, 2, false);
	return 0;
}

static void detach(void *arg)
{
	((struct fix *)arg)->detached++;
}

static void kill_it(void *arg)
{
	((struct fix *)arg)->killed++;
}

static void collect(void *arg, const void *data, size_t len)
{
	struct fix *f = arg;

	assert_true(f->nout + len < sizeof(f->out));
	memcpy(f->out + f->nout, data, len);
	f->out[f->nout += len] = 0;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->t = (struct stub_target){ .nthreads = 2,
		.read_reg = read_reg,
		.write_reg = write_reg,
		.read_mem = read_mem,
		.write_mem = write_mem,
		.resume = resume,
		.step = step,
		.stop = stop,
		.detach = detach,
		.kill = kill_it,
		.xml = "<target>$</target>",
		.xml_len = 18,
		.nregs = 3,
		.arg = f };
	for (unsigned i = 0; i < sizeof(f->mem); i++)
		f->mem[i] = (uint8_t)i;
	f->reg[0][0] = 0x1122334455667788;
	f->reg[1][2] = 7;
	stub_init(&f->stub, &f->t, collect, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void feed(struct fix *f, const char *bytes)
{
	f->nout = 0;
	f->out[0] = 0;
	stub_feed(&f->stub, bytes, strlen(bytes));
}

/* The packet is answered by that (NULL: by nothing). */
static void answers(struct fix *f, const char *packet, const char *answer)
{
	char frame[RSP_PACKET + 8], expected[RSP_PACKET + 8] = "+";
	uint8_t sum = 0;

	for (const char *p = packet; *p; p++)
		sum += (uint8_t)*p;
	snprintf(frame, sizeof(frame), "$%s#%02x", packet, sum);
	feed(f, frame);
	sum = 0;
	for (const char *p = answer; p && *p; p++)
		sum += (uint8_t)*p;
	if (answer)
		snprintf(expected, sizeof(expected), "+$%s#%02x", answer, sum);
	if (strcmp(f->out, expected))
		fail_msg("%s: %s, not %s", packet, f->out, expected);
}

static void registers(void **state)
{
	struct fix *f = *state;

	answers(f, "g", "887766554433221100000000000000000000000000000000");
	answers(f, "p0", "8877665544332211");
	answers(f, "p3", "0000000000000000");
	answers(f, "p4", "E05");
	answers(f, "pzz", "E16");
	answers(f, "p99999", "E16");
	answers(f, "P1=0100000000000000", "OK");
	assert_int_equal(f->reg[0][1], 1);
	answers(f, "P1=01", "E16");
	answers(f, "P1", "E16");
	answers(f, "P9=0100000000000000", "E16");
	answers(f, "G010000000000000002000000000000000300000000000000", "OK");
	assert_int_equal(f->reg[0][0], 1);
	assert_int_equal(f->reg[0][2], 3);
	answers(f, "G0100", "E16");
}

static void memory(void **state)
{
	struct fix *f = *state;

	answers(f, "m1001,4", "01020304");
	answers(f, "m10fe,2", "feff");
	answers(f, "m10fe,3", "E0e");
	answers(f, "m1000,0", "");
	answers(f, "m1000,ffffffff", "E16");
	answers(f, "m1000", "E16");
	answers(f, "m", "E16");
	answers(f, "M1001,2:aabb", "OK");
	assert_int_equal(f->mem[1], 0xaa);
	answers(f, "M1001,2:aa", "E16");
	answers(f, "M9999,1:aa", "E0e");
	answers(f, "X1001,0:", "");
}

static void breakpoints(void **state)
{
	struct fix *f = *state;

	answers(f, "Z0,1010,2", "OK");
	assert_int_equal(f->mem[0x10], 0x02);
	assert_int_equal(f->mem[0x11], 0x90);
	answers(f, "m100f,4", "0f101112"); /* as it was */
	answers(f, "Z0,1010,2", "OK");
	answers(f, "Z0,1020,4", "OK");
	assert_memory_equal(f->mem + 0x20, "\x73\x00\x10\x00", 4);
	assert_true(stub_has_breakpoint(&f->stub, 0x1010));
	answers(f, "z0,1010,2", "OK");
	assert_int_equal(f->mem[0x10], 0x10);
	assert_false(stub_has_breakpoint(&f->stub, 0x1010));
	answers(f, "z0,1010,2", "OK");
	answers(f, "Z0,1010,3", "E16");
	answers(f, "Z0", "E16");
	answers(f, "Z1,1010,2", "");
	answers(f, "Z0,9999,2", "E0e");
	for (unsigned i = 0; i < STUB_BREAKPOINTS - 1; i++) {
		char packet[32];

		snprintf(packet, sizeof(packet), "Z0,%x,2", BASE + 0x40 + 2 * i);
		answers(f, packet, "OK");
	}
	answers(f, "Z0,1000,2", "E1c");
	stub_clear(&f->stub);
	for (unsigned i = 0; i < sizeof(f->mem); i++)
		assert_int_equal(f->mem[i], i);
}

static void running(void **state)
{
	struct fix *f = *state;

	answers(f, "?", "T05thread:1;");
	answers(f, "vCont?", "vCont;c;C;s;S");
	answers(f, "vCont;c", NULL);
	assert_int_equal(f->resumed, 1);
	assert_true(f->threads == UINT64_MAX);
	answers(f, "g", NULL); /* it runs: nothing is asked */
	f->nout = 0;
	stub_stopped(&f->stub, 1, 5, true);
	assert_string_equal(f->out, "$T05thread:2;swbreak:;#3c");
	stub_stopped(&f->stub, 0, 5, true); /* told once */
	answers(f, "qC", "QC2");
	answers(f, "p2", "0700000000000000");
	answers(f, "c", NULL);
	feed(f, "\x03");
	assert_string_equal(f->out, "$T02thread:2;#d5");
	feed(f, "\x03"); /* it does not run */
	assert_string_equal(f->out, "");
	answers(f, "vCont;s:1;c:2", NULL);
	assert_int_equal(f->stepped, 1);
	stub_stopped(&f->stub, 0, 5, false);
	answers(f, "vCont;c:1;s:2", NULL);
	assert_int_equal(f->stepped, 2);
	stub_stopped(&f->stub, 1, 5, false);
	answers(f, "vCont;s:9", "E16");
	answers(f, "vCont;c:2", NULL); /* the other waits */
	assert_int_equal(f->threads, 2);
	stub_stopped(&f->stub, 1, 5, true);
	answers(f, "vCont;c:1;c:2", NULL);
	assert_int_equal(f->threads, 3);
	stub_stopped(&f->stub, 1, 5, true);
	answers(f, "vCont;c:-1", NULL);
	assert_true(f->threads == UINT64_MAX);
	stub_stopped(&f->stub, 1, 5, true);
	answers(f, "vCont;c:1;c", NULL);
	assert_true(f->threads == UINT64_MAX);
	stub_stopped(&f->stub, 1, 5, true);
	answers(f, "vCont;c:9", "E16");
	answers(f, "s", NULL);
	f->nout = 0;
	stub_exited(&f->stub, 0);
	assert_string_equal(f->out, "$W00#b7");
}

static void threads_and_questions(void **state)
{
	struct fix *f = *state;

	answers(f, "qfThreadInfo", "m1,2");
	answers(f, "qsThreadInfo", "l");
	answers(f, "qThreadExtraInfo,2", "764350552031");
	answers(f, "qThreadExtraInfo,9", "E16");
	answers(f, "T2", "OK");
	answers(f, "T3", "E16");
	answers(f, "Hg2", "OK");
	answers(f, "p2", "0700000000000000");
	answers(f, "Hg0", "OK");
	answers(f, "Hc-1", "OK");
	answers(f, "Hg5", "E16");
	answers(f, "H", "E16");
	answers(f, "qAttached", "1");
	answers(f, "qSupported:xmlRegisters=i386",
		"PacketSize=1000;qXfer:features:read+;swbreak+;vContSupported+;QStartNoAckMode+");
	answers(f, "qXfer:features:read:target.xml:0,5", "m<targ");
	answers(f, "qXfer:features:read:target.xml:6,2", "mt>");
	answers(f, "qXfer:features:read:target.xml:8,1", "m}\x04"); /* '$' is escaped */
	answers(f, "qXfer:features:read:target.xml:9,100", "l</target>");
	answers(f, "qXfer:features:read:target.xml:12,1", "l");
	answers(f, "qXfer:features:read:target.xml:13,1", "E16");
	answers(f, "qXfer:features:read:other.xml:0,5", "E00");
	answers(f, "qNonsense", "");
	answers(f, "!", "");
	answers(f, "", "");
}

static void it_goes(void **state)
{
	struct fix *f = *state;

	answers(f, "Z0,1010,2", "OK");
	answers(f, "D", "OK");
	assert_int_equal(f->detached, 1);
	assert_int_equal(f->mem[0x10], 0x10);
	answers(f, "k", NULL);
	answers(f, "vKill;1", NULL);
	assert_int_equal(f->killed, 2);
}

static void frames(void **state)
{
	struct fix *f = *state;
	char *huge = malloc(3 * RSP_PACKET);

	feed(f, "$qC#00"); /* a wrong sum */
	assert_string_equal(f->out, "-");
	feed(f, "+++x#12$qC");
	feed(f, "#b");
	feed(f, "4");
	assert_string_equal(f->out, "+$QC1#c5");
	feed(f, "$garb$qC#b4"); /* begun anew */
	assert_string_equal(f->out, "+$QC1#c5");
	feed(f, "$q}c#51"); /* an escaped 'C' */
	assert_string_equal(f->out, "+$QC1#c5");
	assert_non_null(huge);
	memset(huge, 'a', 3 * RSP_PACKET);
	huge[0] = '$';
	strcpy(huge + 3 * RSP_PACKET - 4, "#00");
	f->stub.rsp.no_ack = true;
	feed(f, huge); /* too long: as one that is not known */
	assert_string_equal(f->out, "$#00");
	feed(f, "$qC#00"); /* without acknowledgements no sum is looked at */
	assert_string_equal(f->out, "$QC1#c5");
	free(huge);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(registers),
		T(memory),
		T(breakpoints),
		T(running),
		T(threads_and_questions),
		T(it_goes),
		T(frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
