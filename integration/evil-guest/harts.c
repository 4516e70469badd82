/*
 * Two harts: G22, one rewrites descriptors, table and indices while the other kicks; G23, both kick
 * all queues as fast as they can.
 */
#include "evil.h"

#define SBI_HSM 0x48534d
#define N	VRING_DESC_F_NEXT
#define W	VRING_DESC_F_WRITE
#define I	VRING_DESC_F_INDIRECT

void second_begin(void);
void second_main(unsigned long hart, struct guest *g) __attribute__((noreturn));

static bool over(const struct guest *g)
{
	return __atomic_load_n(&g->stop, __ATOMIC_ACQUIRE);
}

static void flip(struct guest *g)
{
	static const uint64_t addr[] = { HOSTILE_DATA, HOSTILE_REGISTERS, HOSTILE_RAM_END - 4,
		HOSTILE_TABLE };
	static const uint32_t len[] = { 16, 0, UINT32_MAX, 512, 44 };
	static const uint16_t flags[] = { 0, N, W, N | W, I };
	volatile struct ring *r = &g->victim->ring[g->victim->kind->attacked];
	volatile struct vring_desc *table = (void *)HOSTILE_TABLE;

	for (unsigned i = 0; !over(g); i++) {
		volatile struct vring_desc *d = i & 16 ? &table[i % 4] : &r->desc[i % 4];

		d->addr = addr[i % COUNT(addr)];
		d->len = len[i % COUNT(len)];
		d->flags = flags[i / 3 % COUNT(flags)];
		d->next = (uint16_t)(i % 5);
		r->avail.ring[i % HOSTILE_RING] = (uint16_t)(i % (HOSTILE_RING + 1));
		if (i % 64 == 0)
			r->avail.idx = (uint16_t)(r->avail.idx + 1);
	}
}

static void kick_all(struct guest *g)
{
	for (unsigned i = 0; i < g->ndevices; i++)
		for (unsigned q = 0; q < g->device[i].kind->nqueues; q++)
			kick(&g->device[i], q);
}

static void kick_on(struct guest *g)
{
	while (!over(g))
		kick_all(g);
}

void second_main(unsigned long hart, struct guest *g)
{
	(void)hart;
	g->second(g);
	__atomic_store_n(&g->running, 0, __ATOMIC_RELEASE);
	ecall(SBI_HSM, 1, 0, 0, 0); /* hart_stop */
	for (;;)
		;
}

static bool second(struct guest *g, void (*run)(struct guest *))
{
	unsigned long end = now() + 10 * SECOND;

	g->second = run;
	__atomic_store_n(&g->stop, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&g->running, 1, __ATOMIC_RELEASE);
	while (ecall(SBI_HSM, 0, 1, (unsigned long)second_begin, (unsigned long)g).error)
		if (now() > end) /* the last one has not quite stopped yet */
			return false;
	return true;
}

static void second_ends(struct guest *g)
{
	__atomic_store_n(&g->stop, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&g->running, __ATOMIC_ACQUIRE))
		;
}

void flips(struct device *d, unsigned long rounds)
{
	unsigned long broken = 0;

	d->guest->victim = d;
	if (!start(d) || !second(d->guest, flip)) {
		judge(d, "g22 a hart rewrites the ring", EITHER, "it can't be set up");
		return;
	}
	for (unsigned long i = 0; i < rounds; i++) {
		kick(d, d->kind->attacked);
		if (!needs_reset(d))
			continue;
		broken++;
		start(d);
	}
	second_ends(d->guest);
	say("broken and reset ");
	say_number(broken);
	say(" times\n");
	judge(d, "g22 a hart rewrites the ring", EITHER, NULL);
}

void storm(struct guest *g, unsigned long seconds)
{
	unsigned long end = now() + seconds * SECOND, rounds = 0;

	for (unsigned i = 0; i < g->ndevices; i++)
		if (!start(&g->device[i]))
			verdict(g, "storm", "g23 devices start", "one does not");
	say("@ storm begins\n");
	if (!second(g, kick_on))
		verdict(g, "storm", "g23 second hart", "it does not start");
	while (now() < end) {
		kick_all(g);
		rounds++;
	}
	second_ends(g);
	say("@ storm ends after ");
	say_number(rounds);
	say(" rounds of one hart\n");
	for (unsigned i = 0; i < g->ndevices; i++)
		judge(&g->device[i], "g23 kicked by two harts", IGNORED, NULL);
}
