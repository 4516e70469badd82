/*
 * Which device a guest-physical address outside RAM belongs to. Filled before vCPUs run, then only
 * read: no lock.
 */
#ifndef SAMPAN_BUS_H
#define SAMPAN_BUS_H

#include "core/err.h"

#define BUS_MAX 80

struct bus_range {
	uint64_t gpa, size;
	/* len is 1, 2, 4 or 8; off < size, but off + len may pass the end. data is zeroed before a
	 * read. */
	void (*read)(void *arg, uint64_t off, void *data, unsigned len);
	void (*write)(void *arg, uint64_t off, const void *data, unsigned len);
	void *arg;
};

struct bus {
	struct bus_range range[BUS_MAX];
	unsigned n;
};

int bus_add(struct bus *bus, struct bus_range range, struct err *err) MUST_USE;

/* False when no device is there (a read then gives zeros). */
bool bus_access(const struct bus *bus, uint64_t gpa, void *data, unsigned len, bool write);

#endif
