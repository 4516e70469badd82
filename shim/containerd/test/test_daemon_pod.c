/* A pod of several containers, and one that shares nothing with the host. */
#define _GNU_SOURCE
#include "shim/containerd/test/daemon_calls.h"

#define MEMBER                                                                                     \
	", \"annotations\": {\"io.kubernetes.cri.container-type\": \"container\", "                \
	"\"io.kubernetes.cri.sandbox-id\": \"pod\"}"

static void a_pod(void **state)
{
	Containerd__Task__V2__ShutdownRequest shutdown = FRESH(
		containerd__task__v2__shutdown_request);
	struct fix *f = *state;
	struct reply r, pod, member;

	make_bundle(f, "p",
		", \"annotations\": {\"io.kubernetes.cri.container-type\": \"sandbox\", "
		"\"io.kubernetes.cri.sandbox-id\": \"pod\"}, \"linux\": {\"sysctl\": "
		"{\"net.core.somaxconn\": \"9\"}}");
	make_bundle(f, "m", MEMBER ", \"linux\": {\"namespaces\": [{\"type\": \"pid\"}]}");
	make_bundle(f, "n",
		MEMBER ", \"linux\": {\"namespaces\": [{\"type\": \"pid\", \"path\": "
		       "\"/proc/4242/ns/pid\"}]}");
	make_bundle(f, "other",
		", \"annotations\": {\"io.kubernetes.cri.container-type\": \"container\", "
		"\"io.kubernetes.cri.sandbox-id\": \"another\"}");
	start(f, "pod", "p");
	OK(create(f, "pod", "p", NULL, &r));
	wait_for_task(f, "pod", "", &pod);
	OK(start_task(f, "pod", "", &r));
	assert_string_equal(f->agent.log, ""); /* nothing runs for it */
	assert_int_equal(create(f, "x", "other", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "belongs to another pod"));
	OK(create(f, "m1", "m", "out", &r));
	assert_string_equal(f->agent.sysctl, "net.core.somaxconn");
	OK(start_task(f, "m1", "", &r));
	wait_for_task(f, "m1", "", &member);
	until_text(f, f->heard, "m1 speaks");

	until_text(f, f->agent.log, " CloseStdin");
	assert_string_equal(f->agent.log, " CreateContainer StartContainer CloseStdin");

	/* who shares a pid namespace needs the sandbox's own program to hold it, once */
	*f->agent.log = 0;
	OK(create(f, "n1", "n", NULL, &r));
	OK(create(f, "n2", "n", NULL, &r));
	assert_string_equal(f->agent.log,
		" CreateContainer StartContainer CreateContainer CreateContainer");
	assert_string_equal(f->agent.container, "n2");
	for (unsigned i = 0; i < 2; i++) {
		OK(kill_task(f, i ? "n1" : "n2", "", 9, &r));
		OK(delete_task(f, i ? "n1" : "n2", "", &r));
	}

	until_text(f, f->topics, " exit delete exit delete");

	/* its memory runs out: that is told before its end */
	*f->topics = 0;
	fake_agent_oom(&f->agent, "m1");
	fake_agent_end(&f->agent, "m1", 137);
	assert_int_equal(status_waited(f, &member), 137);
	until_text(f, f->topics, "exit");
	assert_string_equal(f->topics, " oom exit");
	OK(delete_task(f, "m1", "", &r));
	OK(call(f, "Shutdown", &shutdown.base, &r)); /* not the last one */
	assert_int_equal(state_number(f, "pod", ""), 2);
	assert_int_equal(stats_of(f, "pod", "", &r), TTRPC_OK);
	forget(&r);

	OK(kill_task(f, "pod", "", 10, &r));
	assert_int_equal(state_number(f, "pod", ""), 2);
	OK(kill_task(f, "pod", "", 9, &r));
	assert_int_equal(status_waited(f, &pod), 137);
	OK(delete_task(f, "pod", "", &r));
	leave(f);
}

/* Without virtiofsd: the root file system is a disk, files are copied, directories refused. */
static void nothing_shared(void **state)
{
	struct fix *f = *state;
	char mounts[512];
	struct reply r;

	f->config = "{\"shared_files\": false, \"disk_slots\": 1}";
	make_file(f, "hosts", "127.0.0.1 localhost");
	make_file(f, "disk", "a file system");
	snprintf(mounts, sizeof(mounts),
		", \"mounts\": [{\"destination\": \"/etc/hosts\", \"type\": \"bind\", "
		"\"source\": \"%s/hosts\", \"options\": [\"rbind\", \"rw\"]}]",
		f->dir);
	make_bundle(f, "b", mounts);
	snprintf(mounts, sizeof(mounts),
		", \"mounts\": [{\"destination\": \"/d\", \"type\": \"bind\", "
		"\"source\": \"%s\", \"options\": [\"rbind\"]}]",
		f->dir);
	make_bundle(f, "d", mounts);
	start(f, "one", "b");
	assert_int_equal(create(f, "one", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "the root file system is a directory"));
	f->disk = "disk";
	assert_int_equal(create(f, "one", "d", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "only files can be had"));
	OK(create(f, "one", "b", NULL, &r));
	assert_string_equal(f->agent.log, " CopyFile CreateContainer");
	assert_string_equal(f->agent.input,
		"/run/kata-containers/shared/containers/one-0-hosts: "
		"127.0.0.1 localhost");
	assert_string_equal(f->agent.storage, "mmioblk /dev/vdb ext4");
	assert_string_equal(f->agent.root, "/run/kata-containers/rootfs/one");
	assert_int_equal(create(f, "two", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "is in use by another container of the pod"));
	OK(kill_task(f, "one", "", 9, &r));
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pod),
		TEST(nothing_shared),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
