/* The guest's course: devices are found, cases played, the machine is powered off; see evil.h. */
#include "evil.h"

#define MAGIC 0x74726976 /* "virt" */

void evil_main(unsigned long hart, const void *fdt) __attribute__((noreturn));
void evil_trap(unsigned long cause, unsigned long pc, unsigned long value)
	__attribute__((noreturn));

static void find(struct guest *g)
{
	for (unsigned slot = 0; slot < argument(g, "slots", SLOTS) && g->ndevices < DEVICES;
		slot++) {
		struct device *d = &g->device[g->ndevices];

		*d = (struct device){ .guest = g,
			.regs = SLOT(slot),
			.ring = g->memory[g->ndevices] };
		if (get(d, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
			break;
		d->id = get(d, VIRTIO_MMIO_DEVICE_ID);
		d->kind = kind_of(d->id);
		g->ndevices += d->kind != NULL;
	}
}

static void play(struct guest *g)
{
	for (unsigned i = 0; i < g->ndevices; i++) {
		struct device *d = &g->device[i];

		verdict(g, d->kind->name, "works", works(d) ? NULL : "it does not");
		registers(d);
		rings(d);
		flips(d, argument(g, "flips", 200));
	}
	machine(g);
	storm(g, argument(g, "storm", 2));
}

void evil_main(unsigned long hart, const void *fdt)
{
	struct guest g = { 0 };

	(void)hart;
	arguments(&g, fdt);
	find(&g);
	say("@ devices ");
	say_number(g.ndevices);
	say("\n");
	if (argument_is(&g, "only", "storm"))
		storm(&g, argument(&g, "storm", 2));
	else
		play(&g);
	say("SAMPAN-GUEST-EXIT ");
	say_number(g.failures);
	say("\n");
	power_off();
}

void evil_trap(unsigned long cause, unsigned long pc, unsigned long value)
{
	say("@ trap ");
	say_number(cause);
	say(" at ");
	say_number(pc);
	say(" value ");
	say_number(value);
	say("\n");
	power_off();
}
