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
void second_main(unsigned long hart, void (*run)(void)) __attribute__((noreturn));

static struct device *victim;
static struct device *all;
static unsigned count;
static int stop, running;

static bool over(void)
{
	return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

static void flip(void)
{
	static const uint64_t addr[] = { HOSTILE_DATA, HOSTILE_REGISTERS, HOSTILE_RAM_END - 4,
		HOSTILE_TABLE };
	static const uint32_t len[] = { 16, 0, UINT32_MAX, 512, 44 };
	static const uint16_t flags[] = { 0, N, W, N | W, I };
	volatile struct ring *r = &victim->ring[victim->kind->attacked];
	volatile struct vring_desc *table = (void *)HOSTILE_TABLE;

	for (unsigned i = 0; !over(); i++) {
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

static void kick_all(void)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned q = 0; q < all[i].kind->nqueues; q++)
			kick(&all[i], q);
}

static void kick_on(void)
{
	while (!over())
		kick_all();
}

void second_main(unsigned long hart, void (*run)(void))
{
	(void)hart;
	run();
	__atomic_store_n(&running, 0, __ATOMIC_RELEASE);
	ecall(SBI_HSM, 1, 0, 0, 0); /* hart_stop */
	for (;;)
		;
}

static bool second(void (*run)(void))
{
	unsigned long end = now() + 10 * SECOND;

	__atomic_store_n(&stop, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&running, 1, __ATOMIC_RELEASE);
	while (ecall(SBI_HSM, 0, 1, (unsigned long)second_begin, (unsigned long)run).error)
		if (now() > end) /* the last one has not quite stopped yet */
			return false;
	return true;
}

static void second_ends(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		;
}

void flips(struct device *d, unsigned long rounds)
{
	unsigned long broken = 0;

	victim = d;
	if (!start(d) || !second(flip)) {
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
	second_ends();
	say("broken and reset ");
	say_number(broken);
	say(" times\n");
	judge(d, "g22 a hart rewrites the ring", EITHER, NULL);
}

void storm(struct device *devices, unsigned n, unsigned long seconds)
{
	unsigned long end = now() + seconds * SECOND, rounds = 0;

	all = devices;
	count = n;
	for (unsigned i = 0; i < n; i++)
		if (!start(&devices[i]))
			verdict("storm", "g23 devices start", "one does not");
	say("@ storm begins\n");
	if (!second(kick_on))
		verdict("storm", "g23 second hart", "it does not start");
	while (now() < end) {
		kick_all();
		rounds++;
	}
	second_ends();
	say("@ storm ends after ");
	say_number(rounds);
	say(" rounds of one hart\n");
	for (unsigned i = 0; i < n; i++)
		judge(&devices[i], "g23 kicked by two harts", IGNORED, NULL);
}
