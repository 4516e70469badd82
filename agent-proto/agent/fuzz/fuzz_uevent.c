/* Any bytes as a message of the kernel's uevent socket: what is found lies in the message. */
#include <stdlib.h>
#include <string.h>

#include "agent/uevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const char *s, const char *msg, size_t len)
{
	if (*s && (s < msg || s + strlen(s) >= msg + len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *msg = (const char *)data;
	struct uevent e;

	if (!uevent_parse(msg, size, &e))
		return 0;
	if (!*e.action || !*e.devpath)
		abort();
	inside(e.action, msg, size);
	inside(e.devpath, msg, size);
	inside(e.subsystem, msg, size);
	inside(e.devname, msg, size);
	return 0;
}
