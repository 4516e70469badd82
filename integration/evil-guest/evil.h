/*
 * A guest that breaks the rules: a freestanding kernel for S-mode that drives virtio-mmio, badly,
 * and judges what its monitor makes of it. No interrupts, no translation, one hart but where it
 * says so.
 *
 * Output is a line a case, "@ case NAME ok" or "@ case NAME FAIL why", through SBI's debug console;
 * then the machine is powered off. Words of the command line: flips=N (rounds of G22), storm=N
 * (seconds of G23), only=storm.
 */
#ifndef EVIL_H
#define EVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The machine that the story makes (vmm/riscv/map.h), and where its RAM is used for what. */
#define RTC		  0x00101000UL
#define UART		  0x10000000UL
#define SLOT(n)		  (0x10001000UL + 0x1000UL * (n))
#define SLOTS		  64
#define HOSTILE_RAM	  0x80000000UL
#define HOSTILE_RAM_END	  0x84000000UL		       /* --mem 64M */
#define HOSTILE_HOLE	  (HOSTILE_RAM_END + 0x100000) /* nothing is there, nor behind it */
#define HOSTILE_REGISTERS SLOT(0)
#define HOSTILE_RING	  16
#define HOSTILE_DATA	  (HOSTILE_RAM_END - 0x40000)
#define HOSTILE_TABLE	  (HOSTILE_RAM_END - 0x20000)

#include "virtio/test/hostile_rows.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define QUEUES	 3	    /* of a device, at most */
#define SECOND	 10000000UL /* of rdtime */

enum outcome { IGNORED, BROKEN, EITHER };

struct ring {
	struct vring_desc desc[HOSTILE_RING];
	struct {
		uint16_t flags, idx, ring[HOSTILE_RING + 1];
	} avail;
	struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[HOSTILE_RING + 1];
	} used __attribute__((aligned(8)));
} __attribute__((aligned(64)));

struct device {
	struct guest *guest;
	unsigned long regs;
	uint32_t id;
	const struct kind *kind;
	volatile struct ring *ring; /* of queue 0; the others follow */
	uint16_t seen[QUEUES];	    /* used entries that were collected */
};

struct kind {
	const char *name;
	uint32_t id;
	unsigned nqueues, attacked;	   /* the queue that the driver sends by */
	bool (*request)(struct device *d); /* a normal one */
};

#define DEVICES 8 /* at most */

/* All that the guest keeps in mind; on the first hart's stack. */
struct guest {
	struct ring memory[DEVICES][QUEUES];
	struct device device[DEVICES];
	unsigned ndevices, failures;
	char words[512]; /* the command line */

	/* What a second hart does (harts.c). */
	void (*second)(struct guest *g);
	struct device *victim;
	int stop, running; /* atomic */
};

/* sbi.c; the first two also for what the compiler makes */
void *memset(void *p, int byte, size_t len);
void *memcpy(void *to, const void *from, size_t len);
struct sbiret {
	long error;
	unsigned long value;
};
struct sbiret ecall(unsigned long ext, unsigned long fn, unsigned long a0, unsigned long a1,
	unsigned long a2);
void say(const char *text);
void say_number(unsigned long n);
/* why NULL: ok */
void verdict(struct guest *g, const char *where, const char *name, const char *why);
void power_off(void) __attribute__((noreturn));
unsigned long now(void); /* SECOND a second */
void arguments(struct guest *g, const void *fdt);
unsigned long argument(const struct guest *g, const char *word, unsigned long otherwise);
bool argument_is(const struct guest *g, const char *word, const char *value);

/* driver.c */
uint32_t get(const struct device *d, uint32_t reg);
void set(const struct device *d, uint32_t reg, uint32_t value);
void kick(const struct device *d, unsigned q);
void reset(struct device *d);
bool negotiate(struct device *d, uint64_t features);
void place(struct device *d, unsigned q, uint32_t size, uint64_t desc, uint64_t avail,
	uint64_t used);
void place_own(struct device *d, unsigned q);
void driver_ok(struct device *d);
bool start(struct device *d);
bool needs_reset(const struct device *d);
void put(struct device *d, unsigned q, unsigned i, struct vring_desc desc);
void post(struct device *d, unsigned q, uint16_t head);
bool wait_used(struct device *d, unsigned q, uint32_t *len);
bool wait_reset(const struct device *d);
bool works(struct device *d); /* reset, start, a normal request */
/* The end of a case: what became of the device; then it works. */
void judge(struct device *d, const char *name, enum outcome outcome, const char *why);

/* devices.c */
const struct kind *kind_of(uint32_t id);
void fill(volatile void *p, int byte, size_t len);

/* the cases */
void rings(struct device *d);
void registers(struct device *d);
void machine(struct guest *g);
void flips(struct device *d, unsigned long rounds);
void storm(struct guest *g, unsigned long seconds);

#endif
