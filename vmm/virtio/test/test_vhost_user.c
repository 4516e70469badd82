/* The messages of vhost-user, and set-up against back ends that are good, odd and hostile. */
#include "virtio/test/back_end.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>

#include "core/test/check.h"

#define SHORT 30 /* ms of patience, where it is to run out */
#define LONG  5000

static int64_t ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* messages */

static int judge(uint32_t request, uint32_t flags, uint32_t size, size_t len, uint64_t *value)
{
	struct vhost_user_msg m = { .request = request,
		.flags = flags,
		.size = size,
		.body.u64 = 0x1122334455667788 };

	return vhost_user_answer((const uint8_t *)&m, len, VHOST_USER_GET_FEATURES, value);
}

static void an_answer_is_20_bytes_or_wrong(void **state UNUSED)
{
	uint64_t value = 0;

	for (size_t len = 0; len < 20; len++)
		assert_int_equal(judge(1, 5, 8, len, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(judge(1, 5, 8, 20, &value), 1);
	assert_true(value == 0x1122334455667788);
	assert_int_equal(judge(1, 13, 8, 20, &value), 1); /* NEED_REPLY left standing */
	for (size_t len = 12; len <= 20; len += 8) {
		assert_int_equal(judge(2, 5, 8, len, &value), -EPROTO);
		assert_int_equal(judge(1, 4, 8, len, &value), -EPROTO);
		assert_int_equal(judge(1, 6, 8, len, &value), -EPROTO);
		assert_int_equal(judge(1, 1, 8, len, &value), -EPROTO);
		assert_int_equal(judge(1, 5 | 16, 8, len, &value), -EPROTO);
		assert_int_equal(judge(1, 5 | 1U << 31, 8, len, &value), -EPROTO);
		assert_int_equal(judge(1, 5, 0, len, &value), -EPROTO);
		assert_int_equal(judge(1, 5, 7, len, &value), -EPROTO);
		assert_int_equal(judge(1, 5, 9, len, &value), -EPROTO);
		assert_int_equal(judge(1, 5, UINT32_MAX, len, &value), -EPROTO);
	}
}

static void the_memory_table(void **state UNUSED)
{
	struct mem mem = { .region = { { .gpa = 0x80000000, .size = 0x200000, .memfd = 7 },
				   { .gpa = 0x90000000, .size = 0x1000, .memfd = 0 } },
		.nregions = 2 };
	struct vhost_user_msg m;
	int fds[MEM_REGIONS];

	assert_int_equal(vhost_user_table(&m, fds, &mem), 0);
	assert_int_equal(m.request, 5);
	assert_int_equal(m.size, 8 + 2 * 32);
	assert_int_equal(m.body.memory.nregions, 2);
	assert_int_equal(m.body.memory.padding, 0);
	assert_true(m.body.memory.region[0].gpa == 0x80000000 &&
		m.body.memory.region[0].user == 0x80000000);
	assert_true(m.body.memory.region[1].gpa == 0x90000000 &&
		m.body.memory.region[1].size == 0x1000 && m.body.memory.region[1].mmap_offset == 0);
	assert_true(fds[0] == 7 && fds[1] == 0);
	mem.region[1].memfd = -1;
	assert_int_equal(vhost_user_table(&m, fds, &mem), -EINVAL);
	mem.region[1].memfd = 3;
	mem.nregions = MEM_REGIONS;
	assert_int_equal(vhost_user_table(&m, fds, &mem), 0);
	assert_int_equal(m.size, 8 + MEM_REGIONS * 32);
}

static void names(void **state UNUSED)
{
	assert_string_equal(vhost_user_name(5), "SET_MEM_TABLE");
	assert_string_equal(vhost_user_name(18), "SET_VRING_ENABLE");
	assert_string_equal(vhost_user_name(0), "a request");
	assert_string_equal(vhost_user_name(19), "a request");
	assert_string_equal(vhost_user_name(UINT32_MAX), "a request");
}

/* set-up */

static void asked(int back, uint32_t request, uint32_t flags, uint32_t size, uint64_t value)
{
	struct told t;

	assert_true(back_hears(back, &t));
	assert_int_equal(t.m.request, request);
	assert_int_equal(t.m.flags, flags);
	assert_int_equal(t.m.size, size);
	assert_int_equal(t.nfds, 0);
	if (size)
		assert_true(t.m.body.u64 == value);
}

static int greet(int *back, uint64_t features, uint64_t protocol, uint64_t queues, struct err *err)
{
	struct vhost_user v;
	int fd, rc;

	back_pair(&fd, back);
	back_greets(*back, features, protocol, queues);
	rc = vhost_user_open(&v, fd, "the back end", 2, LONG, err);
	if (!rc) {
		assert_true(v.features == features);
		assert_int_equal(v.reply_ack, !!(protocol & BACK_ACK));
		assert_int_equal(v.nawaited, 0);
	}
	vhost_user_close(&v);
	return rc;
}

static void agrees_on_features(void **state UNUSED)
{
	struct err err = { 0 };
	struct told t;
	int back;

	assert_int_equal(greet(&back, UINT64_MAX, UINT64_MAX, 2, &err), 0);
	asked(back, VHOST_USER_GET_FEATURES, 1, 0, 0);
	asked(back, VHOST_USER_GET_PROTOCOL_FEATURES, 1, 0, 0);
	asked(back, VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8, BACK_ACK | BACK_MQ); /* no others */
	asked(back, VHOST_USER_GET_QUEUE_NUM, 1, 0, 0);
	asked(back, VHOST_USER_SET_OWNER, 9, 0, 0);
	assert_false(back_hears(back, &t));
	close(back);
}

static void does_with_a_plain_back_end(void **state UNUSED)
{
	struct err err = { 0 };
	struct told t;
	int back;

	assert_int_equal(greet(&back, BACK_FEATURES, 0, 0, &err), 0);
	asked(back, VHOST_USER_GET_FEATURES, 1, 0, 0);
	asked(back, VHOST_USER_GET_PROTOCOL_FEATURES, 1, 0, 0);
	asked(back, VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8, 0);
	asked(back, VHOST_USER_SET_OWNER, 1, 0, 0);
	assert_false(back_hears(back, &t));
	close(back);
}

static void refuses(uint64_t features, uint64_t protocol, uint64_t queues, const char *sentence)
{
	struct err err = { 0 };
	int back;

	assert_true(greet(&back, features, protocol, queues, &err) < 0);
	assert_string_equal(err.msg, sentence);
	close(back);
}

static void refuses_what_lacks_something(void **state UNUSED)
{
	refuses(0, BACK_ACK, 2, "the back end lacks the virtio 1 interface");
	refuses(UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES, 0, 2,
		"the back end lacks the virtio 1 interface");
	refuses(UINT64_C(1) << VIRTIO_F_VERSION_1, 0, 2,
		"the back end lacks the vhost-user protocol features");
	refuses(BACK_FEATURES, BACK_MQ, 1, "the back end serves 1 queues, not 2");
	refuses(BACK_FEATURES, BACK_MQ | BACK_ACK, 0, "the back end serves 0 queues, not 2");
}

/* A back end that lays down some right answers, then these bytes. */
static void lies(unsigned right, const void *bytes, size_t len, int extra, unsigned patience,
	const char *sentence)
{
	static const uint32_t order[] = { VHOST_USER_GET_FEATURES,
		VHOST_USER_GET_PROTOCOL_FEATURES };
	unsigned before = open_descriptors();
	struct err err = { 0 };
	struct vhost_user v;
	int fd, back;

	back_pair(&fd, &back);
	for (unsigned i = 0; i < right; i++)
		back_answers(back, order[i], i ? BACK_ACK : BACK_FEATURES);
	if (len)
		back_sends(back, bytes, len, extra);
	assert_true(vhost_user_open(&v, fd, "it", 2, patience, &err) < 0);
	assert_string_equal(err.msg, sentence);
	assert_int_equal(v.fd, -1);
	close(back);
	assert_int_equal(open_descriptors(), before);
}

static void wrong_answers(void **state UNUSED)
{
	static const char broke[] = "it broke the vhost-user protocol";
	const uint32_t good[5] = { 1, 5, 8, 0x40000000, 1 }, huge[5] = { 1, 5, UINT32_MAX },
		       other[5] = { 15, 5, 8 }, request[3] = { 1, 1, 0 },
		       no_owner[5] = { 3, 5, 8, 1 }, owner[5] = { 3, 5, 8, 0 };

	lies(0, huge, sizeof(huge), -1, LONG, broke);
	lies(0, other, sizeof(other), -1, LONG, broke);
	lies(0, request, sizeof(request), -1, LONG, broke);
	lies(1, good, sizeof(good), -1, LONG, broke); /* the same again */
	lies(0, good, sizeof(good), 0, LONG, broke);  /* with a descriptor */
	lies(2, owner, sizeof(owner), 0, LONG, broke);
	lies(2, no_owner, sizeof(no_owner), -1, LONG, "it refused SET_OWNER");
}

static void never_answers(void **state UNUSED)
{
	const uint32_t good[5] = { 1, 5, 8, 0x40000000, 1 };
	int64_t from = ms();

	lies(0, NULL, 0, -1, SHORT, "it does not answer");
	lies(1, NULL, 0, -1, SHORT, "it does not answer");
	lies(2, NULL, 0, -1, SHORT, "it does not answer");
	for (size_t len = 1; len < sizeof(good); len += 6)
		lies(0, good, len, -1, SHORT, "it does not answer");
	assert_in_range(ms() - from, 5 * SHORT, LONG - 1);
}

static void hangs_up(void **state UNUSED)
{
	for (unsigned right = 0; right < 3; right++) {
		struct err err = { 0 };
		struct vhost_user v;
		int fd, back;

		back_pair(&fd, &back);
		if (right > 0)
			back_answers(back, VHOST_USER_GET_FEATURES, BACK_FEATURES);
		if (right > 1)
			back_sends(back, "\x0f\0\0\0\5\0\0\0\10", 9, -1);
		need(!shutdown(back, SHUT_WR));
		assert_int_equal(vhost_user_open(&v, fd, "it", 2, LONG, &err), -EPIPE);
		assert_string_equal(err.msg, "it has gone");
		close(back);
	}
}

static void only_stream_sockets(void **state UNUSED)
{
	int datagrams[2], fds[3] = { -1, -1, -1 };
	struct vhost_user v;

	need(!socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
	fds[0] = datagrams[0];
	fds[1] = eventfd(0, EFD_CLOEXEC);
	fds[2] = socket(AF_INET, SOCK_STREAM, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct err err = { 0 };
		char sentence[80];

		if (fds[i] < 0)
			continue;
		snprintf(sentence, sizeof(sentence), "descriptor %d is not a unix stream socket",
			fds[i]);
		assert_int_equal(vhost_user_open(&v, fds[i], "it", 2, LONG, &err), -ENOTSOCK);
		assert_string_equal(err.msg, sentence);
		assert_int_equal(close(fds[i]), -1); /* taken over also when refused */
	}
	close(datagrams[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_20_bytes_or_wrong),
		cmocka_unit_test(the_memory_table),
		cmocka_unit_test(names),
		cmocka_unit_test(agrees_on_features),
		cmocka_unit_test(does_with_a_plain_back_end),
		cmocka_unit_test(refuses_what_lacks_something),
		cmocka_unit_test(wrong_answers),
		cmocka_unit_test(never_answers),
		cmocka_unit_test(hangs_up),
		cmocka_unit_test(only_stream_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
