/*
 * Small things every file may use: ownership by cleanup attribute, overflow-checked arithmetic,
 * sizes. Header only; no state; any thread.
 */
#ifndef SAMPAN_CORE_UTIL_H
#define SAMPAN_CORE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define UNUSED	     __attribute__((unused))
#define NORETURN     __attribute__((noreturn))

#define ARRAY_SIZE(a)		      (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)		      ((a) < (b) ? (a) : (b))
#define MAX(a, b)		      ((a) > (b) ? (a) : (b))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

#define ALIGN_DOWN(x, a) ((x) & ~((uint64_t)(a) - 1))
#define ALIGN_UP(x, a)	 ALIGN_DOWN((x) + (uint64_t)(a) - 1, a)

/* Guests and hosts are both little endian; nothing here converts. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");

/* Sums and products of numbers that a guest or a peer chose: false when the result does not fit. */
#define add_ok(a, b, res) (!__builtin_add_overflow((a), (b), (res)))
#define mul_ok(a, b, res) (!__builtin_mul_overflow((a), (b), (res)))

/* A descriptor or a block of memory that is released when its scope ends, unless take()n over. */
static inline void auto_fd_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void auto_free(void *p)
{
	free(*(void **)p);
}

#define AUTO_FD	  __attribute__((cleanup(auto_fd_close))) int
#define AUTO_FREE __attribute__((cleanup(auto_free)))

static inline int take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

#define take(pp)                                                                                   \
	({                                                                                         \
		__typeof__(*(pp)) taken_ = *(pp);                                                  \
		*(pp) = NULL;                                                                      \
		taken_;                                                                            \
	})

#endif
