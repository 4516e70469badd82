/*
 * Uevents: what a message says, and waiting. In a network namespace of the test's own a link that
 * appears is a real event; what another process sends is none.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/uevent.h"
#include "core/test/check.h"

#define MESSAGE(text) text, sizeof(text) - 1

static void messages(void **state UNUSED)
{
	struct uevent e;

	assert_true(
		uevent_parse(MESSAGE("add@/devices/x/block/vdb\0ACTION=add\0"
				     "DEVPATH=/devices/x/block/vdb\0SUBSYSTEM=block\0MAJOR=254\0"
				     "DEVNAME=vdb\0DEVTYPE=disk\0SEQNUM=7\0"),
			&e));
	assert_string_equal(e.action, "add");
	assert_string_equal(e.devpath, "/devices/x/block/vdb");
	assert_string_equal(e.subsystem, "block");
	assert_string_equal(e.devname, "vdb");
	assert_true(uevent_parse(MESSAGE("remove@/a\0ACTION=remove\0DEVPATH=/a\0"), &e));
	assert_string_equal(e.subsystem, "");
	assert_false(uevent_parse(MESSAGE("libudev\0\xfe\xed\xca\xfe\0"), &e));
	assert_false(uevent_parse(MESSAGE("add@/a\0ACTION=add\0"), &e));
	assert_false(uevent_parse(MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a"), &e));
	assert_false(uevent_parse(MESSAGE("add@/a\0ACTIONS=add\0DEVPATH=/a\0"), &e));
	assert_false(uevent_parse("", 0, &e));
	assert_false(uevent_parse("\0", 1, &e));
}

struct fix {
	struct loop *loop;
	struct uevents *u;
	pthread_t thread;
	unsigned looks;
	bool there;
};

static void *turn(void *loop)
{
	loop_run(loop);
	return NULL;
}

/* Where no network namespace can be had, the tests fail. */
static int private(void **state UNUSED)
{
	if (!unshare(CLONE_NEWNET) || !unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return 0;
	print_error("no network namespace of our own: %s\n", strerror(errno));
	return -1;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err;

	*state = f;
	return !f || loop_new(&f->loop, &err) || uevents_new(&f->u, f->loop, &err) ||
		pthread_create(&f->thread, NULL, turn, f->loop);
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	loop_quit(f->loop);
	pthread_join(f->thread, NULL);
	uevents_free(f->u);
	loop_free(f->loop);
	free(f);
	return 0;
}

static bool is_there(void *arg)
{
	struct fix *f = arg;

	__atomic_add_fetch(&f->looks, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&f->there, __ATOMIC_RELAXED);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void at_once(void **state)
{
	struct fix *f = *state;

	f->there = true;
	assert_int_equal(uevents_wait(f->u, is_there, f, 0), 0);
	assert_int_equal(f->looks, 1);
}

static void never(void **state)
{
	struct fix *f = *state;
	const int64_t before = now_ms();

	assert_int_equal(uevents_wait(f->u, is_there, f, 60), -ETIMEDOUT);
	assert_in_range(now_ms() - before, 60, 3000);
	assert_int_equal(f->looks, 2); /* nothing is polled */
}

static void *wait_long(void *arg)
{
	struct fix *f = arg;

	return uevents_wait(f->u, is_there, f, 20000) ? arg : NULL;
}

/* Until somebody has looked that often. */
static bool looked(struct fix *f, unsigned n, unsigned ms)
{
	const struct timespec t = { 0, 1000000 };

	for (; __atomic_load_n(&f->looks, __ATOMIC_RELAXED) < n && ms; ms--)
		nanosleep(&t, NULL);
	return ms;
}

static void a_link_appears(void **state)
{
	struct fix *f = *state;
	struct ifreq req = { .ifr_flags = IFF_NO_PI | IFF_TAP, .ifr_name = "appears" };
	AUTO_FD tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	pthread_t waiter[3];
	void *failed;

	if (tun < 0) {
		print_message("open /dev/net/tun: %s\n", strerror(errno));
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(waiter); i++)
		assert_int_equal(pthread_create(&waiter[i], NULL, wait_long, f), 0);
	assert_true(looked(f, 3, 5000));
	__atomic_store_n(&f->there, true, __ATOMIC_RELAXED);
	assert_int_equal(ioctl(tun, TUNSETIFF, &req), 0);
	for (size_t i = 0; i < ARRAY_SIZE(waiter); i++) {
		assert_int_equal(pthread_join(waiter[i], &failed), 0);
		assert_null(failed);
	}
}

static void a_forged_message_is_none(void **state)
{
	static const char text[] = "add@/devices/x\0ACTION=add\0DEVPATH=/devices/x";
	struct fix *f = *state;
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	AUTO_FD fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(fd, text, sizeof(text), 0, (struct sockaddr *)&to,
					 sizeof(to)),
			sizeof(text));
	assert_int_equal(uevents_wait(f->u, is_there, f, 50), -ETIMEDOUT);
	assert_int_equal(f->looks, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test_setup_teardown(at_once, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(never, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(a_link_appears, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(a_forged_message_is_none, fix_new, fix_free),
	};

	return cmocka_run_group_tests(tests, private, NULL);
}
