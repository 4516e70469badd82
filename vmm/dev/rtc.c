/*
 * The goldfish clock's registers, as Linux' drivers/rtc/rtc-goldfish.c uses them: 64-bit values in
 * two halves. Reading TIME_LOW latches TIME_HIGH; of a value written, HIGH comes first and LOW puts
 * it into force. See rtc.h.
 *
 * The loop's timers know the monotonic clock only, and somebody may set the host's time while an
 * alarm waits: so a timer never runs longer than RECHECK_NS before the clock is looked at again.
 */
#include "dev/rtc.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define RECHECK_NS UINT64_C(60000000000)

enum {
	TIME_LOW = 0x00,
	TIME_HIGH = 0x04,
	ALARM_LOW = 0x08,
	ALARM_HIGH = 0x0c,
	IRQ_ENABLED = 0x10,
	CLEAR_ALARM = 0x14,
	ALARM_STATUS = 0x18,
	CLEAR_INTERRUPT = 0x1c,
};

struct rtc {
	struct loop *loop;
	void (*set_irq)(void *arg, bool level);
	void *irq_arg;
	struct timer timer;

	pthread_mutex_t lock;		   /* guards all below */
	uint64_t offset;		   /* ns that the guest's time is ahead, modulo 2^64 */
	uint64_t alarm;			   /* ns since 1970, the guest's */
	uint32_t time_high;		   /* latched by a read of TIME_LOW */
	uint32_t new_high, new_alarm_high; /* written, not yet in force */
	bool alarm_set, enabled, due, line;
};

static uint64_t host_now(void)
{
	struct timespec ts;

	/* syscall(loop,vcpu): clock_gettime: the guest's clock */
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void update_line(struct rtc *rtc)
{
	bool level = rtc->enabled && rtc->due;

	if (level == rtc->line)
		return;
	rtc->line = level;
	rtc->set_irq(rtc->irq_arg, level);
}

/* Fires the alarm if its time has come, else sets the timer. */
static void check_alarm(struct rtc *rtc)
{
	uint64_t now = host_now() + rtc->offset;

	if (rtc->alarm_set && rtc->alarm <= now) {
		rtc->alarm_set = false;
		rtc->due = true;
	}
	timer_set(&rtc->timer, rtc->alarm_set ? MIN(rtc->alarm - now, RECHECK_NS) : 0, 0);
	update_line(rtc);
}

static void on_timer(struct timer *t)
{
	struct rtc *rtc = container_of(t, struct rtc, timer);

	pthread_mutex_lock(&rtc->lock);
	check_alarm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static uint32_t read_register(struct rtc *rtc, uint64_t off)
{
	uint64_t now;

	switch (off) {
	case TIME_LOW:
		now = host_now() + rtc->offset;
		rtc->time_high = (uint32_t)(now >> 32);
		return (uint32_t)now;
	case TIME_HIGH:
		return rtc->time_high;
	case ALARM_LOW:
		return (uint32_t)rtc->alarm;
	case ALARM_HIGH:
		return (uint32_t)(rtc->alarm >> 32);
	case IRQ_ENABLED:
		return rtc->enabled;
	case ALARM_STATUS:
		return rtc->alarm_set;
	default:
		return 0;
	}
}

static void write_register(struct rtc *rtc, uint64_t off, uint32_t value)
{
	switch (off) {
	case TIME_LOW:
		rtc->offset = ((uint64_t)rtc->new_high << 32 | value) - host_now();
		break;
	case TIME_HIGH:
		rtc->new_high = value;
		return;
	case ALARM_LOW:
		rtc->alarm = (uint64_t)rtc->new_alarm_high << 32 | value;
		rtc->alarm_set = true;
		break;
	case ALARM_HIGH:
		rtc->new_alarm_high = value;
		return;
	case IRQ_ENABLED:
		rtc->enabled = value & 1;
		break;
	case CLEAR_ALARM:
		rtc->alarm_set = false;
		break;
	case CLEAR_INTERRUPT:
		rtc->due = false;
		break;
	default:
		return;
	}
	check_alarm(rtc);
}

void rtc_read(struct rtc *rtc, uint64_t off, void *data, unsigned len)
{
	uint32_t value;

	memset(data, 0, len);
	if (len != sizeof(value))
		return;
	pthread_mutex_lock(&rtc->lock);
	value = read_register(rtc, off);
	pthread_mutex_unlock(&rtc->lock);
	memcpy(data, &value, sizeof(value));
}

void rtc_write(struct rtc *rtc, uint64_t off, const void *data, unsigned len)
{
	uint32_t value;

	if (len != sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&rtc->lock);
	write_register(rtc, off, value);
	pthread_mutex_unlock(&rtc->lock);
}

void rtc_reset(struct rtc *rtc)
{
	pthread_mutex_lock(&rtc->lock);
	rtc->alarm = 0;
	rtc->time_high = rtc->new_high = rtc->new_alarm_high = 0;
	rtc->alarm_set = rtc->enabled = rtc->due = false;
	check_alarm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

int rtc_new(struct rtc **out, struct loop *loop, void (*set_irq)(void *arg, bool level), void *arg,
	struct err *err)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int rc = rtc ? timer_init(loop, &rtc->timer, on_timer) : -ENOMEM;

	if (rc) {
		free(rtc);
		return fail(err, rc, "create the real-time clock");
	}
	rtc->loop = loop;
	rtc->set_irq = set_irq;
	rtc->irq_arg = arg;
	pthread_mutex_init(&rtc->lock, NULL);
	*out = rtc;
	return 0;
}

void rtc_free(struct rtc *rtc)
{
	if (!rtc)
		return;
	timer_fini(rtc->loop, &rtc->timer);
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}
