/*
 * The words of Kata's StratoVirt driver, as recorded, in other orders and wrong in every part: what
 * machine they describe, or what is said of them.
 */
#include "shim/stratovirt/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "core/log.h"
#include "core/test/check.h"

#define VM_DIR "/run/vc/vm/ca3937fa0a236336ce00252c684bf8a576575aea5195a72d1118287de7a23ffa/"
#define PARAMS "agent.log=debug reboot=k panic=1 net.ifnames=0 pci=off debug console=hvc0"
#define WORDS  64

struct fix {
	struct sv_options o;
	struct sv_config c;
	struct err err;
	int vsock, tap[2];
	char vsock_word[96], tap_word[64];
	char *argv[WORDS];
	int argc;
};

static void say(struct fix *f, const char *option, const char *value)
{
	assert_true(f->argc + 2 <= WORDS);
	f->argv[f->argc++] = strdup(option);
	if (value)
		f->argv[f->argc++] = strdup(value);
}

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->vsock = open("/dev/null", O_RDWR | O_CLOEXEC);
	f->tap[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	f->tap[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	snprintf(f->vsock_word, sizeof(f->vsock_word),
		"vhost-vsock-device,id=vsock-id,guest-cid=3987803421,vhostfd=%d", f->vsock);
	snprintf(f->tap_word, sizeof(f->tap_word), "tap,id=eth0,fds=%d", f->tap[0]);
	log_setup(2, LOG_ERROR, "test");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	sv_options_free(&f->o);
	for (int i = 0; i < f->argc; i++)
		free(f->argv[i]);
	close(f->vsock);
	close(f->tap[0]);
	close(f->tap[1]);
	free(f);
	return 0;
}

static int make(struct fix *f)
{
	int rc = sv_options_parse(&f->o, f->argc, f->argv, &f->err);

	return rc ? rc : sv_config_make(&f->c, &f->o, &f->err);
}

static void must_make(struct fix *f)
{
	if (make(f))
		fail_msg("%s", f->err.msg);
}

/* As recorded of a debugging runtime. */
static void recorded(struct fix *f)
{
	say(f, "-name", "sandbox-ca3937fa0a236336ce00252c684bf8a576575aea5195a72d1118287de7a23ffa");
	say(f, "-uuid", "5600295d-9f36-4f5a-aab5-3f494377f43d");
	say(f, "-smp", "2");
	say(f, "-m", "608");
	say(f, "-kernel", "/opt/kata/vmlinux");
	say(f, "-append", PARAMS);
	say(f, "-qmp", "unix:" VM_DIR "qmp.socket,server,nowait");
	say(f, "-D", NULL);
	say(f, "-disable-seccomp", NULL);
	say(f, "-machine", "type=microvm,dump-guest-core=off,mem-share=on");
	say(f, "-initrd", "/opt/kata/guest-initrd.cpio");
	say(f, "-object", "rng-random,id=objrng0,filename=/dev/urandom");
	say(f, "-device", "virtio-rng-device,rng=objrng0,id=virtio-rng0");
	say(f, "-device", "virtio-serial-device,id=virtio-serial0");
	say(f, "-chardev", "socket,id=charconsole0,path=" VM_DIR "console.socket,server,nowait");
	say(f, "-device", "virtconsole,chardev=charconsole0,id=virtio-console0,nr=0");
	say(f, "-device", f->vsock_word);
	say(f, "-chardev", "socket,id=virtio_fs,path=" VM_DIR "virtiofs_kata.socket,server,nowait");
	say(f, "-device", "vhost-user-fs-device,chardev=virtio_fs,tag=kataShared,id=virtio-fs0");
	say(f, "-netdev", f->tap_word);
	say(f, "-device", "virtio-net-device,netdev=eth0,id=eth0,mac=5a:a3:dc:ea:df:9e");
}

static void is_the_recorded_machine(struct fix *f)
{
	static const uint8_t mac[] = { 0x5a, 0xa3, 0xdc, 0xea, 0xdf, 0x9e };
	const struct vm_config *vm = &f->c.vm;

	assert_string_equal(vm->name,
		"sandbox-ca3937fa0a236336ce00252c684bf8a576575aea5195a72d1118287de7a23ffa");
	assert_string_equal(vm->kernel, "/opt/kata/vmlinux");
	assert_string_equal(vm->initrd, "/opt/kata/guest-initrd.cpio");
	assert_string_equal(vm->append, PARAMS);
	assert_string_equal(f->o.qmp, VM_DIR "qmp.socket");
	assert_null(f->o.log_file);
	assert_true(f->o.no_seccomp);
	assert_int_equal(vm->cpus, 2);
	assert_int_equal(vm->mem_size, 608 * MiB);
	assert_true(vm->mem.shared);
	assert_false(vm->no_rng);
	assert_false(vm->reset_on_reboot);
	assert_int_equal(vm->serial.kind, CHARDEV_NONE);
	assert_true(vm->no_sbi_console); /* hvc0 is the socket's */
	assert_int_equal(vm->nconsoles, 1);
	assert_null(vm->consoles[0].name);
	assert_int_equal(vm->consoles[0].chardev.kind, CHARDEV_SOCKET);
	assert_string_equal(vm->consoles[0].chardev.path, VM_DIR "console.socket");
	assert_true(vm->vsock.present);
	assert_int_equal(vm->vsock.cid, 3987803421U);
	assert_int_equal(vm->vsock.vhost_fd, f->vsock);
	assert_null(vm->vsock.uds);
	assert_int_equal(vm->nfilesystems, 1);
	assert_string_equal(vm->filesystems[0].socket, VM_DIR "virtiofs_kata.socket");
	assert_string_equal(vm->filesystems[0].tag, "kataShared");
	assert_int_equal(vm->filesystems[0].fd, -1);
	assert_int_equal(vm->nnets, 1);
	assert_string_equal(vm->nets[0].id, "eth0");
	assert_int_equal(vm->nets[0].nfds, 1);
	assert_int_equal(vm->nets[0].fds[0], f->tap[0]);
	assert_memory_equal(vm->nets[0].mac, mac, 6);
	assert_int_equal(vm->ndisks, 0);
	assert_int_equal(vm->disk_slots, SV_DISK_SLOTS);
}

static void as_recorded(void **state)
{
	struct fix *f = *state;

	recorded(f);
	must_make(f);
	is_the_recorded_machine(f);
}

/* The options, with their values, from last to first. */
static void in_any_order(void **state)
{
	struct fix *f = *state;
	char *back[WORDS];
	int n = 0;

	recorded(f);
	for (int end = f->argc; end > 0;) {
		int at = end - 1;

		if (*f->argv[at] != '-')
			back[n++] = f->argv[at - 1];
		back[n++] = f->argv[at];
		end = *f->argv[at] == '-' ? at : at - 1;
	}
	assert_int_equal(n, f->argc);
	memcpy(f->argv, back, (size_t)n * sizeof(*back));
	must_make(f);
	is_the_recorded_machine(f);
}

static void a_root_disk_and_what_repeats_it(void **state)
{
	struct fix *f = *state;

	say(f, "-kernel", "k");
	for (int i = 0; i < 2; i++) {
		say(f, "-drive", "id=rootfs,file=/img,,1,readonly=on,direct=off");
		say(f, "-device", "virtio-blk-device,drive=rootfs,id=virtio-blk0");
	}
	must_make(f);
	assert_int_equal(f->o.repeated, 2);
	assert_int_equal(f->c.vm.ndisks, 1);
	assert_string_equal(f->c.disks[0].path, "/img,1");
	assert_true(f->c.disks[0].readonly);
	assert_int_equal(f->c.disks[0].fd, -1);
	assert_string_equal(f->c.disk_names[0].device, "virtio-blk0");
	assert_int_equal(f->c.vm.disk_slots, SV_DISK_SLOTS - 1); /* vda is one of them */
	assert_true(f->c.vm.no_rng);
	assert_false(f->c.vm.vsock.present);
	assert_false(f->c.vm.mem.shared);
}

static void taps(void **state)
{
	struct fix *f = *state;
	char fds[64];

	snprintf(fds, sizeof(fds), "tap,id=a,fds=%d:%d", f->tap[1], f->tap[0]);
	say(f, "-kernel", "k");
	say(f, "-netdev", fds);
	say(f, "-netdev", "tap,id=b,ifname=tap0_kata,vhost=off,queues=2");
	say(f, "-device", "virtio-net-device,netdev=b,id=second");
	say(f, "-device", "virtio-net-device,netdev=a,id=first,mq=on");
	must_make(f);
	assert_int_equal(f->c.vm.nnets, 2);
	assert_string_equal(f->c.nets[0].tap, "tap0_kata");
	assert_int_equal(f->c.nets[0].queues, 2);
	assert_int_equal(f->c.nets[0].vhost, VM_VHOST_OFF);
	assert_int_equal(f->c.nets[1].nfds, 2);
	assert_int_equal(f->c.nets[1].fds[0], f->tap[1]);
	assert_int_equal(f->c.nets[1].fds[1], f->tap[0]);
}

static void sizes(void **state)
{
	struct fix *f = *state;

	say(f, "-kernel", "k");
	say(f, "-m", "size=513");
	say(f, "-smp", "cpus=2,maxcpus=4");
	say(f, "-machine", "microvm,disk-slots=40");
	must_make(f);
	assert_int_equal(f->c.vm.mem_size, 514 * MiB);
	assert_int_equal(f->c.vm.cpus, 2);
	assert_int_equal(f->c.vm.max_cpus, 4);
	assert_int_equal(f->c.vm.disk_slots, 40);
}

static void units(void **state)
{
	struct fix *f = *state;

	say(f, "-kernel", "k");
	say(f, "-m", "2G");
	say(f, "-serial", "file:/tmp/log");
	say(f, "-object", "rng-random,id=r");
	say(f, "-device", "virtio-rng-device,rng=r,max-bytes=1024,period=500");
	must_make(f);
	assert_int_equal(f->c.vm.mem_size, 2 * GiB);
	assert_int_equal(f->c.vm.serial.kind, CHARDEV_FILE);
	assert_false(f->c.vm.no_sbi_console);
	assert_int_equal(f->c.vm.rng_rate, 2048);
}

static const struct {
	const char *words[7], *says;
} bad[] = {
	{ { "-fly" }, "unknown option -fly" },
	{ { "word" }, "unexpected argument \"word\"" },
	{ { "-smp" }, "option -smp needs a value" },
	{ { "-smp", "0" }, "-smp: 0 is out of range" },
	{ { "-smp", "2", "-smp", "2" }, "option -smp is given twice" },
	{ { "-smp", "4,maxcpus=2" }, "-smp: maxcpus=2 is less than" },
	{ { "-m", "many" }, "-m: \"many\" is not a size" },
	{ { "-m", "1500K" }, "-m: 1500K is not a whole number of MiB" },
	{ { "-uuid", "5600295d-9f36-4f5a-aab5" }, "is not a UUID" },
	{ { "-machine", "virt" }, "-machine: \"virt\" is none of microvm" },
	{ { "-machine", "type=microvm,colour=red" }, "-machine: unknown key \"colour\"" },
	{ { "-machine", "mem-share=maybe" }, "\"maybe\" is neither on nor off" },
	{ { "-machine", "disk-slots=64", "-netdev", "tap,id=n,ifname=t", "-device",
		  "virtio-net-device,netdev=n" },
		"-machine disk-slots=64: there is room for 63" },
	{ { "-qmp", "tcp:1.2.3.4:5" }, "-qmp: \"tcp:1.2.3.4:5\" is not unix:PATH" },
	{ { "-qmp", "unix:/q,telnet" }, "-qmp: unknown key \"telnet\"" },
	{ { "-serial", "pty" }, "-serial: \"pty\" is none of" },
	{ { "-object", "rng-egd,id=x" }, "-object: unknown type \"rng-egd\"" },
	{ { "-object", "rng-random" }, "-object: rng-random: id= is missing" },
	{ { "-chardev", "pty,id=x" }, "-chardev: unknown back end \"pty\"" },
	{ { "-chardev", "socket,id=x" }, "-chardev: socket: path= is missing" },
	{ { "-chardev", "socket,id=x,path=/p" }, "-chardev x: no device uses it" },
	{ { "-drive", "id=d" }, "-drive: file= is missing" },
	{ { "-drive", "id=d,file=/f,format=qcow2" }, "\"qcow2\" is none of raw" },
	{ { "-drive", "id=d,file=/f" }, "-drive d: no device uses it" },
	{ { "-drive", "id=d,file=/f", "-drive", "id=d,file=/g" },
		"-drive: the id \"d\" is given twice" },
	{ { "-netdev", "user,id=n" }, "-netdev: unknown back end \"user\"" },
	{ { "-netdev", "tap,id=n" }, "either ifname=NAME or fds=N[:N] must be given" },
	{ { "-netdev", "tap,id=n,fds=777" }, "fds: descriptor 777 is not open" },
	{ { "-netdev", "tap,id=n,fds=1" }, "fds: descriptor 1 is a standard stream" },
	{ { "-netdev", "tap,id=n,fds=x" }, "fds: \"x\" is not a number" },
	{ { "-netdev", "tap,id=n,ifname=0123456789abcdef" }, "interface's name" },
	{ { "-device", "virtio-fly,id=x" }, "-device: unknown driver \"virtio-fly\"" },
	{ { "-device", "virtio-blk-device,colour=red" },
		"-device: virtio-blk-device: unknown key \"colour\"" },
	{ { "-device", "virtio-blk-device,id=b" }, "-device b: drive= is missing" },
	{ { "-device", "virtio-blk-device,drive=d" }, "there is no drive \"d\"" },
	{ { "-device", "virtio-net-device,netdev=n,mac=ff:00:00:00:00:00" }, "mac" },
	{ { "-device", "virtconsole,chardev=c" }, "there is no chardev \"c\"" },
	{ { "-chardev", "socket,id=c,path=/p", "-device", "virtconsole,chardev=c" },
		"-chardev c: a console's socket is listened on" },
	{ { "-chardev", "socket,id=c,path=/p,server", "-device", "virtconsole,chardev=c,nr=1" },
		"the one console is number 0" },
	{ { "-device", "vhost-vsock-device,guest-cid=2" }, "guest-cid: 2 is out of range" },
	{ { "-device", "vhost-vsock-device" }, "guest-cid= is missing" },
	{ { "-device", "vhost-vsock-device,guest-cid=3,vhostfd=777" },
		"vhostfd: descriptor 777 is not open" },
	{ { "-device", "vhost-vsock-device,guest-cid=3", "-device",
		  "vhost-vsock-device,guest-cid=4" },
		"one vhost-vsock-device is possible" },
	{ { "-chardev", "socket,id=c,path=/p", "-device", "vhost-user-fs-device,chardev=c" },
		"tag= is missing" },
	{ { "-object", "rng-random,id=r,filename=/dev/sda", "-device", "virtio-rng-device,rng=r" },
		"filename \"/dev/sda\" is neither" },
};

static void refuses(void **state)
{
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int argc = 2;
		char *argv[10] = { strdup("-kernel"), strdup("k") };

		for (size_t w = 0; w < ARRAY_SIZE(bad[i].words) && bad[i].words[w]; w++)
			argv[argc++] = strdup(bad[i].words[w]);
		f->err = (struct err){ 0 };
		assert_int_equal(sv_options_parse(&f->o, argc, argv, &f->err) ? -1
				: sv_config_make(&f->c, &f->o, &f->err)	      ? -1
									      : 0,
			-1);
		if (!strstr(f->err.msg, bad[i].says))
			fail_msg("case %zu: \"%s\", not \"%s\"", i, f->err.msg, bad[i].says);
		sv_options_free(&f->o);
		while (argc)
			free(argv[--argc]);
	}
}

static void refuses_descriptors_twice(void **state)
{
	struct fix *f = *state;
	char word[64];

	say(f, "-kernel", "k");
	say(f, "-device", f->vsock_word);
	snprintf(word, sizeof(word), "tap,id=n,fds=%d:%d", f->tap[0], f->vsock);
	say(f, "-netdev", word);
	say(f, "-device", "virtio-net-device,netdev=n,id=eth0");
	assert_int_equal(make(f), -EINVAL);
	assert_non_null(strstr(f->err.msg, "eth0: descriptor "));
	assert_non_null(strstr(f->err.msg, "is given twice"));
}

static void needs_a_kernel_unless_asked_for_help(void **state)
{
	struct fix *f = *state;

	assert_int_equal(make(f), -EINVAL);
	assert_string_equal(f->err.msg, "no kernel is given: -kernel FILE");
	say(f, "--version", NULL);
	assert_int_equal(sv_options_parse(&f->o, f->argc, f->argv, &f->err), 0);
	assert_true(f->o.version);
}

static void too_many_parts(void **state)
{
	struct fix *f = *state;
	char *argv[2 * (SV_MAX + 1)];
	int argc = 0, rc;

	for (int i = 0; i <= SV_MAX; i++) {
		char word[64];

		snprintf(word, sizeof(word), "id=d%d,file=/f", i);
		argv[argc++] = strdup("-drive");
		argv[argc++] = strdup(word);
	}
	rc = sv_options_parse(&f->o, argc, argv, &f->err);
	while (argc)
		free(argv[--argc]);
	assert_int_equal(rc, -E2BIG);
	assert_string_equal(f->err.msg, "-drive: more than 64 of them");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_recorded),
		TEST(in_any_order),
		TEST(a_root_disk_and_what_repeats_it),
		TEST(taps),
		TEST(sizes),
		TEST(units),
		TEST(refuses),
		TEST(refuses_descriptors_twice),
		TEST(needs_a_kernel_unless_asked_for_help),
		TEST(too_many_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
