/* cmocka and what it wants included before it, for every unit test. Its own fail() would hide the
 * one of core/err.h. */
#ifndef SAMPAN_CORE_TEST_CHECK_H
#define SAMPAN_CORE_TEST_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

/* A test's own directory, with all that is in it. */
static inline void remove_tree(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

#endif
