/* What is no virtio device: SBI's debug console, serial port, clock, addresses where nothing is. */
#include "evil.h"

#define SBI_DBCN 0x4442434e
#define INVALID	 (-3)
#define NOT_SUP	 (-2)

static const struct {
	const char *name;
	unsigned long ext, fn, args[3];
	long error;
} calls[] = {
	{ "g14 writes from before RAM", SBI_DBCN, 0, { 16, HOSTILE_RAM - 16, 0 }, INVALID },
	{ "g14 writes over the end of RAM", SBI_DBCN, 0, { 16, HOSTILE_RAM_END - 8, 0 }, INVALID },
	{ "g14 writes from behind RAM", SBI_DBCN, 0, { 1, HOSTILE_RAM_END, 0 }, INVALID },
	{ "g14 writes, wraps 2^64", SBI_DBCN, 0, { 16, ~0UL - 7, 0 }, INVALID },
	{ "g14 writes with an upper half", SBI_DBCN, 0, { 16, HOSTILE_DATA, 1 }, INVALID },
	{ "g14 reads over the end of RAM", SBI_DBCN, 1, { 16, HOSTILE_RAM_END - 8, 0 }, INVALID },
	{ "g14 reads to 2^64 - 1", SBI_DBCN, 1, { 1, ~0UL, 0 }, INVALID },
	{ "g13 writes from the serial port", SBI_DBCN, 0, { 8, UART, 0 }, INVALID },
	{ "g13 reads to the registers", SBI_DBCN, 1, { 8, SLOT(0), 0 }, INVALID },
	{ "g17 writes 2^64 - 1 bytes", SBI_DBCN, 0, { ~0UL, HOSTILE_DATA, 0 }, INVALID },
	{ "g17 writes 2^32 bytes", SBI_DBCN, 0, { 1UL << 32, HOSTILE_DATA, 0 }, INVALID },
	{ "g16 debug console, function 3", SBI_DBCN, 3, { 1, HOSTILE_DATA, 0 }, NOT_SUP },
};

static void sbi(struct guest *g)
{
	for (unsigned i = 0; i < COUNT(calls); i++) {
		struct sbiret r = ecall(calls[i].ext, calls[i].fn, calls[i].args[0],
			calls[i].args[1], calls[i].args[2]);

		verdict(g, "sbi", calls[i].name,
			r.error != calls[i].error ? "another error, or none"
				: r.value	  ? "a value"
						  : NULL);
	}
}

/*
 * Every offset of a range of registers by one width, written and read. Aligned: KVM itself ends a
 * machine whose guest's access to a device is not (KVM_RUN: EIO).
 */
static void touch(unsigned long base, unsigned long size, unsigned width, int value)
{
	for (unsigned long at = base; at + width <= base + size; at += width) {
		if (width == 1)
			*(volatile uint8_t *)at = (uint8_t)value, (void)*(volatile uint8_t *)at;
		else if (width == 2)
			*(volatile uint16_t *)at = (uint16_t)value, (void)*(volatile uint16_t *)at;
		else if (width == 4)
			*(volatile uint32_t *)at = (uint32_t)value, (void)*(volatile uint32_t *)at;
		else
			*(volatile uint64_t *)at = (uint64_t)value, (void)*(volatile uint64_t *)at;
	}
}

static bool uart_works(void)
{
	volatile uint8_t *u = (void *)UART;

	u[3] = 0; /* LCR: no divisor latch */
	u[4] = 0; /* MCR: no loopback */
	u[1] = 0;
	u[7] = 0x5a;
	return u[7] == 0x5a && (u[5] & 0x60) == 0x60; /* the scratch register; THRE and TEMT */
}

static bool rtc_works(void)
{
	volatile uint32_t *r = (void *)RTC;
	uint32_t before = r[0];

	(void)r[1];
	for (unsigned long end = now() + SECOND / 100; now() < end;)
		;
	return r[0] != before;
}

static const char *const widths[] = { [1] = "g19 every offset by 1 byte",
	[2] = "g19 every offset by 2 bytes",
	[4] = "g19 every offset by 4 bytes",
	[8] = "g19 every offset by 8 bytes" };

void machine(struct guest *g)
{
	sbi(g);
	for (unsigned w = 1; w <= 8; w *= 2) {
		touch(UART + w, 0x100 - w, w, 0); /* not what would send */
		verdict(g, "uart", widths[w], uart_works() ? NULL : "it does not work on");
	}
	for (unsigned w = 1; w <= 8; w *= 2) {
		touch(RTC, 0x40, w, -1);
		touch(RTC + 0xfc0, 0x40, w, -1);
		verdict(g, "rtc", widths[w], rtc_works() ? NULL : "it does not work on");
	}
	touch(0x20000000, 64, 4, -1);
	touch(HOSTILE_RAM_END, 64, 8, -1);
	touch(0x7ffffff8, 8, 8, -1);
	verdict(g, "nothing", "g13 addresses where nothing is", NULL);
}
