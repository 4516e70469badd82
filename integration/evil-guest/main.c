/* The guest's course: devices are found, cases played, the machine is powered off; see evil.h. */
#include "evil.h"

#define MAGIC 0x74726976 /* "virt" */

void evil_main(unsigned long hart, const void *fdt) __attribute__((noreturn));
void evil_trap(unsigned long cause, unsigned long pc, unsigned long value)
	__attribute__((noreturn));

static struct ring memory[8][QUEUES];
static struct device devices[8];

static unsigned find(void)
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < argument("slots", SLOTS) && n < COUNT(devices); slot++) {
		struct device *d = &devices[n];

		*d = (struct device){ .regs = SLOT(slot), .ring = memory[n] };
		if (get(d, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
			break;
		d->id = get(d, VIRTIO_MMIO_DEVICE_ID);
		d->kind = kind_of(d->id);
		n += d->kind != NULL;
	}
	return n;
}

static void play(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct device *d = &devices[i];

		verdict(d->kind->name, "works", works(d) ? NULL : "it does not");
		registers(d);
		rings(d);
		flips(d, argument("flips", 200));
	}
	machine();
	storm(devices, n, argument("storm", 2));
}

void evil_main(unsigned long hart, const void *fdt)
{
	unsigned n;

	(void)hart;
	arguments(fdt);
	n = find();
	say("@ devices ");
	say_number(n);
	say("\n");
	if (argument_is("only", "storm"))
		storm(devices, n, argument("storm", 2));
	else
		play(n);
	say("SAMPAN-GUEST-EXIT ");
	say_number(failures());
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
