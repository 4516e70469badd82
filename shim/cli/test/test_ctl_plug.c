/*
 * Tests of `ctl plug`, its words and its conversation with a QMP server of ours over a fake
 * machine: ctl_plug.c.
 */
#define _GNU_SOURCE
#include "shim/cli/ctl_plug.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include "core/log.h"
#include "core/test/check.h"
#include "shim/qmp/block_commands.h"
#include "shim/qmp/test/fake_vm.h"

struct fixture {
	struct vm vm;
	struct qmp_blocks blocks;
	struct qmp_fds fds;
	struct qmp_table tables[2];
	struct qmp_dialect dialect;
	struct qmp_server *server;
	struct loop *loop;
	pthread_t thread;
	char socket[64], disk[64];
	json_t *reply;
};

static void *serve(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	int fd;

	log_setup(2, LOG_ERROR, "test");
	f->vm.info.state = VM_RUNNING;
	f->blocks = (struct qmp_blocks){ .vm = &f->vm, .slots = 2, .fds = &f->fds };
	f->tables[0] = qmp_blocks_table(&f->blocks);
	f->tables[1] = qmp_fds_table(&f->fds);
	f->dialect = (struct qmp_dialect){ 5, 0, 0, "t", f->tables, 2, &f->fds };
	snprintf(f->socket, sizeof(f->socket), "/tmp/test-plug.%d", (int)getpid());
	snprintf(f->disk, sizeof(f->disk), "/tmp/test+disk.%d", (int)getpid());
	fd = open(f->disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 4096), 0);
	close(fd);
	assert_int_equal(loop_new(&f->loop, &err), 0);
	assert_int_equal(qmp_server_new(&f->server, f->socket, &f->dialect, f->loop, &err), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f->loop), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	loop_quit(f->loop);
	pthread_join(f->thread, NULL);
	qmp_server_free(f->server);
	qmp_blocks_fini(&f->blocks);
	loop_free(f->loop);
	unlink(f->disk);
	json_decref(f->reply);
	free(f);
	return 0;
}

static int plug(struct fixture *f, const char *more, struct err *err)
{
	char spec[128];
	struct plug p;
	struct client c;
	int rc;

	snprintf(spec, sizeof(spec), "%s%s", f->disk, more);
	assert_int_equal(plug_parse(&p, spec, err), 0);
	assert_int_equal(client_open(&c, f->socket, 5000, err), 0);
	json_decref(f->reply);
	f->reply = NULL;
	rc = plug_run(&p, &c, &f->reply, err);
	client_close(&c);
	plug_free(&p);
	return rc;
}

static void a_disk(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	char id[64];

	snprintf(id, sizeof(id), "test_disk.%d", (int)getpid());
	assert_int_equal(plug(f, "", &err), 0);
	assert_string_equal(json_string_value(
				    json_object_get(json_object_get(f->reply, "return"), "id")),
		id);
	assert_string_equal(f->vm.disk_path, f->disk);
	assert_string_equal(f->vm.disk_id, id);
	assert_false(f->vm.disk.readonly);
	assert_int_equal(f->vm.full, 1);
}

static void refused(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	assert_int_equal(plug(f, ",ro,id=a", &err), 0);
	assert_true(f->vm.disk.readonly);
	assert_int_equal(plug(f, ",ro,id=a", &err), 0);
	assert_non_null(json_object_get(f->reply, "error"));
	assert_int_equal(plug(f, ",ro,id=b", &err), 0);
	assert_int_equal(plug(f, ",ro,id=c", &err), 0); /* no room: its name is free again */
	assert_non_null(json_object_get(f->reply, "error"));
	f->vm.full = 0;
	for (size_t i = 0; i < QMP_NODES; i++)
		assert_string_not_equal(f->blocks.node[i].id, "c");
	unlink(f->disk);
	assert_int_equal(plug(f, "", &err), -ENOENT);
}

static void words(void **state UNUSED)
{
	struct plug p;
	struct err err = { 0 };

	assert_int_equal(plug_parse(&p, "/a/b,,c d,ro,id=x-1", &err), 0);
	assert_string_equal(p.path, "/a/b,c d");
	assert_true(p.readonly);
	assert_string_equal(p.id, "x-1");
	plug_free(&p);
	assert_int_equal(plug_parse(&p, "/a/b,,c d$long-long-long-name", &err), 0);
	assert_string_equal(p.id, "b_c_d_long-long-long");
	plug_free(&p);
	assert_int_not_equal(plug_parse(&p, "/a/", &err), 0);
	assert_string_equal(err.msg, "/a/ is a directory");
	plug_free(&p);
	assert_int_not_equal(plug_parse(&p, "f,rw", &err), 0);
	assert_string_equal(err.msg, "unknown key \"rw\"");
	plug_free(&p);
	assert_int_not_equal(plug_parse(&p, "f,id=a b", &err), 0);
	plug_free(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_disk),
		TEST(refused),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
