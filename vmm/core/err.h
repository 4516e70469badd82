/*
 * One sentence that says what failed and why, written by the lowest layer that knows the object's
 * name and carried outward to whoever must tell the user (stderr, a QMP reply, a log).
 *
 * A struct err belongs to the caller, usually on its stack; it needs no initialisation beyond = {0}
 * and no freeing.
 */
#ifndef SAMPAN_CORE_ERR_H
#define SAMPAN_CORE_ERR_H

#include <stdarg.h>
#include "core/util.h"

struct err {
	char msg[512]; /* NUL-terminated, no newline; control bytes of foreign names are shown as
			  '?' */
};

/* What strerror() says of an errno, in any thread and without memory of its own: a number without a
 * name makes strerror() allocate, which a confined vCPU must not. */
const char *err_text(int error);

/*
 * Sets the sentence and returns code (a negative errno). ": err_text(-code)" is appended by fail();
 * failx() leaves the sentence as given. err may be NULL. A later call overwrites an earlier one.
 */
int fail(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
int failx(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);

/* Puts "prefix: " before the sentence and returns code unchanged. */
int err_prefix(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);

#endif
