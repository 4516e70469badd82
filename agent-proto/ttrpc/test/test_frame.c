/* Frames from bytes that come in any portions, and into bytes; budgets; text. */
#include <string.h>
#include "core/test/check.h"
#include "agent.pb-c.h"
#include "ttrpc.pb-c.h"
#include "ttrpc/frame.h"
#include "ttrpc/utf8.h"

struct fix {
	struct budget budget;
	struct frame_reader r;
	struct frame_writer w;
};

#define PLENTY (64 * MiB)

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->budget.left = PLENTY;
	frame_reader_init(&f->r, &f->budget);
	frame_writer_init(&f->w, &f->budget);
	*state = f;
	return 0;
}

/* All that was taken from the budget has been given back. */
static int fix_free(void **state)
{
	struct fix *f = *state;
	size_t left;

	frame_reader_fini(&f->r);
	frame_writer_fini(&f->w);
	left = f->budget.left;
	free(f);
	return left == PLENTY ? 0 : -1;
}

static void test_header(void **state)
{
	static const uint8_t wire[FRAME_HEADER] = { 0, 1, 2, 3, 0x80, 0, 0, 5, 2, 4 };
	struct frame_header head = frame_decode(wire);
	uint8_t back[FRAME_HEADER];

	(void)state;
	assert_int_equal(head.length, 0x10203);
	assert_int_equal(head.stream, 0x80000005);
	assert_int_equal(head.type, FRAME_RESPONSE);
	assert_int_equal(head.flags, FRAME_NO_DATA);
	frame_encode(back, &head);
	assert_memory_equal(back, wire, sizeof(wire));
}

/* A request with a payload of n bytes, queued. */
static void queue_request(struct fix *f, uint32_t stream, size_t n)
{
	AUTO_FREE uint8_t *payload = calloc(1, n + 1);
	Ttrpc__Request r;

	ttrpc__request__init(&r);
	r.payload.data = payload;
	r.payload.len = n;
	assert_int_equal(frame_write(&f->w, stream, FRAME_REQUEST, &r.base), 0);
}

/* What the writer holds, through the reader, portion bytes at a time: the number of frames. */
static unsigned pass_through(struct fix *f, size_t portion, uint32_t *last_stream)
{
	unsigned frames = 0;
	const uint8_t *data;
	size_t len;

	while ((data = frame_waiting(&f->w, &len))) {
		size_t used = 0;
		enum frame_result got = frame_read(&f->r, data, MIN(len, portion), &used);

		assert_true(used > 0);
		if (got == FRAME_READY) {
			*last_stream = f->r.head.stream;
			frames++;
		}
		frame_sent(&f->w, used);
	}
	return frames;
}

static void test_portions(void **state)
{
	static const size_t portions[] = { 1, 3, 10, 11, 4096, 1 << 20 };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(portions); i++) {
		uint32_t last = 0;

		queue_request(f, 1, 0);
		queue_request(f, 3, 5);
		queue_request(f, 5, 100000);
		queue_request(f, 7, 0);
		assert_int_equal(pass_through(f, portions[i], &last), 4);
		assert_int_equal(last, 7);
	}
	assert_int_equal(f->w.queued, f->w.written);
}

static void test_empty_data(void **state)
{
	static const uint8_t wire[FRAME_HEADER] = { 0, 0, 0, 0, 0, 0, 0, 9, 1, 0 };
	struct fix *f = *state;
	size_t used;

	assert_int_equal(frame_read(&f->r, wire, sizeof(wire), &used), FRAME_READY);
	assert_int_equal(used, sizeof(wire));
	assert_int_equal(f->r.head.length, 0);
	assert_int_equal(frame_read(&f->r, wire, 0, &used), FRAME_MORE);
	assert_int_equal(used, 0);
}

/* The header alone takes no memory, the data is passed by, the next frame is seen. */
static void test_too_long(void **state)
{
	struct fix *f = *state;
	struct frame_header head = { FRAME_DATA_MAX + 1, 3, FRAME_REQUEST, 0 };
	uint8_t wire[FRAME_HEADER], junk[4096];
	size_t used, left = head.length;

	memset(junk, 0xff, sizeof(junk));
	frame_encode(wire, &head);
	assert_int_equal(frame_read(&f->r, wire, sizeof(wire), &used), FRAME_REFUSED);
	assert_int_equal(f->budget.left, PLENTY);
	while (left) {
		assert_int_equal(frame_read(&f->r, junk, MIN(left, sizeof(junk)), &used),
			FRAME_MORE);
		assert_true(used > 0);
		left -= used;
	}
	head = (struct frame_header){ 0, 5, FRAME_REQUEST, 0 };
	frame_encode(wire, &head);
	assert_int_equal(frame_read(&f->r, wire, sizeof(wire), &used), FRAME_READY);
	assert_int_equal(f->r.head.stream, 5);
}

/* A header that announces much takes memory only as the data comes; without memory it is passed
 * by. */
static void test_no_memory(void **state)
{
	struct fix *f = *state;
	struct frame_header head = { 100000, 3, FRAME_REQUEST, 0 };
	uint8_t wire[FRAME_HEADER], data[1000] = { 0 };
	enum frame_result got;
	size_t used, sent = 0;

	frame_encode(wire, &head);
	f->budget.left = 20000;
	assert_int_equal(frame_read(&f->r, wire, sizeof(wire), &used), FRAME_MORE);
	do {
		got = frame_read(&f->r, data, sizeof(data), &used);
		sent += used;
	} while (got == FRAME_MORE && sent < 100000);
	assert_int_equal(got, FRAME_REFUSED);
	assert_in_range(sent, 5000, 20000);
	while (sent < 100000) {
		assert_int_equal(frame_read(&f->r, data, MIN(sizeof(data), 100000 - sent), &used),
			FRAME_MORE);
		sent += used;
	}
	assert_int_equal(frame_read(&f->r, wire, sizeof(wire), &used), FRAME_MORE);
	assert_int_equal(f->r.have_raw, FRAME_HEADER);
	f->budget.left += PLENTY - 20000;
}

static void test_write_limits(void **state)
{
	struct fix *f = *state;
	AUTO_FREE uint8_t *payload = calloc(1, FRAME_DATA_MAX);
	Ttrpc__Request r;

	ttrpc__request__init(&r);
	r.payload.data = payload;
	r.payload.len = FRAME_DATA_MAX;
	assert_int_equal(frame_write(&f->w, 1, FRAME_REQUEST, &r.base), -EMSGSIZE);
	r.payload.len = FRAME_DATA_MAX - 5; /* its tag and length take five */
	assert_int_equal(frame_write(&f->w, 1, FRAME_REQUEST, &r.base), 0);
	f->budget.left = 0;
	assert_int_equal(frame_write(&f->w, 3, FRAME_REQUEST, &r.base), -ENOMEM);
	f->budget.left = PLENTY - f->w.size;
}

/* Two bytes of a message become a hundred in memory: such a one is not unpacked. */
static void test_bomb(void **state)
{
	struct fix *f = *state;
	size_t n = FRAME_DATA_MAX / 2, taken = 1;
	AUTO_FREE uint8_t *data = calloc(n, 2);
	ProtobufCMessage *m;

	for (size_t i = 0; i < n; i++)
		data[2 * i] = 0x0a; /* field 1, an empty message */
	m = budget_unpack(&f->budget, &grpc__routes__descriptor, data, 2 * n, &taken);
	assert_null(m);
	assert_int_equal(taken, 0);
	assert_int_equal(f->budget.left, PLENTY);

	m = budget_unpack(&f->budget, &grpc__routes__descriptor, data, 2000, &taken);
	assert_non_null(m);
	assert_true(taken > 1000 * sizeof(Types__Route));
	assert_int_equal(f->budget.left, PLENTY - taken);
	protobuf_c_message_free_unpacked(m, NULL);
	budget_give(&f->budget, taken);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *dirty, *clean;
	} texts[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7" },
		{ "a\x80z", "a?z" },
		{ "\xc3", "?" },
		{ "\xe2\x82", "??" },
		{ "\xc0\xaf", "??" },		  /* overlong */
		{ "\xed\xa0\x80", "???" },	  /* surrogate */
		{ "\xf4\x90\x80\x80", "????" },	  /* beyond the last */
		{ "\xe0\x80\x80", "???" },	  /* overlong */
		{ "\xf0\x80\x80\x80|", "????|" }, /* overlong */
		{ "\xff\xc3\xa4", "?\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[32];

		strcpy(text, texts[i].dirty);
		utf8_clean(text);
		assert_string_equal(text, texts[i].clean);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test_setup_teardown(test_portions, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_empty_data, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_too_long, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_no_memory, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_write_limits, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_bomb, fix_new, fix_free),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
