/* Tests of the words of `sampan run`: run_opts.c. */
#include "shim/cli/run_opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <string.h>
#include <cmocka.h>

static struct run_opts opts;
static char copy[2048];

/* words: separated by one space. The result is in opts. */
static int parse(const char *words, struct err *err)
{
	char *argv[64], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	run_opts_free(&opts);
	return run_opts_parse(&opts, argc, argv, err);
}

static void good(const char *words)
{
	struct err err = { 0 };

	if (parse(words, &err))
		fail_msg("%s: %s", words, err.msg);
}

static void bad(const char *words, const char *sentence)
{
	struct err err = { 0 };

	assert_int_not_equal(parse(words, &err), 0);
	assert_string_equal(err.msg, sentence);
}

static int free_opts(void **state UNUSED)
{
	run_opts_free(&opts);
	return 0;
}

static void defaults(void **state UNUSED)
{
	good("--kernel /k");
	assert_string_equal(opts.vm.kernel, "/k");
	assert_int_equal(opts.vm.cpus, 1);
	assert_int_equal(opts.vm.max_cpus, 0);
	assert_int_equal(opts.vm.mem_size, 256 * MiB);
	assert_int_equal(opts.vm.serial.kind, CHARDEV_STDIO);
	assert_int_equal(opts.vm.irqchip, VM_IRQCHIP_AUTO);
	assert_int_equal(opts.vm.ndisks + opts.vm.nnets + opts.vm.nconsoles, 0);
	assert_false(opts.vm.vsock.present || opts.vm.reset_on_reboot || opts.vm.no_rng);
	assert_int_equal(opts.log_level, LOG_WARN);
	assert_null(opts.api);
}

static void everything(void **state UNUSED)
{
	good("--kernel /k --initrd /i --append a=b,c --cpus 2,max=4 --mem 1G,hugepages,shared,prefault,"
	     "mergeable --api /a --name box-1 --irqchip aia-emul --reboot=reset --no-rng --rng-rate 4K "
	     "--log-level debug --log-file /l --pid-file /p --console file:/c");
	assert_string_equal(opts.vm.append, "a=b,c");
	assert_int_equal(opts.vm.cpus, 2);
	assert_int_equal(opts.vm.max_cpus, 4);
	assert_int_equal(opts.vm.mem_size, GiB);
	assert_true(opts.vm.mem.shared && opts.vm.mem.prefault && opts.vm.mem.mergeable);
	assert_int_equal(opts.vm.mem.pages, MEM_PAGES_HUGETLB);
	assert_string_equal(opts.vm.name, "box-1");
	assert_int_equal(opts.vm.irqchip, VM_IRQCHIP_AIA_EMUL);
	assert_true(opts.vm.reset_on_reboot);
	assert_true(opts.vm.no_rng);
	assert_int_equal(opts.vm.rng_rate, 4096);
	assert_int_equal(opts.log_level, LOG_DEBUG);
	assert_int_equal(opts.vm.serial.kind, CHARDEV_FILE);
	assert_string_equal(opts.vm.serial.path, "/c");
}

static void cpu_model(void **state UNUSED)
{
	good("--kernel /k --cpu rva22,+v,-zba,mvendorid=1 --sbi +sta,-pmu "
	     "--cpus 4,max=8,sockets=2,threads=2");
	assert_string_equal(opts.vm.cpu, "rva22,+v,-zba,mvendorid=1");
	assert_string_equal(opts.vm.sbi, "+sta,-pmu");
	assert_int_equal(opts.vm.max_cpus, 8);
	assert_int_equal(opts.vm.cpu_sockets, 2);
	assert_int_equal(opts.vm.cpu_threads, 2);
	bad("--kernel /k --cpu rva22,+nonsense", "--cpu: CPU extension \"nonsense\" is unknown");
	bad("--kernel /k --cpu host,+h", "--cpu: CPU extension h: KVM gives it to no guest");
	bad("--kernel /k --sbi sta", "--sbi: SBI \"sta\" is neither +EXT nor -EXT");
}

static void disks(void **state UNUSED)
{
	good("--kernel /k --disk /a=b,,c,ro --disk /d,id=root,queues=2,io=threads");
	assert_int_equal(opts.vm.ndisks, 2);
	assert_string_equal(opts.vm.disks[0].path, "/a=b,c");
	assert_true(opts.vm.disks[0].readonly);
	assert_int_equal(opts.vm.disks[0].fd, -1);
	assert_null(opts.vm.disks[0].id);
	assert_string_equal(opts.vm.disks[1].id, "root");
	assert_int_equal(opts.vm.disks[1].queues, 2);
	assert_int_equal(opts.vm.disks[1].io, BLOCK_IO_THREADS);
	assert_int_equal(opts.vm.disks[1].fd, -1);
	assert_false(opts.vm.disks[1].readonly);
	assert_int_equal(opts.vm.disk_slots, 0);
	good("--kernel /k --disk-slots 4");
	assert_int_equal(opts.vm.disk_slots, 4);
	bad("--kernel /k --disk-slots 65", "--disk-slots: 65 is out of range (0 to 64)");
	bad("--kernel /k --disk-slots -1", "--disk-slots: \"-1\" is not a number");
	bad("--kernel /k --disk ", "option --disk needs a value");
	bad("--kernel /k --disk=", "--disk: the value is empty");
	bad("--kernel /k --disk /d,rw", "--disk: unknown key \"rw\"");
	bad("--kernel /k --disk /d,id=123456789012345678901",
		"--disk: id: \"123456789012345678901\" has not between 1 and 20 characters");
	bad("--kernel /k --disk /d,queues=9", "--disk: queues: 9 is out of range (1 to 8)");
	bad("--kernel /k --disk /d,io=fast",
		"--disk: io: \"fast\" is none of auto, uring, threads");
}

static void too_many_disks(void **state UNUSED)
{
	char words[1024] = "--kernel /k";

	for (int i = 0; i < RUN_DISKS; i++)
		strcat(words, " --disk /d");
	good(words);
	strcat(words, " --disk /d");
	bad(words, "--disk: more than 26 disks");
}

static void nets(void **state UNUSED)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	char words[128];
	int a = open("/dev/null", O_RDWR), b = open("/dev/null", O_RDWR);

	good("--kernel /k --net tap=tap0,mac=52:54:00:12:34:56,mtu=9000,queues=4,vhost=off,id=eth0");
	assert_string_equal(opts.vm.nets[0].tap, "tap0");
	assert_memory_equal(opts.vm.nets[0].mac, mac, 6);
	assert_int_equal(opts.vm.nets[0].mtu, 9000);
	assert_int_equal(opts.vm.nets[0].queues, 4);
	assert_int_equal(opts.vm.nets[0].vhost, VM_VHOST_OFF);
	assert_string_equal(opts.vm.nets[0].id, "eth0");
	snprintf(words, sizeof(words), "--kernel /k --net tap=t --net fd=%d:%d", a, b);
	good(words);
	assert_int_equal(opts.vm.nnets, 2);
	assert_int_equal(opts.vm.nets[1].nfds, 2);
	assert_int_equal(opts.vm.nets[1].fds[0], a);
	assert_int_equal(opts.vm.nets[1].fds[1], b);
	snprintf(words, sizeof(words), "--kernel /k --net fd=%d,queues=2", a);
	bad(words, "--net: queues= goes with tap=; fd=N:N gives one queue a descriptor");
	close(a);
	close(b);
	bad("--kernel /k --net id=x", "--net: either tap=NAME or fd=N must be given");
	bad("--kernel /k --net tap=t,fd=0", "--net: either tap=NAME or fd=N must be given");
	bad("--kernel /k --net fd=1023", "--net: fd: descriptor 1023 is not open");
	bad("--kernel /k --net fd=0:", "--net: fd: \"\" is not a number");
	bad("--kernel /k --net fd=-1", "--net: fd: \"-1\" is not a number");
	bad("--kernel /k --net fd=0000000000000000000000000",
		"--net: fd: \"0000000000000000000000000\" is not a descriptor");
	bad("--kernel /k --net fd=0:0", "descriptor 0 is given twice");
	bad("--kernel /k --net tap=a-name-of-16-byt",
		"--net: tap: \"a-name-of-16-byt\" is longer than the 15 bytes of an interface's name");
	bad("--kernel /k --net tap=t,mtu=67", "--net: mtu: 67 is out of range (68 to 65535)");
	bad("--kernel /k --net tap=t,mac=ff:ff:ff:ff:ff:ff",
		"--net: mac: ff:ff:ff:ff:ff:ff is not the MAC address of a single station");
}

static void vsock(void **state UNUSED)
{
	good("--kernel /k --vsock cid=42");
	assert_true(opts.vm.vsock.present);
	assert_int_equal(opts.vm.vsock.cid, 42);
	assert_int_equal(opts.vm.vsock.vhost_fd, -1);
	assert_null(opts.vm.vsock.uds);
	good("--kernel /k --vsock cid=4294967294,fd=0");
	assert_true(opts.vm.vsock.cid == 4294967294u);
	assert_int_equal(opts.vm.vsock.vhost_fd, 0);
	good("--kernel /k --vsock uds=/v");
	assert_string_equal(opts.vm.vsock.uds, "/v");
	assert_int_equal(opts.vm.vsock.cid, 3);
	bad("--kernel /k --vsock fd=0", "--vsock: cid=N or uds=PATH must be given");
	bad("--kernel /k --vsock uds=/v,fd=0", "--vsock: fd= and uds= exclude each other");
	bad("--kernel /k --vsock cid=2", "--vsock: cid: 2 is out of range (3 to 4294967294)");
	bad("--kernel /k --vsock cid=4294967295",
		"--vsock: cid: 4294967295 is out of range (3 to 4294967294)");
	bad("--kernel /k --vsock cid=4294967299",
		"--vsock: cid: 4294967299 is out of range (3 to 4294967294)");
	bad("--kernel /k --vsock cid=3 --vsock cid=4", "option --vsock is given twice");
}

static void filesystems(void **state UNUSED)
{
	char words[1024] = "--kernel /k";

	good("--kernel /k --fs socket=/a,tag=one --fs tag=two,socket=/b,,c");
	assert_int_equal(opts.vm.nfilesystems, 2);
	assert_string_equal(opts.vm.filesystems[0].socket, "/a");
	assert_string_equal(opts.vm.filesystems[0].tag, "one");
	assert_string_equal(opts.vm.filesystems[1].socket, "/b,c");
	assert_int_equal(opts.vm.filesystems[1].fd, -1);
	bad("--kernel /k --fs socket=/a", "--fs: socket=PATH and tag=NAME must be given");
	bad("--kernel /k --fs tag=x", "--fs: socket=PATH and tag=NAME must be given");
	bad("--kernel /k --fs socket=,tag=x", "--fs: key \"socket\" needs a value");
	bad("--kernel /k --fs socket=/a,tag=1234567890123456789012345678901234567",
		"--fs: tag: \"1234567890123456789012345678901234567\" has not between 1 and 36 characters");
	bad("--kernel /k --fs socket=/a,tag=x --fs socket=/b,tag=x", "--fs: tag x is given twice");
	bad("--kernel /k --fs /a,tag=x", "--fs: unknown key \"/a\"");
	for (int i = 0; i <= RUN_FS; i++)
		snprintf(words + strlen(words), 30, " --fs socket=/a,tag=%d", i);
	bad(words, "--fs: more than 16 file systems");
}

static void consoles(void **state UNUSED)
{
	good("--kernel /k --virtio-console socket:/s --virtio-console fd:1,name=log");
	assert_int_equal(opts.vm.nconsoles, 2);
	assert_int_equal(opts.vm.consoles[0].chardev.kind, CHARDEV_SOCKET);
	assert_string_equal(opts.vm.consoles[0].chardev.path, "/s");
	assert_null(opts.vm.consoles[0].name);
	assert_int_equal(opts.vm.consoles[1].chardev.kind, CHARDEV_FD);
	assert_int_equal(opts.vm.consoles[1].chardev.fd, 1);
	assert_string_equal(opts.vm.consoles[1].name, "log");
	assert_int_equal(opts.vm.serial.kind, CHARDEV_STDIO);
	good("--kernel /k --virtio-console stdio");
	assert_int_equal(opts.vm.serial.kind, CHARDEV_NONE);
	good("--kernel /k --virtio-console stdio --console none");
	bad("--kernel /k --virtio-console stdio --console stdio",
		"more than one console is to be on stdio");
	bad("--kernel /k --virtio-console stdio --virtio-console stdio",
		"more than one console is to be on stdio");
	bad("--kernel /k --console fd:1 --virtio-console fd:1", "descriptor 1 is given twice");
	bad("--kernel /k --console fd:999", "--console: descriptor 999 is not open");
	bad("--kernel /k --console tty",
		"--console: \"tty\" is none of stdio, none, file:PATH, socket:PATH, fd:N");
	bad("--kernel /k --console stdio:x",
		"--console: \"stdio:x\" is none of stdio, none, file:PATH, socket:PATH, fd:N");
	bad("--kernel /k --console file:",
		"--console: \"file:\" is none of stdio, none, file:PATH, socket:PATH, fd:N");
}

static void numbers(void **state UNUSED)
{
	bad("--kernel /k --mem 0", "--mem: 0 bytes are too few: at least 32M");
	bad("--kernel /k --mem 512", "--mem: 512 bytes are too few: at least 32M");
	bad("--kernel /k --mem lots", "--mem: \"lots\" is not a size (examples: 512K, 256M, 2G)");
	bad("--kernel /k --mem 99999999T", "--mem: \"99999999T\" is not a size: too large");
	bad("--kernel /k --mem 33M", "--mem: 34603008 bytes are not a multiple of 2M");
	bad("--kernel /k --mem 64M,huge", "--mem: unknown key \"huge\"");
	bad("--kernel /k --cpus 0", "--cpus: 0 is out of range (1 to 64)");
	bad("--kernel /k --cpus 10000", "--cpus: 10000 is out of range (1 to 64)");
	bad("--kernel /k --cpus two", "--cpus: \"two\" is not a number");
	bad("--kernel /k --cpus 2,max=65", "--cpus: max: 65 is out of range (1 to 64)");
	bad("--kernel /k --cpus 3,max=2", "--cpus: max=2 is less than the 3 to start with");
	bad("--kernel /k --rng-rate 0", "--rng-rate: 0 is too small");
}

static void words(void **state UNUSED)
{
	char line[1400] = "--kernel /k --append ";

	bad("", "no kernel is given: --kernel FILE");
	bad("--initrd /i", "no kernel is given: --kernel FILE");
	bad("--kernel=", "--kernel: the path is empty");
	bad("--kernel /k --kernel /l", "option --kernel is given twice");
	bad("--kernel /k --memory 1G", "unknown option --memory");
	bad("--kernel /k image", "unexpected argument \"image\"");
	bad("--kernel /k --irqchip pic",
		"--irqchip: \"pic\" is none of auto, aia, aia-hwaccel, aia-emul, split, aplic, plic");
	bad("--kernel /k --reboot never", "--reboot: \"never\" is none of exit, reset");
	bad("--kernel /k --log-level loud",
		"--log-level: \"loud\" is none of error, warn, info, debug");
	bad("--kernel /k --name a/b",
		"--name: \"a/b\" has characters other than letters, digits, . _ and -");
	memset(line + strlen(line), 'x', RUN_APPEND);
	good(line);
	strcat(line, "x");
	bad(line, "--append: 1024 bytes are more than the 1023 that a kernel keeps");
	good("--help");
	assert_true(opts.help);
}

/* 80 columns, 24 rows, one of them the prompt's. */
static void help_fits_a_screen(void **state UNUSED)
{
	char text[4096] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");
	unsigned lines = 0;

	assert_non_null(f);
	run_opts_help(f);
	fclose(f);
	for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
		assert_in_range(end - p, 1, 80);
		lines++;
	}
	assert_in_range(lines, 20, 23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(cpu_model),
		cmocka_unit_test(disks),
		cmocka_unit_test(too_many_disks),
		cmocka_unit_test(nets),
		cmocka_unit_test(vsock),
		cmocka_unit_test(filesystems),
		cmocka_unit_test(consoles),
		cmocka_unit_test(numbers),
		cmocka_unit_test(words),
		cmocka_unit_test(help_fits_a_screen),
	};

	return cmocka_run_group_tests(tests, NULL, free_opts);
}
