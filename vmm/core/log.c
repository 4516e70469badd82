/* One write() per line, so that lines of several threads never mix; a control byte is shown as '?',
 * so that a line stays one. See log.h. */
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
	int fd;
	enum log_level level;
	const char *prefix;
	const char *const *tags;
} log_to = { 2, LOG_WARN, "sampan",
	(const char *const[]){ ": ", ": warn: ", ": info: ", ": debug: " } };

static const char *const names[] = { "error", "warn", "info", "debug" };

void log_setup(int fd, enum log_level level, const char *prefix)
{
	log_to.fd = fd;
	log_to.level = level;
	log_to.prefix = prefix;
}

void log_tags(const char *const tags[4])
{
	log_to.tags = tags;
}

int log_level_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	return -1;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	int saved = errno;
	size_t len;
	va_list ap;

	if (level > log_to.level)
		return;
	snprintf(line, sizeof(line) - 1, "%s%s", log_to.prefix, log_to.tags[level]);
	len = strlen(line);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);
	va_end(ap);
	for (len = 0; line[len]; len++)
		if ((unsigned char)line[len] < 0x20 || line[len] == 0x7f)
			line[len] = '?';
	line[len++] = '\n';
	/* syscall(loop,vcpu,worker): write: a line of the log */
	if (write(log_to.fd, line, len) < 0)
		errno = 0; /* a log that can't be written must not stop the machine */
	errno = saved;
}

bool log_allowed(struct log_limit *limit)
{
	struct timespec ts;
	int64_t now, next = __atomic_load_n(&limit->next_ms, __ATOMIC_RELAXED);

	/* syscall(loop,vcpu): clock_gettime: where the vDSO can't tell the time */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (next && now < next)
		return false;
	return __atomic_compare_exchange_n(&limit->next_ms, &next, now + 1000, false,
		__ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
