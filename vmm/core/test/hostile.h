/*
 * A list of hostile cases, each a test of its own whose name starts with the case of the suite's
 * table ("g04 head is the queue's size"), so that a run can be counted by them. Made up while the
 * program starts, out of tables; see virtio/test/hostile.h for what is asked of every device.
 */
#ifndef SAMPAN_CORE_TEST_HOSTILE_H
#define SAMPAN_CORE_TEST_HOSTILE_H

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include "core/test/check.h"
#include "core/util.h"

#define HOSTILE_MAX 1024 /* cases of a program */

struct hostile_list {
	struct CMUnitTest test[HOSTILE_MAX];
	char name[HOSTILE_MAX][96];
	void *state[HOSTILE_MAX]; /* freed with the list, because not every case may be run */
	size_t n;
};

/* state is what the set-up finds in *state; taken over. */
static inline void PRINTF(6, 7) hostile_add(struct hostile_list *l, CMUnitTestFunction test,
	CMFixtureFunction setup, CMFixtureFunction teardown, void *state, const char *name, ...)
{
	va_list ap;

	if (l->n == HOSTILE_MAX)
		abort();
	va_start(ap, name);
	vsnprintf(l->name[l->n], sizeof(l->name[0]), name, ap);
	va_end(ap);
	l->state[l->n] = state;
	l->test[l->n] = (struct CMUnitTest){ l->name[l->n], test, setup, teardown, state };
	l->n++;
}

/* Frees the list. HOSTILE='g04*' in the environment chooses cases. */
static inline int hostile_run(struct hostile_list *l, const char *group)
{
	int failed;

	cmocka_set_test_filter(getenv("HOSTILE"));
	failed = _cmocka_run_group_tests(group, l->test, l->n, NULL, NULL);

	for (size_t i = 0; i < l->n; i++)
		free(l->state[i]);
	free(l);
	return failed;
}

/* What malloc() has given and not got back, where AddressSanitizer counts it; else 0. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
void __asan_init(void) __attribute__((weak));

static inline size_t hostile_heap(void)
{
	return __asan_init ? __sanitizer_get_current_allocated_bytes() : 0;
}

/* How often something is done again and again: the full count where SOAK is in the environment. */
static inline uint64_t hostile_times(uint64_t few, uint64_t many)
{
	return getenv("SOAK") ? many : few;
}

static inline unsigned hostile_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The rows of one table as the cases of a device: a row begins with its name, "g04 what is wrong",
 * the fixture of a case, fixture_size bytes of zeroes, with a pointer to its row. */
static inline int hostile_table(const char *device, const void *rows, size_t n, size_t row_size,
	size_t fixture_size, CMUnitTestFunction test, CMFixtureFunction setup,
	CMFixtureFunction teardown)
{
	struct hostile_list *l = calloc(1, sizeof(*l));

	for (size_t i = 0; i < n; i++) {
		const char *const *row = (const void *)((const char *)rows + i * row_size);
		const void **fixture = calloc(1, fixture_size);

		*fixture = row;
		hostile_add(l, test, setup, teardown, fixture, "%.3s %s:%s", *row, device,
			*row + 3);
	}
	return hostile_run(l, device);
}

#endif
