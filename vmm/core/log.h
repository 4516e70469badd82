/*
 * The log: one line an event, "LEVEL text", to a descriptor (stderr unless told otherwise). Any
 * thread.
 *
 * The process has one log, so its descriptor, level and prefix are the one piece of process-wide
 * state. What a guest can provoke is logged through log_limited(), at most once per second and
 * place.
 */
#ifndef SAMPAN_CORE_LOG_H
#define SAMPAN_CORE_LOG_H

#include <time.h>
#include "core/util.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_limit {
	int64_t next_ms; /* monotonic; when the place may speak again */
};

/* Set before threads start. prefix must outlive the log; fd is not owned. */
void log_setup(int fd, enum log_level level, const char *prefix);

/* What stands between prefix and text, by level; ": ", ": warn: ", ": info: ", ": debug: " unless
 * set. The array must outlive the log. */
void log_tags(const char *const tags[4]);

/* -1 when name is none of error, warn, info, debug. */
int log_level_parse(const char *name);

void log_msg(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
bool log_allowed(struct log_limit *limit);

#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

/* limit hangs from the object the guest drives (a device, a vcpu). */
#define log_limited(limit, ...)                                                                    \
	do {                                                                                       \
		if (log_allowed(limit))                                                            \
			log_msg(LOG_WARN, __VA_ARGS__);                                            \
	} while (0)

#endif
