/*
 * What a malicious driver does to every virtio device, whatever that device is for: rings that lie
 * (hostile_rings.c), registers at the wrong time (hostile_registers.c). A device's own
 * test_X_hostile.c describes it with a struct subject_kind, adds the cases that are its alone, and
 * runs them all:
 *
 *	struct hostile_list *l = hostile_new();
 *	hostile_add_registers(l, &kind);
 *	hostile_add_rings(l, &kind);
 *	hostile_add_cases(l, &kind, cases, ARRAY_SIZE(cases));
 *	return hostile_run(l, "blk");
 *
 * The oracle is the same for all: the device ignores it and goes on, or tells its driver that it
 * needs a reset and is deaf until then; after a reset a normal request works, and the monitor holds
 * as much memory and as many descriptors as before.
 */
#ifndef SAMPAN_VIRTIO_TEST_HOSTILE_H
#define SAMPAN_VIRTIO_TEST_HOSTILE_H

#include "core/test/hostile.h"
#include "virtio/test/driver.h"

#define HOSTILE_QUEUES 8
#define HOSTILE_HEAP   (512 * KiB) /* what a case may cost the monitor while it lasts */
#define HOSTILE_SLACK  KiB	   /* and afterwards: what the C library keeps of a thread */
#define HOSTILE_USED                                                                               \
	(512 * KiB) /* of RAM, from its start: rings and buffers since the last start */

/* RAM that no driver_alloc() reaches: a buffer to point at, and indirect tables. */
#define HOSTILE_DATA  (DRIVER_RAM_END - 256 * KiB)
#define HOSTILE_TABLE (DRIVER_RAM_END - 128 * KiB)

#define HOSTILE_RAM	  DRIVER_RAM
#define HOSTILE_RAM_END	  DRIVER_RAM_END
#define HOSTILE_HOLE	  DRIVER_RAM2
#define HOSTILE_REGISTERS DRIVER_GPA
#define HOSTILE_RING	  16 /* entries of each queue */

enum outcome {
	IGNORED, /* the device works on, without a reset */
	BROKEN,	 /* DEVICE_NEEDS_RESET */
	EITHER	 /* as the device likes, but at once */
};

struct subject_kind {
	const char *name;
	uint64_t features;
	unsigned nqueues; /* that its driver sets up */
	/* Names of the queues whose rings the device itself walks; NULL: it doesn't, or not when
	 * asked to. */
	const char *queue[HOSTILE_QUEUES];
	/* Bytes of its configuration that a driver may write; 0, 0: none. */
	unsigned writable_off, writable_len;

	/* A device plugged into the driver that is returned, not started. */
	struct driver *(*plug)(void **fix);
	void (*unplug)(void *fix);
	/* After DRIVER_OK, before anything was posted. May be NULL. */
	void (*started)(void *fix);
	/* A normal request of each kind, on rings in any good state. */
	void (*works)(void *fix);
	/* Makes the device look at queue q, in which there is something new. NULL: a kick does. */
	void (*look)(void *fix, unsigned q);
};

struct subject {
	const struct subject_kind *kind;
	const void *row; /* of the table of cases that the test is made from */
	unsigned q;
	struct driver *d;
	void *fix;
	size_t heap;
	unsigned descriptors;
};

/* A case of one device. */
struct hostile_case {
	const char *name;
	enum outcome outcome;
	void (*act)(struct subject *s, uint64_t arg);
	uint64_t arg;
};

struct hostile_list *hostile_new(void);
void hostile_add_rings(struct hostile_list *l, const struct subject_kind *kind);
void hostile_add_registers(struct hostile_list *l, const struct subject_kind *kind);
void hostile_add_cases(struct hostile_list *l, const struct subject_kind *kind,
	const struct hostile_case *cases, size_t n);

/* For the tables: a test of row (and queue q) with the subject plugged in and working. */
void hostile_add_row(struct hostile_list *l, CMUnitTestFunction test,
	const struct subject_kind *kind, const void *row, unsigned q, const char *name);
/* Reset and start, in fresh RAM. */
void hostile_restart(struct subject *s);
/* The end of every case: what became of the device, and that it works. */
void hostile_judge(struct subject *s, enum outcome outcome);
void hostile_look(struct subject *s, unsigned q);

#endif
