/*
 * Included before every file that clang's analyser reads, and by nothing else: fail() and failx()
 * return the negative code they are given, which the analyser can't see from here, so that it would
 * follow callers into a success that isn't one.
 */
#include "core/err.h"

#define NEGATIVE(code)	      ((code) < 0 ? (code) : -EINVAL)
#define fail(err, code, ...)  ((fail)(err, code, __VA_ARGS__), NEGATIVE(code))
#define failx(err, code, ...) ((failx)(err, code, __VA_ARGS__), NEGATIVE(code))
