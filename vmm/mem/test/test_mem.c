/* Guest RAM: what is RAM and what is not at every edge, the region table, and how the host's memory
 * is asked for. */
#define _GNU_SOURCE
#include "core/test/check.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "mem/mem.h"

#define LOW  UINT64_C(0x80000000)
#define HIGH UINT64_C(0x90000000)
#define TOP  (UINT64_MAX - 0xfff) /* the last page but for its last byte's successor */
#define PAGE UINT64_C(0x1000)

struct fix {
	struct mem mem;
	uint8_t *low, *high, *top;
};

/* Exactly sized blocks, so that the sanitizer sees a byte too many. */
static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->low = aligned_alloc(PAGE, 2 * PAGE);
	f->high = aligned_alloc(PAGE, PAGE);
	f->top = aligned_alloc(PAGE, PAGE);
	if (!f->low || !f->high || !f->top)
		return -1;
	memset(f->low, 'l', 2 * PAGE);
	memset(f->high, 'h', PAGE);
	memset(f->top, 't', PAGE);
	*state = f;
	/* out of order: the table sorts */
	return mem_add_borrowed(&f->mem, HIGH, PAGE, f->high) ||
		mem_add_borrowed(&f->mem, LOW, 2 * PAGE, f->low);
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	mem_fini(&f->mem);
	free(f->low);
	free(f->high);
	free(f->top);
	free(f);
	return 0;
}

static void *plain(const struct fix *f, uint64_t gpa, uint64_t len)
{
	void __guest *p = mem_at(&f->mem, gpa, len);

	return p ? mem_iov(p, len).iov_base : NULL;
}

static void knows_its_edges(void **state)
{
	static const struct {
		uint64_t gpa, len;
		bool ram;
	} t[] = {
		{ LOW, 0, true },
		{ LOW, 1, true },
		{ LOW, 2 * PAGE, true },
		{ LOW, 2 * PAGE + 1, false },
		{ LOW - 1, 1, false },
		{ LOW - 1, 2, false },
		{ LOW + 2 * PAGE - 1, 0, true },
		{ LOW + 2 * PAGE - 1, 1, true },
		{ LOW + 2 * PAGE - 1, 2, false },
		{ LOW + 2 * PAGE, 0, false },
		{ LOW + 2 * PAGE, 1, false },
		{ LOW + PAGE, PAGE, true },
		{ LOW + PAGE, PAGE + 1, false },
		{ LOW, UINT32_MAX, false },
		{ LOW, UINT64_MAX, false },
		{ LOW + 1, UINT64_MAX, false },
		{ LOW + 1, UINT64_MAX - LOW, false },	      /* the sum is 2^64 */
		{ LOW + 8, UINT64_MAX - LOW - 8 + 9, false }, /* and a little more */
		{ LOW, HIGH - LOW, false },		      /* across the hole */
		{ LOW, HIGH + PAGE - LOW, false },
		{ (LOW + HIGH) / 2, 1, false },
		{ HIGH, PAGE, true },
		{ HIGH - 1, 1, false },
		{ HIGH - 1, 2, false },
		{ HIGH + PAGE, 1, false },
		{ 0, 0, false },
		{ 0, 1, false },
		{ 0, UINT64_MAX, false },
		{ UINT64_MAX, 0, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT64_MAX, false },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		void *p = plain(f, t[i].gpa, t[i].len);

		if (!!p != t[i].ram)
			fail_msg("0x%llx + 0x%llx: %s", (unsigned long long)t[i].gpa,
				(unsigned long long)t[i].len, p ? "taken for RAM" : "refused");
	}
	assert_ptr_equal(plain(f, LOW + 5, 1), f->low + 5);
	assert_ptr_equal(plain(f, HIGH + 5, 1), f->high + 5);
}

/* Neighbours stay two regions: their pages need not be neighbours in the host. */
static void a_range_lies_in_one_region(void **state)
{
	struct fix *f = *state;

	assert_int_equal(mem_add_borrowed(&f->mem, LOW + 2 * PAGE, PAGE, f->top), 0);
	assert_non_null(plain(f, LOW + 2 * PAGE - 1, 1));
	assert_null(plain(f, LOW + 2 * PAGE - 1, 2));
	assert_ptr_equal(plain(f, LOW + 2 * PAGE, 1), f->top);
}

static void refuses_overlaps(void **state)
{
	static const struct {
		uint64_t gpa, size;
		int rc;
	} t[] = {
		{ LOW, 2 * PAGE, -EEXIST },
		{ LOW, PAGE, -EEXIST },
		{ LOW - PAGE, 2 * PAGE, -EEXIST },
		{ LOW - PAGE, 4 * PAGE, -EEXIST },
		{ LOW + PAGE, PAGE, -EEXIST },
		{ LOW + PAGE, 4 * PAGE, -EEXIST },
		{ HIGH - PAGE, 2 * PAGE, -EEXIST },
		{ 0, HIGH, -EEXIST },
		{ PAGE, 0, -EINVAL },
		{ UINT64_MAX - 0xfff, 2 * PAGE, -EINVAL },
		{ PAGE, UINT64_MAX - 0xfff, -EINVAL },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(mem_add_borrowed(&f->mem, t[i].gpa, t[i].size, f->top), t[i].rc);
	assert_int_equal(f->mem.nregions, 2);
	assert_int_equal(f->mem.region[0].gpa, LOW);
	assert_int_equal(f->mem.region[1].gpa, HIGH);
}

/* RAM that ends where addresses end: no sum may wrap. */
static void the_last_page(void **state)
{
	struct fix *f = *state;

	assert_int_equal(mem_add_borrowed(&f->mem, TOP - PAGE, PAGE, f->top), 0);
	assert_non_null(plain(f, TOP - PAGE, PAGE));
	assert_non_null(plain(f, TOP - 1, 1));
	assert_null(plain(f, TOP - 1, 2));
	assert_null(plain(f, TOP - 1, UINT64_MAX));
	assert_null(plain(f, TOP, 1));
	assert_null(plain(f, UINT64_MAX, 1));
	assert_null(plain(f, TOP - PAGE, PAGE + LOW));
}

static void the_table_is_finite(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 2; i < MEM_REGIONS; i++)
		assert_int_equal(mem_add_borrowed(&f->mem, i * 16 * PAGE, PAGE, f->top), 0);
	assert_int_equal(mem_add_borrowed(&f->mem, 0, PAGE, f->top), -ENOSPC);
	for (unsigned i = 1; i < MEM_REGIONS; i++)
		assert_true(f->mem.region[i - 1].gpa < f->mem.region[i].gpa);
}

static void copies(void **state)
{
	struct fix *f = *state;
	char buf[8];

	assert_int_equal(mem_write(&f->mem, LOW + PAGE - 2, "abcd", 4), 0);
	assert_memory_equal(f->low + PAGE - 3, "labcdl", 6);
	assert_int_equal(mem_read(&f->mem, LOW + PAGE - 3, buf, 6), 0);
	assert_memory_equal(buf, "labcdl", 6);
	assert_int_equal(mem_zero(&f->mem, LOW + PAGE - 1, 2), 0);
	assert_memory_equal(f->low + PAGE - 3, "la\0\0dl", 6);
	assert_int_equal(mem_read(&f->mem, LOW, buf, 0), 0);
	assert_int_equal(mem_write(&f->mem, LOW, buf, 0), 0);
}

/* All or nothing. */
static void copies_nothing_beyond(void **state)
{
	struct fix *f = *state;
	char buf[8] = "unmoved";

	assert_int_equal(mem_write(&f->mem, LOW + 2 * PAGE - 2, "abcd", 4), -EFAULT);
	assert_memory_equal(f->low + 2 * PAGE - 2, "ll", 2);
	assert_int_equal(mem_read(&f->mem, LOW + 2 * PAGE - 2, buf, 4), -EFAULT);
	assert_string_equal(buf, "unmoved");
	assert_int_equal(mem_zero(&f->mem, LOW + 2 * PAGE - 2, 4), -EFAULT);
	assert_memory_equal(f->low + 2 * PAGE - 2, "ll", 2);
	assert_int_equal(mem_read(&f->mem, HIGH - 1, buf, 1), -EFAULT);
	assert_int_equal(mem_write(&f->mem, UINT64_MAX, buf, 1), -EFAULT);
	assert_int_equal(mem_zero(&f->mem, LOW, SIZE_MAX), -EFAULT);
}

static void ring_words(void **state)
{
	struct fix *f = *state;
	void __guest *p = mem_at(&f->mem, LOW + 2, 2);

	mem_store16(p, 0x1234);
	assert_int_equal(mem_load16(p), 0x1234);
	assert_int_equal(f->low[2], 0x34);
	assert_int_equal(f->low[3], 0x12);
	assert_int_equal(f->low[4], 'l');
	mem_store16_release(p, 0xfedc);
	assert_int_equal(mem_load16_acquire(p), 0xfedc);
	assert_int_equal(f->low[4], 'l');
}

static void maps_private_memory(void **state UNUSED)
{
	struct mem_opts opts = { 0 };
	struct mem mem = { 0 };
	struct err err = { 0 };
	uint64_t v = 1;

	assert_int_equal(mem_add(&mem, LOW, 4 * MiB, &opts, &err), 0);
	assert_int_equal((uintptr_t)mem.region[0].hva % (2 * MiB), 0);
	assert_int_equal(mem.region[0].memfd, -1);
	assert_int_equal(mem_read(&mem, LOW + 4 * MiB - 8, &v, 8), 0);
	assert_int_equal(v, 0);
	v = 42;
	assert_int_equal(mem_write(&mem, LOW + 4 * MiB - 8, &v, 8), 0);
	assert_int_equal(mem_write(&mem, LOW + 4 * MiB - 7, &v, 8), -EFAULT);
	mem_fini(&mem);
	assert_int_equal(mem.nregions, 0);
	mem_fini(&mem); /* twice: fine */
}

/* What a vhost-user peer would see through the descriptor is what the guest wrote. */
static void shares_a_memfd(void **state UNUSED)
{
	struct mem_opts opts = { .shared = true };
	struct mem mem = { 0 };
	struct err err = { 0 };
	struct stat st;
	char *peer;

	assert_int_equal(mem_add(&mem, LOW, 2 * MiB, &opts, &err), 0);
	assert_true(mem.region[0].memfd >= 0);
	assert_int_equal(fstat(mem.region[0].memfd, &st), 0);
	assert_int_equal(st.st_size, 2 * MiB);
	peer = mmap(NULL, 2 * MiB, PROT_READ, MAP_SHARED, mem.region[0].memfd, 0);
	assert_ptr_not_equal(peer, MAP_FAILED);
	assert_int_equal(mem_write(&mem, LOW + MiB, "hello", 6), 0);
	assert_string_equal(peer + MiB, "hello");
	assert_int_equal(ftruncate(mem.region[0].memfd, 0), -1); /* the peer can't, either */
	assert_int_equal(ftruncate(mem.region[0].memfd, 4 * MiB), -1);
	munmap(peer, 2 * MiB);
	mem_fini(&mem);
}

static void prefaults(void **state UNUSED)
{
	struct mem_opts opts = { .prefault = true };
	unsigned char there[512];
	struct mem mem = { 0 };
	struct err err = { 0 };

	assert_int_equal(mem_add(&mem, LOW, 2 * MiB, &opts, &err), 0);
	assert_int_equal(mincore(mem.region[0].hva, 2 * MiB, there), 0);
	for (unsigned i = 0; i < sizeof(there); i++)
		assert_true(there[i] & 1);
	mem_fini(&mem);
}

static void refuses_and_says_why(void **state UNUSED)
{
	static const struct {
		uint64_t gpa, size;
		int rc;
		const char *says;
	} t[] = {
		{ LOW, 0, -EINVAL,
			"place 0 bytes of guest memory at 0x80000000: Invalid argument" },
		{ UINT64_MAX - 2 * MiB + 1, 4 * MiB, -EINVAL,
			"place 4194304 bytes of guest memory at 0xff" },
		{ LOW, UINT64_MAX - MiB + 1, -EINVAL, "bytes of guest memory" },
		{ 0, UINT64_C(1) << 60, -ENOMEM, "reserve 1099511627776 MiB of address space" },
		{ HIGH, 2 * MiB, -EEXIST, "place guest memory at 0x90000000: File exists" },
	};
	struct mem_opts opts = { 0 };
	struct mem mem = { 0 };
	struct err err = { 0 };

	assert_int_equal(mem_add(&mem, HIGH, 2 * MiB, &opts, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(mem_add(&mem, t[i].gpa, t[i].size, &opts, &err), t[i].rc);
		assert_non_null(strstr(err.msg, t[i].says));
	}
	assert_int_equal(mem.nregions, 1);
	mem_fini(&mem);
}

/* A host whose pool is empty is named, and neither descriptor nor mapping is left. */
static void an_empty_huge_page_pool(void **state UNUSED)
{
	struct mem_opts opts = { .pages = MEM_PAGES_HUGETLB };
	FILE *pool = fopen("/proc/sys/vm/nr_hugepages", "re");
	unsigned long pages = 1;
	struct mem mem = { 0 };
	struct err err = { 0 };

	if (!pool || fscanf(pool, "%lu", &pages) != 1)
		pages = 1;
	if (pool)
		fclose(pool);
	if (pages)
		skip();
	assert_true(mem_add(&mem, LOW, 4 * MiB, &opts, &err) < 0);
	assert_non_null(strstr(err.msg, "4 MiB"));
	opts.shared = true;
	assert_true(mem_add(&mem, LOW, 4 * MiB, &opts, &err) < 0);
	assert_int_equal(mem.nregions, 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(knows_its_edges),
		T(a_range_lies_in_one_region),
		T(refuses_overlaps),
		T(the_last_page),
		T(the_table_is_finite),
		T(copies),
		T(copies_nothing_beyond),
		T(ring_words),
		cmocka_unit_test(maps_private_memory),
		cmocka_unit_test(shares_a_memfd),
		cmocka_unit_test(prefaults),
		cmocka_unit_test(refuses_and_says_why),
		cmocka_unit_test(an_empty_huge_page_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
