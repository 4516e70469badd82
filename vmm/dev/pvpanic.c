/*
 * The byte reads as the events that may be told. PANICKED (bit 0) is the end; CRASH_LOADED (bit 1)
 * is written instead by a guest whose own crash kernel takes over from there, so it is only logged.
 * See pvpanic.h.
 */
#include "dev/pvpanic.h"

#include <string.h>
#include "core/log.h"

#define PANICKED     0x01
#define CRASH_LOADED 0x02

struct pvpanic {
	void (*on_panic)(void *arg);
	void *arg;
	bool told; /* atomic */
	struct log_limit limit;
};

void pvpanic_read(struct pvpanic *p UNUSED, uint64_t off, void *data, unsigned len)
{
	memset(data, 0, len);
	if (off == 0 && len)
		*(uint8_t *)data = PANICKED | CRASH_LOADED;
}

void pvpanic_write(struct pvpanic *p, uint64_t off, const void *data, unsigned len)
{
	uint8_t events;

	if (off != 0 || !len)
		return;
	events = *(const uint8_t *)data;
	if (events & CRASH_LOADED)
		log_limited(&p->limit, "the guest panicked; its crash kernel takes over");
	if (events & PANICKED && !__atomic_exchange_n(&p->told, true, __ATOMIC_SEQ_CST))
		p->on_panic(p->arg);
}

void pvpanic_reset(struct pvpanic *p)
{
	__atomic_store_n(&p->told, false, __ATOMIC_SEQ_CST);
}

int pvpanic_new(struct pvpanic **out, void (*on_panic)(void *arg), void *arg, struct err *err)
{
	struct pvpanic *p = calloc(1, sizeof(*p));

	if (!p)
		return fail(err, -ENOMEM, "create pvpanic");
	p->on_panic = on_panic;
	p->arg = arg;
	*out = p;
	return 0;
}

void pvpanic_free(struct pvpanic *p)
{
	free(p);
}
