/*
 * The goldfish real-time clock ("google,goldfish-rtc"): nanoseconds since 1970 and one alarm.
 *
 * Registers come from vCPU threads, the alarm fires in the loop; they meet under the clock's lock.
 * The host's CLOCK_REALTIME is what the guest reads, plus what the guest set it off by.
 */
#ifndef SAMPAN_DEV_RTC_H
#define SAMPAN_DEV_RTC_H

#include "core/loop.h"

#define RTC_SIZE 0x20 /* bytes of address space that have a meaning */

struct rtc;

/* set_irq(arg, level) is called with the clock's lock held, from any thread, when the interrupt
 * line changes. */
int rtc_new(struct rtc **out, struct loop *loop, void (*set_irq)(void *arg, bool level), void *arg,
	struct err *err) MUST_USE;
void rtc_free(struct rtc *rtc);

/* A vCPU's access of len bytes at off; registers are 4 bytes, anything else reads 0 and writes
 * nothing. */
void rtc_read(struct rtc *rtc, uint64_t off, void *data, unsigned len);
void rtc_write(struct rtc *rtc, uint64_t off, const void *data, unsigned len);
void rtc_reset(
	struct rtc *rtc); /* no alarm, no interrupt; the time stays as set, as with a battery */

#endif
