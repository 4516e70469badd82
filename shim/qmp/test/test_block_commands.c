/* Tests of the disk commands against a fake machine: block_commands.c. */
#define _GNU_SOURCE
#include "shim/qmp/block_commands.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "core/log.h"
#include "core/test/check.h"
#include "shim/qmp/session.h"
#include "shim/qmp/test/fake_vm.h"

#define OK "{\"return\":{}}\r\n"

struct fixture {
	struct vm vm;
	struct qmp_blocks b;
	struct qmp_fds fds;
	struct qmp_table tables[2];
	struct qmp_dialect dialect;
	struct qmp_session session;
	char path[64], text[8192];
};

static const char *say(struct fixture *f, const char *text)
{
	size_t len;
	const char *data;

	assert_int_equal(qmp_session_input(&f->session, text, strlen(text)), strlen(text));
	data = qmp_session_output(&f->session, &len);
	assert_in_range(len, 1, sizeof(f->text) - 1);
	memcpy(f->text, data, len);
	f->text[len] = 0;
	qmp_session_sent(&f->session, len);
	return f->text;
}

/* As the runtime writes it; more: members in front, each with its comma. */
static const char *add_file(struct fixture *f, const char *name, const char *path, const char *more)
{
	char line[512];

	snprintf(line, sizeof(line),
		"{\"arguments\":{%s\"driver\":\"raw\",\"file\":{\"aio\":\"native\",\"driver\":"
		"\"file\",\"filename\":\"%s\"},\"node-name\":\"%s\"},"
		"\"execute\":\"blockdev-add\"}\n",
		more, path, name);
	return say(f, line);
}

static const char *add_device(struct fixture *f, const char *id, const char *drive,
	const char *more)
{
	char line[512];

	snprintf(line, sizeof(line),
		"{\"arguments\":{%s\"drive\":\"%s\",\"driver\":\"virtio-blk-mmio\",\"id\":\"%s\","
		"\"romfile\":\"\"},\"execute\":\"device_add\"}\n",
		more, drive, id);
	return say(f, line);
}

static const char *del(struct fixture *f, const char *what, const char *key, const char *id)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"arguments\":{\"%s\":\"%s\"},\"execute\":\"%s\"}\n", key,
		id, what);
	return say(f, line);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	snprintf(f->path, sizeof(f->path), "/tmp/sampan-qmp-XXXXXX");
	fd = mkostemp(f->path, O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 4096), 0);
	close(fd);
	log_setup(2, LOG_ERROR, "test");
	f->vm.info.state = VM_RUNNING;
	f->b.vm = &f->vm;
	f->b.slots = 4;
	f->b.fds = &f->fds;
	f->tables[0] = qmp_blocks_table(&f->b);
	f->tables[1] = qmp_fds_table(&f->fds);
	f->dialect = (struct qmp_dialect){ 5, 0, 0, "t", f->tables, 2, &f->fds };
	qmp_session_init(&f->session, &f->dialect);
	say(f, "{\"execute\":\"qmp_capabilities\"}");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	qmp_session_fini(&f->session);
	qmp_blocks_fini(&f->b);
	unlink(f->path);
	free(f);
	return 0;
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void has(const char *answer, const char *part)
{
	if (!strstr(answer, part))
		fail_msg("no \"%s\" in %s", part, answer);
}

static void as_the_runtime_does_it(void **state)
{
	struct fixture *f = *state;
	unsigned files = open_files();

	for (unsigned round = 0; round < 3; round++) {
		assert_string_equal(add_file(f, "drive-b4841b33607f9ec8", f->path,
					    "\"read-only\":true,"),
			OK);
		assert_string_equal(add_device(f, "drive-b4841b33607f9ec8",
					    "drive-b4841b33607f9ec8", "\"addr\":\"1\","),
			OK);
		assert_int_equal(f->vm.full, 1 << 1);
		assert_string_equal(f->vm.disk_path, f->path);
		assert_string_equal(f->vm.disk_id, "drive-b4841b33607f9e"); /* 20 bytes */
		assert_true(f->vm.disk.readonly);
		assert_true(f->vm.disk.fd >= 0);
		assert_string_equal(del(f, "device_del", "id", "drive-b4841b33607f9ec8"), OK);
		assert_int_equal(f->vm.full, 0);
		assert_int_equal(open_files(), files);
	}
}

/* A runtime that never sends blockdev-del does not use up the names. */
static void names_do_not_run_out(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (unsigned i = 0; i < 3 * QMP_NODES; i++) {
		snprintf(name, sizeof(name), "drive-%u", i);
		assert_string_equal(add_file(f, name, f->path, ""), OK);
		assert_string_equal(add_device(f, name, name, ""), OK);
		assert_string_equal(del(f, "device_del", "id", name), OK);
	}
	assert_string_equal(del(f, "blockdev-del", "node-name", name), OK);
	has(del(f, "blockdev-del", "node-name", "drive-0"), "DeviceNotFound");
	for (unsigned i = 0; i < QMP_NODES; i++) {
		snprintf(name, sizeof(name), "held-%u", i);
		assert_string_equal(add_file(f, name, f->path, ""), OK);
	}
	has(add_file(f, "more", f->path, ""), "there are 64 already");
}

static void a_name_that_stays_can_be_used_again(void **state)
{
	struct fixture *f = *state;

	add_file(f, "a", f->path, "");
	add_device(f, "dev", "a", "");
	assert_string_equal(del(f, "device_del", "id", "dev"), OK);
	assert_string_equal(add_device(f, "dev", "a", "\"addr\":3,"), OK);
	assert_int_equal(f->vm.full, 1 << 3);
	del(f, "device_del", "id", "dev");
	unlink(f->path);
	has(add_device(f, "dev", "a", ""), "No such file");
	has(add_file(f, "a", f->path, ""), "No such file");
}

static void a_failed_plug_can_be_taken_back(void **state)
{
	struct fixture *f = *state;

	f->vm.stubborn = true;
	assert_string_equal(add_file(f, "a", f->path, ""), OK);
	has(add_device(f, "dev", "a", ""), "add device dev: the machine won't");
	has(say(f, "{\"execute\":\"query-block\"}\n"), "{\"return\":[]}");
	assert_string_equal(del(f, "blockdev-del", "node-name", "a"), OK);
	f->vm.stubborn = false;
	add_file(f, "a", f->path, "");
	add_device(f, "dev", "a", "");
	f->vm.stubborn = true;
	has(del(f, "device_del", "id", "dev"), "remove device dev: the machine won't");
	f->vm.stubborn = false;
	assert_string_equal(del(f, "device_del", "id", "dev"), OK);
}

static void lists_them(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	assert_int_equal(qmp_blocks_fixed(&f->b, 0, "rootfs", "virtio-blk0", "/img", true, &err),
		0);
	add_file(f, "a", f->path, "");
	add_device(f, "dev", "a", "");
	assert_int_equal(f->vm.full, 1 << 1); /* the first that is free */
	say(f, "{\"execute\":\"query-block\"}\n");
	has(f->text, "\"qdev\":\"virtio-blk0\"");
	has(f->text, "\"node-name\":\"rootfs\"");
	has(f->text, "\"ro\":true");
	has(f->text, "\"qdev\":\"dev\"");
	has(del(f, "device_del", "id", "virtio-blk0"), "can't be removed");
	has(del(f, "blockdev-del", "node-name", "rootfs"), "in use by device virtio-blk0");
	has(add_device(f, "x", "rootfs", ""), "block device rootfs is in use");
}

static void refuses(void **state)
{
	struct fixture *f = *state;
	char long_name[200];

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	add_file(f, "a", f->path, "");
	add_file(f, "b", f->path, "");
	add_device(f, "dev", "a", "\"addr\":\"0x1\",");
	has(add_file(f, "a", f->path, ""), "there is a block device a already");
	has(add_file(f, "", f->path, ""), "the node's name has 0 bytes");
	has(add_file(f, long_name, f->path, ""), "the node's name has 199 bytes");
	has(add_file(f, "c", "", ""), "the file name is empty");
	has(add_file(f, "c", "/dev/null", ""), "is a character device");
	has(add_file(f, "c", f->path, "\"colour\":\"red\","), "no argument \\\"colour\\\"");
	has(add_file(f, "c", f->path, "\"cache\":{\"writeback\":true},"),
		"no argument \\\"writeback\\\"");
	has(add_file(f, "c", f->path, "\"read-only\":\"on\","), "\\\"read-only\\\" has the wrong");
	has(add_device(f, "e", "b", "\"addr\":\"4\","), "there is no disk slot 4: 0 to 3 are");
	has(add_device(f, "e", "b", "\"addr\":\"1\","), "disk slot 1 is full: device dev is in it");
	has(add_device(f, "e", "b", "\"addr\":\"one\","), "\\\"addr\\\" is not a number");
	has(add_device(f, "e", "b", "\"addr\":\"-1\","), "\\\"addr\\\" is not a number");
	has(add_device(f, "e", "b", "\"addr\":{},"), "\\\"addr\\\" has the wrong type");
	has(add_device(f, "e", "b", "\"addr\":99999999999999999999999,"), "error");
	has(add_device(f, "e", "b", "\"logical_block_size\":\"4096\","), "logical_block_size 4096");
	has(add_device(f, "dev", "b", ""), "there is a device dev already");
	has(add_device(f, "e", "none", ""), "there is no block device none");
	has(add_device(f, "e", "a", ""), "block device a is in use by device dev");
	has(add_device(f, long_name, "b", ""), "the device's id has 199 bytes");
	has(del(f, "device_del", "id", "e"), "there is no device e");
	has(say(f,
		    "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-net-pci\","
		    "\"id\":\"e\",\"drive\":\"b\"}}\n"),
		"virtio-net-pci");
	has(say(f, "{\"execute\":\"device_del\"}\n"), "device_del needs argument");
	assert_int_equal(f->vm.full, 1 << 1);
	for (unsigned i = 0; i < 3; i++) {
		char id[8], path[80];

		snprintf(id, sizeof(id), "n%u", i);
		snprintf(path, sizeof(path), "%s-%u", f->path, i);
		close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		add_file(f, id, path, "");
		assert_string_equal(add_device(f, id, id, ""), OK);
	}
	has(add_device(f, "e", "b", ""), "all 4 disk slots are full");
	for (unsigned i = 0; i < 3; i++) {
		char path[80];

		snprintf(path, sizeof(path), "%s-%u", f->path, i);
		unlink(path);
	}
}

/* Sends one, keeps none. */
static void send_file(struct fixture *f, const char *path, int flags, const char *request)
{
	int fd = open(path, flags | O_CLOEXEC);

	assert_true(fd >= 0);
	qmp_session_fds(&f->session, &fd, 1);
	has(say(f, request), "return");
}

#define ADD_FD	  "{\"execute\":\"add-fd\",\"arguments\":{\"fdset-id\":7,\"opaque\":\"mine\"}}\n"
#define REMOVE_FD "{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":7}}\n"

/* A monitor that can open nothing gets its disk: the path need not even exist any more. */
static void by_descriptor(void **state)
{
	struct fixture *f = *state;
	unsigned files = open_files();

	send_file(f, f->path, O_RDWR, ADD_FD);
	unlink(f->path);
	assert_string_equal(add_file(f, "a", "/dev/fdset/7", ""), OK);
	assert_string_equal(say(f, REMOVE_FD), OK);
	assert_string_equal(add_device(f, "dev", "a", ""), OK);
	assert_string_equal(f->vm.disk_path, "mine");
	has(say(f, "{\"execute\":\"query-block\"}\n"), "\"file\":\"mine\"");
	assert_string_equal(del(f, "device_del", "id", "dev"), OK);
	assert_int_equal(open_files(), files);
	has(add_device(f, "dev", "a", ""), "block device a went with its device: send it again");
	assert_string_equal(del(f, "blockdev-del", "node-name", "a"), OK);
}

static void by_named_descriptor(void **state)
{
	struct fixture *f = *state;

	send_file(f, f->path, O_RDONLY,
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"n\"}}\n");
	has(add_file(f, "a", "fd:n", ""), "was opened read-only, and is to be written");
	assert_string_equal(add_file(f, "a", "fd:n", "\"read-only\":true,"), OK);
	assert_string_equal(add_device(f, "dev", "a", ""), OK);
	assert_string_equal(f->vm.disk_path, "fd:n");
	has(add_file(f, "b", "fd:other", ""), "there is no descriptor fd:other");
}

static void bad_descriptors(void **state)
{
	struct fixture *f = *state;

	has(add_file(f, "a", "/dev/fdset/7", ""), "there is no descriptor /dev/fdset/7");
	send_file(f, "/dev/null", O_RDWR, ADD_FD);
	has(add_file(f, "a", "/dev/fdset/7", ""), "disk mine is a character device");
	assert_string_equal(say(f, REMOVE_FD), OK);
	send_file(f, f->path, O_WRONLY, ADD_FD);
	has(add_file(f, "a", "/dev/fdset/7", ""), "without the right to read");
	assert_string_equal(say(f, REMOVE_FD), OK);
	send_file(f, f->path, O_PATH, ADD_FD);
	has(add_file(f, "a", "/dev/fdset/7", "\"read-only\":true,"), "without the right to read");
	assert_string_equal(say(f, REMOVE_FD), OK);
	send_file(f, f->path, O_RDWR | O_APPEND, ADD_FD);
	has(add_file(f, "a", "/dev/fdset/7", ""), "opened for appending");
	assert_string_equal(say(f, REMOVE_FD), OK);
	send_file(f, "/tmp", O_RDONLY | O_DIRECTORY, ADD_FD);
	has(add_file(f, "a", "/dev/fdset/7", "\"read-only\":true,"), "is a directory");
}

/* Copies of one descriptor share its lock, so the lock does not keep two writers apart. */
static void one_file_twice(void **state)
{
	struct fixture *f = *state;

	send_file(f, f->path, O_RDWR, ADD_FD);
	assert_string_equal(add_file(f, "a", "/dev/fdset/7", ""), OK);
	assert_string_equal(add_file(f, "b", "/dev/fdset/7", ""), OK);
	assert_string_equal(add_file(f, "ro1", "/dev/fdset/7", "\"read-only\":true,"), OK);
	assert_string_equal(add_file(f, "ro2", "/dev/fdset/7", "\"read-only\":true,"), OK);
	assert_string_equal(add_device(f, "one", "a", ""), OK);
	has(add_device(f, "two", "b", ""), "disk mine is in use by device one");
	has(add_device(f, "two", "ro1", ""), "disk mine is in use by device one");
	assert_string_equal(del(f, "device_del", "id", "one"), OK);
	assert_string_equal(add_device(f, "one", "ro1", ""), OK);
	assert_string_equal(add_device(f, "two", "ro2", ""), OK);
	has(add_device(f, "three", "b", ""), "disk mine is in use by device one");
}

static void options_that_change_nothing(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(add_file(f, "a", f->path,
				    "\"cache\":{\"direct\":true,\"no-flush\":false},"),
		OK);
	assert_string_equal(add_device(f, "dev", "a",
				    "\"share-rw\":\"on\",\"logical_block_size\":\"512\","
				    "\"physical_block_size\":4096,\"serial\":\"mine\","),
		OK);
	assert_string_equal(f->vm.disk_id, "mine");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_the_runtime_does_it),
		TEST(names_do_not_run_out),
		TEST(a_name_that_stays_can_be_used_again),
		TEST(a_failed_plug_can_be_taken_back),
		TEST(lists_them),
		TEST(refuses),
		TEST(by_descriptor),
		TEST(by_named_descriptor),
		TEST(bad_descriptors),
		TEST(one_file_twice),
		TEST(options_that_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
