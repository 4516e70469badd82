/* The MMIO bus; see bus.h. A few dozen ranges: a linear look is a cache line or two beside the cost
 * of the exit. */
#include "bus.h"

#include <string.h>

int bus_add(struct bus *bus, struct bus_range range, struct err *err)
{
	for (unsigned i = 0; i < bus->n; i++)
		if (range.gpa < bus->range[i].gpa + bus->range[i].size &&
			bus->range[i].gpa < range.gpa + range.size)
			return failx(err, -EEXIST, "place a device at 0x%llx: another is there",
				(unsigned long long)range.gpa);
	if (bus->n == BUS_MAX)
		return failx(err, -ENOSPC, "place a device at 0x%llx: the bus is full",
			(unsigned long long)range.gpa);
	bus->range[bus->n++] = range;
	return 0;
}

bool bus_access(const struct bus *bus, uint64_t gpa, void *data, unsigned len, bool write)
{
	if (!write)
		memset(data, 0, len);
	for (unsigned i = 0; i < bus->n; i++) {
		const struct bus_range *r = &bus->range[i];

		if (gpa < r->gpa || gpa - r->gpa >= r->size)
			continue;
		if (write)
			r->write(r->arg, gpa - r->gpa, data, len);
		else
			r->read(r->arg, gpa - r->gpa, data, len);
		return true;
	}
	return false;
}
