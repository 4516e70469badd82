/* The steps of a request, with results that a healthy machine doesn't give. */
#include <setjmp.h>
#include <stdarg.h>
#include "block/backend.h"

#include <cmocka.h> /* last: it has a macro called fail */

static struct block_req begun(struct block *b, enum block_op op, struct iovec *iov, unsigned niov)
{
	struct block_req req = { .op = op, .offset = 1024, .iov = iov, .niov = niov };

	for (unsigned i = 0; i < niov; i++)
		req.len += iov[i].iov_len;
	if (!niov)
		req.len = 4096;
	block_begin(b, &req);
	return req;
}

static void short_transfers_go_on(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	char buf[1000];
	struct iovec iov[2] = { { buf, 600 }, { buf + 600, 400 } };
	struct block_req req = begun(&b, BLOCK_WRITE, iov, 2);
	struct block_step s;

	assert_false(block_stepped(&b, &req, 100));
	s = block_step(&b, &req);
	assert_int_equal(s.kind, STEP_WRITEV);
	assert_int_equal(s.offset, 1124);
	assert_int_equal(s.niov, 2);
	assert_ptr_equal(s.iov[0].iov_base, buf + 100);
	assert_int_equal(s.iov[0].iov_len, 500);
	assert_false(block_stepped(&b, &req, 500)); /* exactly the first buffer */
	s = block_step(&b, &req);
	assert_int_equal(s.niov, 1);
	assert_ptr_equal(s.iov[0].iov_base, buf + 600);
	assert_false(block_stepped(&b, &req, -EINTR));
	assert_false(block_stepped(&b, &req, -EAGAIN));
	assert_false(block_stepped(&b, &req, 399));
	assert_true(block_stepped(&b, &req, 1));
	assert_int_equal(req.result, 0);
}

static void errors_end_a_request(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	char buf[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct block_req req = begun(&b, BLOCK_WRITE, &iov, 1);

	assert_true(block_stepped(&b, &req, -ENOSPC));
	assert_int_equal(req.result, -ENOSPC);
	req = begun(&b, BLOCK_WRITE, &iov, 1);
	assert_true(block_stepped(&b, &req, 0)); /* a write of nothing can't go on */
	assert_int_equal(req.result, -EIO);
	req = begun(&b, BLOCK_FLUSH, NULL, 0);
	assert_true(block_stepped(&b, &req, -EIO));
	assert_int_equal(req.result, -EIO);
	req = begun(&b, BLOCK_ZERO, NULL, 0);
	assert_true(block_stepped(&b, &req, -ENOSPC));
	assert_int_equal(req.result, -ENOSPC);
}

static void retries_end(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	char buf[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct block_req req = begun(&b, BLOCK_READ, &iov, 1);
	unsigned n = 0;

	while (!block_stepped(&b, &req, -EAGAIN))
		assert_true(++n < 1000);
	assert_int_equal(req.result, -EIO);
}

static void ways_round(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	struct block_req req = begun(&b, BLOCK_ZERO_UNMAP, NULL, 0);
	struct block_step s;

	assert_false(block_stepped(&b, &req, -EOPNOTSUPP)); /* no holes */
	assert_false(block_stepped(&b, &req, -EINVAL));	    /* not this range */
	assert_true(b.no_punch && !b.no_zero_range);
	s = block_step(&b, &req);
	assert_int_equal(s.kind, STEP_WRITE);
	assert_false(block_stepped(&b, &req, 1000));
	s = block_step(&b, &req);
	assert_int_equal(s.offset, 2024);
	assert_int_equal(s.len, 3096);
	assert_true(block_stepped(&b, &req, 3096));
	assert_int_equal(req.result, 0);
	req = begun(&b, BLOCK_ZERO, NULL, 0);
	assert_false(block_stepped(&b, &req, -EOPNOTSUPP));
	assert_true(b.no_zero_range);
	assert_true(block_stepped(&b, &req, 4096));
	req = begun(&b, BLOCK_ZERO_UNMAP, NULL, 0);
	assert_int_equal(block_step(&b, &req).kind, STEP_WRITE); /* remembered */
	req = begun(&b, BLOCK_DISCARD, NULL, 0);
	assert_true(block_stepped(&b, &req, -EOPNOTSUPP));
	assert_int_equal(req.result, -EOPNOTSUPP);
}

static void durable_ends_in_sync(void **state UNUSED)
{
	struct block b = { .info.size = MiB };
	struct block_req req = { .op = BLOCK_ZERO, .durable = true, .len = 512 };

	block_begin(&b, &req);
	assert_false(block_stepped(&b, &req, 0));
	assert_int_equal(block_step(&b, &req).kind, STEP_FDATASYNC);
	assert_true(block_stepped(&b, &req, -EIO));
	assert_int_equal(req.result, -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_transfers_go_on),
		cmocka_unit_test(errors_end_a_request),
		cmocka_unit_test(retries_end),
		cmocka_unit_test(ways_round),
		cmocka_unit_test(durable_ends_in_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
