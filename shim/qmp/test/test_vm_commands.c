/* Tests of the machine's commands and events against a fake machine: vm_commands.c. */
#include "shim/qmp/vm_commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cmocka.h>
#include "shim/qmp/session.h"
#include "shim/qmp/test/fake_vm.h"

struct fixture {
	struct vm vm;
	struct qmp_vm q;
	struct qmp_table table;
	struct qmp_dialect dialect;
	struct qmp_session session;
	unsigned quits;
	char text[4096];
};

static void on_quit(void *arg)
{
	((struct fixture *)arg)->quits++;
}

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

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->vm.info = (struct vm_info){ .state = VM_RUNNING,
		.name = "box",
		.cpus = 2,
		.max_cpus = 4,
		.ndevices = 1 };
	f->q = (struct qmp_vm){ .vm = &f->vm, .quit = on_quit, .arg = f };
	f->table = qmp_vm_table(&f->q);
	f->dialect = (struct qmp_dialect){ 5, 0, 0, "t", &f->table, 1, NULL };
	qmp_session_init(&f->session, &f->dialect);
	say(f, "{\"execute\":\"qmp_capabilities\"}");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	qmp_session_fini(&f->session);
	free(f);
	return 0;
}

static void queries(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(say(f, "{\"execute\":\"query-name\"}"),
		"{\"return\":{\"name\":\"box\"}}\r\n");
	assert_string_equal(say(f, "{\"execute\":\"query-kvm\"}"),
		"{\"return\":{\"enabled\":true,\"present\":true}}\r\n");
	assert_string_equal(say(f, "{\"execute\":\"query-cpus-fast\"}"),
		"{\"return\":[{\"cpu-index\":0,\"thread-id\":1000,\"target\":\"riscv64\","
		"\"props\":{\"core-id\":0}},{\"cpu-index\":1,\"thread-id\":1001,"
		"\"target\":\"riscv64\",\"props\":{\"core-id\":1}}]}\r\n");
	assert_string_equal(say(f, "{\"execute\":\"x-query-devices\"}"),
		"{\"return\":[{\"id\":\"disk0\",\"kind\":\"virtio-blk\",\"address\":268439552,"
		"\"irq\":8}]}\r\n");
}

static void status(void **state)
{
	static const struct {
		enum vm_state state;
		enum vm_end end;
		const char *word;
		bool running;
	} cases[] = {
		{ VM_CREATED, VM_END_NONE, "prelaunch", false },
		{ VM_RUNNING, VM_END_NONE, "running", true },
		{ VM_PAUSED, VM_END_NONE, "paused", false },
		{ VM_STOPPED, VM_END_POWEROFF, "shutdown", false },
		{ VM_STOPPED, VM_END_REBOOT, "shutdown", false },
		{ VM_STOPPED, VM_END_HOST, "shutdown", false },
		{ VM_STOPPED, VM_END_PANIC, "guest-panicked", false },
		{ VM_STOPPED, VM_END_FAILED, "internal-error", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char want[128];

		f->vm.info.state = cases[i].state;
		f->vm.info.end = cases[i].end;
		snprintf(want, sizeof(want), "{\"return\":{\"status\":\"%s\",\"running\":%s}}\r\n",
			cases[i].word, cases[i].running ? "true" : "false");
		assert_string_equal(say(f, "{\"execute\":\"query-status\"}"), want);
	}
}

static void life_cycle(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(say(f, "{\"execute\":\"stop\"}"), "{\"return\":{}}\r\n");
	assert_int_equal(f->vm.info.state, VM_PAUSED);
	assert_string_equal(say(f, "{\"execute\":\"stop\"}"), "{\"return\":{}}\r\n");
	assert_string_equal(say(f, "{\"execute\":\"cont\"}"), "{\"return\":{}}\r\n");
	assert_int_equal(f->vm.info.state, VM_RUNNING);
	assert_string_equal(say(f, "{\"execute\":\"cont\"}"), "{\"return\":{}}\r\n");
	assert_string_equal(say(f, "{\"execute\":\"system_reset\"}"), "{\"return\":{}}\r\n");
	assert_int_equal(f->vm.resets, 1);
	assert_non_null(strstr(say(f, "{\"execute\":\"system_powerdown\"}"), "GenericError"));
	assert_int_equal(f->quits, 0);
	assert_string_equal(say(f, "{\"execute\":\"quit\"}"), "{\"return\":{}}\r\n");
	assert_int_equal(f->quits, 1);
	assert_true(f->q.quitting);
}

static void refusals_are_passed_on(void **state)
{
	static const char *const commands[] = { "{\"execute\":\"stop\"}",
		"{\"execute\":\"system_reset\"}" };
	struct fixture *f = *state;

	f->vm.stubborn = true;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		assert_string_equal(say(f, commands[i]),
			"{\"error\":{\"class\":\"GenericError\",\"desc\":\"the machine won't\"}}\r\n");
	assert_false(f->q.resetting);
	f->vm.info.state = VM_STOPPED;
	assert_non_null(strstr(say(f, "{\"execute\":\"cont\"}"), "GenericError"));
}

/* As Kata's runtime asks for threads. */
static void old_words_of_the_runtime(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(say(f, "{\"execute\":\"query-cpus\"}"),
		"{\"return\":[{\"CPU\":0,\"current\":true,\"halted\":false,\"qom_path\":"
		"\"/machine/unattached/device[0]\",\"arch\":\"riscv\",\"thread_id\":1000,"
		"\"props\":{\"core-id\":0,\"thread-id\":0,\"socket-id\":0}},{\"CPU\":1,"
		"\"current\":false,\"halted\":false,\"qom_path\":"
		"\"/machine/unattached/device[1]\",\"arch\":\"riscv\",\"thread_id\":1001,"
		"\"props\":{\"core-id\":1,\"thread-id\":0,\"socket-id\":0}}]}\r\n");
	assert_non_null(strstr(say(f, "{\"execute\":\"query-balloon\"}"), "DeviceNotActive"));
	assert_non_null(strstr(say(f, "{\"execute\":\"balloon\",\"arguments\":{\"value\":1}}"),
		"DeviceNotActive"));
	assert_non_null(strstr(say(f, "{\"execute\":\"balloon\"}"), "needs argument"));
	assert_non_null(strstr(say(f,
				       "{\"execute\":\"human-monitor-command\",\"arguments\":"
				       "{\"command-line\":\"info qtree\",\"cpu-index\":0}}"),
		"there is no monitor for humans"));
}

static void power_button(void **state)
{
	struct fixture *f = *state;

	assert_non_null(strstr(say(f, "{\"execute\":\"system_powerdown\"}"), "no power button"));
	f->q.powerdown = on_quit;
	assert_string_equal(say(f, "{\"execute\":\"system_powerdown\"}"), "{\"return\":{}}\r\n");
	assert_int_equal(f->quits, 1);
}

/* events, over a real server and one client */

struct served {
	struct fixture *f;
	struct loop *loop;
	struct qmp_server *server;
	struct deferred end;
	int fd;
	char path[64];
};

static void end(struct deferred *d)
{
	loop_quit(container_of(d, struct served, end)->loop);
}

static void turn(struct served *s)
{
	for (int i = 0; i < 4; i++) {
		loop_defer(s->loop, &s->end);
		loop_run(s->loop);
	}
}

static void serve(struct served *s, struct fixture *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char drop[512];

	*s = (struct served){ .f = f, .end.fn = end };
	snprintf(s->path, sizeof(s->path), "/tmp/test-vm-commands.%d", (int)getpid());
	strcpy(sa.sun_path, s->path);
	assert_int_equal(loop_new(&s->loop, NULL), 0);
	assert_int_equal(qmp_server_new(&s->server, s->path, &f->dialect, s->loop, NULL), 0);
	s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(s->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_true(send(s->fd, "{\"execute\":\"qmp_capabilities\"}", 30, 0) == 30);
	turn(s);
	assert_true(recv(s->fd, drop, sizeof(drop), MSG_DONTWAIT) > 0);
}

/* The one event that is sent for what happened, its name and its data in out. */
static void event_for(struct served *s, enum vm_event e, char *out, size_t size)
{
	char text[512];
	ssize_t n;
	json_t *event;
	const json_t *data;
	AUTO_FREE char *shown = NULL;

	qmp_vm_event(s->server, &s->f->q, e);
	turn(s);
	n = recv(s->fd, text, sizeof(text), MSG_DONTWAIT);
	assert_true(n > 0);
	event = json_loadb(text, (size_t)n, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(event);
	assert_true(json_integer_value(json_object_get(json_object_get(event, "timestamp"),
			    "seconds")) > 1700000000);
	assert_in_range(json_integer_value(json_object_get(json_object_get(event, "timestamp"),
				"microseconds")),
		0, 999999);
	data = json_object_get(event, "data");
	shown = data ? json_dumps(data, JSON_COMPACT) : NULL;
	snprintf(out, size, "%s %s", json_string_value(json_object_get(event, "event")),
		shown ? shown : "-");
	json_decref(event);
}

static void check_event(struct served *s, enum vm_event e, enum vm_state state, enum vm_end how,
	const char *want)
{
	char got[256];

	s->f->vm.info.state = state;
	s->f->vm.info.end = how;
	event_for(s, e, got, sizeof(got));
	assert_string_equal(got, want);
}

static void events(void **state)
{
	struct fixture *f = *state;
	struct served s;

	serve(&s, f);
	check_event(&s, VM_EVENT_PAUSED, VM_PAUSED, VM_END_NONE, "STOP -");
	check_event(&s, VM_EVENT_RESUMED, VM_RUNNING, VM_END_NONE, "RESUME -");
	check_event(&s, VM_EVENT_SUSPENDED, VM_SUSPENDED, VM_END_NONE, "SUSPEND -");
	check_event(&s, VM_EVENT_WAKEUP, VM_RUNNING, VM_END_NONE, "WAKEUP -");
	check_event(&s, VM_EVENT_RESET, VM_RUNNING, VM_END_NONE,
		"RESET {\"guest\":true,\"reason\":\"guest-reset\"}");
	f->q.resetting = true;
	check_event(&s, VM_EVENT_RESET, VM_RUNNING, VM_END_NONE,
		"RESET {\"guest\":false,\"reason\":\"host-qmp-system-reset\"}");
	check_event(&s, VM_EVENT_RESET, VM_STOPPED, VM_END_REBOOT,
		"SHUTDOWN {\"guest\":true,\"reason\":\"guest-reset\"}");
	check_event(&s, VM_EVENT_SHUTDOWN, VM_STOPPED, VM_END_POWEROFF,
		"SHUTDOWN {\"guest\":true,\"reason\":\"guest-shutdown\"}");
	check_event(&s, VM_EVENT_SHUTDOWN, VM_STOPPED, VM_END_HOST,
		"SHUTDOWN {\"guest\":false,\"reason\":\"host-signal\"}");
	f->q.quitting = true;
	check_event(&s, VM_EVENT_SHUTDOWN, VM_STOPPED, VM_END_HOST,
		"SHUTDOWN {\"guest\":false,\"reason\":\"host-qmp-quit\"}");
	check_event(&s, VM_EVENT_PANIC, VM_RUNNING, VM_END_NONE,
		"GUEST_PANICKED {\"action\":\"run\"}");
	check_event(&s, VM_EVENT_PANIC, VM_STOPPED, VM_END_PANIC,
		"GUEST_PANICKED {\"action\":\"poweroff\"}");
	check_event(&s, VM_EVENT_FAILED, VM_STOPPED, VM_END_FAILED,
		"SHUTDOWN {\"guest\":false,\"reason\":\"host-error\"}");
	qmp_vm_event(NULL, &f->q, VM_EVENT_PAUSED);
	close(s.fd);
	qmp_server_free(s.server);
	loop_free(s.loop);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queries),
		TEST(status),
		TEST(life_cycle),
		TEST(refusals_are_passed_on),
		TEST(old_words_of_the_runtime),
		TEST(power_button),
		TEST(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
