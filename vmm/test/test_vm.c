/*
 * Whole machines on a KVM that is not there (fake_kvm.h): many lives with nothing left of any, each
 * KVM call failing once, a guest that makes exits of every kind with whatever in them.
 * $SAMPAN_CYCLES lives instead of a few.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/test/check.h"

#include "core/log.h"
#include "core/loop.h"
#include "fake_kvm.h"
#include "riscv/map.h"
#include "vm.h"

#define CYCLES	   100
#define WILD_EXITS 20000
#define GROWTH                                                                                     \
	(512 * 1024) /* bytes of malloc's that may come and stay: caches of the C library          \
		      */

struct bed {
	char dir[32], kernel[64], disk[64], uds[64], serial[64];
	struct loop *loop;
	struct vm *vm;
	struct vm_disk disks[1];
	struct vm_config cfg;
	unsigned events[VM_EVENT_FAILED + 1];
	struct err err;
};

/* --- what the guest does --- */

static void power_off(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
}

static void mmio(struct kvm_run *run, uint64_t gpa, unsigned len, bool write, uint64_t value)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = write;
	memcpy(run->mmio.data, &value, sizeof(value));
}

/* Looks at its first virtio device, says a byte, powers off. */
static bool short_life(struct kvm_run *run, unsigned vcpu, unsigned n)
{
	if (vcpu)
		return false;
	if (n == 0)
		mmio(run, MAP_VIRTIO, 4, false, 0);
	else if (n == 1)
		mmio(run, MAP_UART, 1, true, 'a');
	else
		power_off(run);
	return true;
}

static bool no_life(struct kvm_run *run, unsigned vcpu, unsigned n)
{
	(void)run, (void)vcpu, (void)n;
	return false;
}

static uint64_t wild(void)
{
	static _Thread_local uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static uint64_t wild_address(void)
{
	static const uint64_t near[] = { MAP_RTC, MAP_PVPANIC, MAP_PLIC, MAP_APLIC, MAP_UART,
		MAP_VIRTIO, MAP_VIRTIO + MAP_VIRTIO_STRIDE, MAP_IMSIC, MAP_RAM, 0 };

	return wild() % 8 ? near[wild() % ARRAY_SIZE(near)] + wild() % 0x1200 : wild();
}

/* Exits that the kernel makes for a guest; reasons that end the machine are not among them. */
static bool wild_life(struct kvm_run *run, unsigned vcpu, unsigned n)
{
	(void)vcpu;
	if (n >= WILD_EXITS) {
		power_off(run);
		return true;
	}
	switch (wild() % 8) {
	case 0:
		run->exit_reason = KVM_EXIT_RISCV_SBI;
		run->riscv_sbi.extension_id = wild() % 2 ? wild() % 10 : wild();
		if (wild() % 2)
			run->riscv_sbi.extension_id = 0x4442434e; /* DBCN */
		run->riscv_sbi.function_id = wild() % 4;
		for (size_t i = 0; i < ARRAY_SIZE(run->riscv_sbi.args); i++)
			run->riscv_sbi.args[i] = wild() % 2 ? wild()
							    : MAP_RAM + wild() % (64 * MiB);
		break;
	case 1:
		run->exit_reason = KVM_EXIT_RISCV_CSR;
		run->riscv_csr.csr_num = wild() % 4096;
		break;
	case 2:
		run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		run->system_event.type = 100 + (uint32_t)(wild() % 100);
		break;
	case 3:
		run->exit_reason = KVM_EXIT_INTR;
		break;
	default:
		mmio(run, wild_address(), (unsigned)(wild() % 12), wild() % 2,
			wild() % 2 ? wild() % 256 : wild());
	}
	return true;
}

/* --- the machine --- */

static void on_event(void *arg, int event, const char *detail)
{
	struct bed *b = arg;
	struct vm_info info;

	(void)detail;
	b->events[event]++;
	vm_query(b->vm, &info);
	if (info.state == VM_STOPPED)
		loop_quit(b->loop);
}

static void write_kernel(const char *path)
{
	uint8_t image[4096] = { 0 };
	uint64_t offset = 2 * MiB, size = sizeof(image);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	memcpy(image + 8, &offset, 8);
	memcpy(image + 16, &size, 8);
	memcpy(image + 48, "RISCV\0\0\0RSC\x05", 12);
	assert_int_equal(write(fd, image, sizeof(image)), sizeof(image));
	close(fd);
}

static int set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	int fd;

	assert_non_null(b);
	log_setup(-1, LOG_DEBUG, "test"); /* lines are made, and go nowhere */
	strcpy(b->dir, "/tmp/sampan-vm.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->kernel, sizeof(b->kernel), "%s/Image", b->dir);
	snprintf(b->disk, sizeof(b->disk), "%s/disk", b->dir);
	snprintf(b->uds, sizeof(b->uds), "%s/vsock", b->dir);
	snprintf(b->serial, sizeof(b->serial), "%s/serial", b->dir);
	write_kernel(b->kernel);
	fd = open(b->disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
	b->disks[0] = (struct vm_disk){ .path = b->disk, .fd = -1, .io = BLOCK_IO_THREADS };
	b->cfg = (struct vm_config){ .kernel = b->kernel,
		.cpus = 2,
		.mem_size = 64 * MiB,
		.disks = b->disks,
		.ndisks = 1,
		.disk_slots = 2,
		.serial = { .kind = CHARDEV_FILE, .path = b->serial },
		.vsock = { .present = true, .uds = b->uds, .vhost_fd = -1 },
		.jail.off = true,
		.on_event = on_event,
		.arg = b };
	fake_kvm = (struct fake_kvm){ .run = short_life, .fail_at = -1 };
	assert_int_equal(loop_new(&b->loop, &b->err), 0);
	*state = b;
	return 0;
}

static unsigned entries(const char *dir)
{
	unsigned n = 0;
	DIR *d = opendir(dir);

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	loop_free(b->loop);
	unlink(b->serial);
	unlink(b->disk);
	unlink(b->kernel);
	assert_int_equal(rmdir(b->dir), 0); /* the vsock's socket has gone with its machine */
	free(b);
	return 0;
}

static void live(struct bed *b)
{
	if (vm_new(&b->vm, &b->cfg, b->loop, &b->err) || vm_start(b->vm, &b->err))
		fail_msg("%s", b->err.msg);
	loop_run(b->loop);
	vm_free(b->vm);
	b->vm = NULL;
}

/* What one life may leave: nothing. Threads end a little after they were joined. */
static void nothing_left(unsigned fds, unsigned threads)
{
	for (int i = 0; i < 100 && entries("/proc/self/task") > threads; i++)
		usleep(10000);
	assert_int_equal(entries("/proc/self/task"), threads);
	assert_int_equal(entries("/proc/self/fd"), fds);
}

static void lives_leave_nothing(void **state)
{
	struct bed *b = *state;
	const char *asked = getenv("SAMPAN_CYCLES");
	unsigned n = asked ? (unsigned)atoi(asked) : CYCLES, fds, threads;
	size_t used;

	live(b);
	fds = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	used = mallinfo2().uordblks;
	for (unsigned i = 0; i < n; i++)
		live(b);
	assert_int_equal(b->events[VM_EVENT_SHUTDOWN], n + 1);
	nothing_left(fds, threads);
	assert_true(mallinfo2().uordblks <= used + GROWTH);
	print_message("# %u lives\n", n);
}

/* Refused with one sentence, or done without; never half a machine. */
static void each_call_fails_once(void **state)
{
	static const int errors[] = { EINVAL, ENOMEM, ENXIO };
	struct bed *b = *state;
	unsigned refused = 0, went_on = 0, fds = entries("/proc/self/fd"),
		 threads = entries("/proc/self/task");

	fake_kvm.run = no_life;
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++)
		for (int at = 0;; at++) {
			int rc;

			fake_kvm = (struct fake_kvm){ .run = no_life,
				.fail_at = at,
				.error = errors[e] };
			b->err = (struct err){ 0 };
			b->vm = NULL;
			rc = vm_new(&b->vm, &b->cfg, b->loop, &b->err);
			if (!rc)
				rc = vm_start(b->vm, &b->err);
			vm_free(b->vm);
			if (fake_kvm.calls <= at)
				break;
			if (!rc) {
				went_on++;
			} else {
				refused++;
				assert_int_not_equal(*b->err.msg, 0);
				assert_null(strchr(b->err.msg, '\n'));
			}
			nothing_left(fds, threads);
		}
	assert_true(refused > 20 && went_on > 20);
	print_message("# %u refused, %u went on without\n", refused, went_on);
}

static void any_exit_is_taken(void **state)
{
	struct bed *b = *state;

	fake_kvm.run = wild_life;
	live(b);
	assert_int_equal(b->events[VM_EVENT_FAILED], 0);
	assert_int_equal(b->events[VM_EVENT_SHUTDOWN], 1);
}

static void paused_resumed_reset(void **state)
{
	struct bed *b = *state;
	struct vm_info info;

	fake_kvm.run = no_life;
	assert_int_equal(vm_new(&b->vm, &b->cfg, b->loop, &b->err), 0);
	assert_int_equal(vm_start(b->vm, &b->err), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(vm_pause(b->vm, &b->err), 0);
		if (i % 2)
			assert_int_equal(vm_reset(b->vm, &b->err), 0);
		vm_query(b->vm, &info);
		if (info.state == VM_PAUSED)
			assert_int_equal(vm_resume(b->vm, &b->err), 0);
	}
	__atomic_store_n(&fake_kvm.run, short_life, __ATOMIC_RELEASE);
	loop_run(b->loop);
	assert_int_equal(b->events[VM_EVENT_SHUTDOWN], 1);
	vm_free(b->vm);
	b->vm = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lives_leave_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_call_fails_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_exit_is_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(paused_resumed_reset, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
