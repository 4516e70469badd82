/*
 * In a vCPU's thread nothing is allocated and nothing freed: for a thread's first malloc() or
 * free() the C library maps an arena, and no mapping is on a confined vCPU's list of system calls.
 * Where a test plays a vCPU, it sets no_heap: malloc() or free() in that thread then ends it, with
 * a line and the stack. Only the sanitizers with an allocator of their own (address, thread) tell.
 *
 * For one source of a program: no_heap_watch() before, while there is one thread.
 */
#ifndef SAMPAN_CORE_TEST_NO_HEAP_H
#define SAMPAN_CORE_TEST_NO_HEAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local bool no_heap;

int __sanitizer_install_malloc_and_free_hooks(void (*took)(const volatile void *, size_t),
	void (*gave)(const volatile void *)) __attribute__((weak));
void __sanitizer_print_stack_trace(void) __attribute__((weak));

static inline void no_heap_touched(const char *how)
{
	if (!no_heap)
		return;
	no_heap = false; /* what follows may */
	fprintf(stderr, "memory is %s in a vCPU's thread\n", how);
	if (__sanitizer_print_stack_trace)
		__sanitizer_print_stack_trace();
	abort();
}

static inline void no_heap_took(const volatile void *p, size_t size)
{
	(void)p, (void)size;
	no_heap_touched("allocated");
}

static inline void no_heap_gave(const volatile void *p)
{
	if (p)
		no_heap_touched("freed");
}

static inline void no_heap_watch(void)
{
	static bool watching;

	if (!watching && __sanitizer_install_malloc_and_free_hooks)
		__sanitizer_install_malloc_and_free_hooks(no_heap_took, no_heap_gave);
	watching = true;
}

#endif
