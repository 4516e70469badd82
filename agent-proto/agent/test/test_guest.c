/*
 * What the guest says of itself, its clock and entropy as far as a test may touch them, a
 * container's termination log, and the packet filter's programs (scripts of this test's here).
 */
#define _GNU_SOURCE
#include "agent/guest.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/rpc.h"
#include "core/test/check.h"

struct fix {
	struct agent agent;
	char dir[64];
	pthread_t thread;
};

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void put(const struct fix *f, const char *path, const char *content, size_t len)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	for (char *p = strchr(full + strlen(f->dir) + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(full, 0700);
		*p = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, len, file), len);
	fclose(file);
	assert_int_equal(chmod(full, 0700), 0);
}

static void *serve(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	*state = f;
	strcpy(f->dir, "/tmp/sampan-guest-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	strcpy(f->agent.config.run_dir, f->dir);
	if (loop_new(&f->agent.loop, &err) || reaper_new(&f->agent.reaper, f->agent.loop, &err))
		return -1;
	return pthread_create(&f->thread, NULL, serve, f->agent.loop);
}

static int remove_one(const char *path, const struct stat *st UNUSED, int kind UNUSED,
	struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fix *f = *state;
	int r;

	loop_quit(f->agent.loop);
	pthread_join(f->thread, NULL);
	reaper_free(f->agent.reaper);
	loop_free(f->agent.loop);
	r = nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return r;
}

/* --- details, clock, entropy ------------------------------------------------------------------ */

static bool among(char **names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void details(void **state)
{
	static const char *const storages[] = { "blk", "mmioblk", "local", "overlayfs",
		"watchable-bind", "virtio-fs", "ephemeral" };
	struct fix *f = *state;
	Grpc__GuestDetailsRequest request;
	Grpc__GuestDetailsResponse *r = malloc(sizeof(*r));
	Grpc__AgentDetails *d;

	grpc__guest_details_request__init(&request);
	grpc__guest_details_response__init(r);
	request.mem_block_size = request.mem_hotplug_probe = true;
	f->agent.config.init = true;
	assert_int_equal(rpc_get_guest_details(&f->agent, &request, r, NULL), 0);
	assert_true(r->mem_block_size_bytes > 0);
	d = r->agent_details;
	assert_string_equal(d->version, SAMPAN_VERSION);
	assert_true(d->init_daemon);
	assert_true(d->supports_seccomp);
	for (size_t i = 0; i < ARRAY_SIZE(storages); i++)
		assert_true(among(d->storage_handlers, d->n_storage_handlers, storages[i]));
	assert_true(among(d->device_handlers, d->n_device_handlers, "blk"));
	assert_true(among(d->extra_features, d->n_extra_features, "seccomp"));
	grpc__guest_details_response__free_unpacked(r, NULL);
}

static void clock_and_entropy(void **state)
{
	struct fix *f = *state;
	Grpc__SetGuestDateTimeRequest when;
	Grpc__ReseedRandomDevRequest seed;
	struct err err = { 0 };
	uint8_t bytes[1200] = { 1, 2, 3 };
	int r;

	grpc__set_guest_date_time_request__init(&when);
	when.sec = 1000;
	when.usec = 1000000;
	assert_int_equal(rpc_set_guest_date_time(&f->agent, &when, NULL, &err),
		TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "1000 s 1000000 us is no time");
	when.sec = -1;
	when.usec = 0;
	assert_int_equal(rpc_set_guest_date_time(&f->agent, &when, NULL, &err),
		TTRPC_INVALID_ARGUMENT);

	/* A guest's root may; a test only perhaps. */
	grpc__reseed_random_dev_request__init(&seed);
	seed.data.data = bytes;
	seed.data.len = sizeof(bytes);
	r = rpc_reseed_random_dev(&f->agent, &seed, NULL, &err);
	if (r) {
		assert_int_equal(r, -EPERM);
		assert_string_equal(err.msg, "add entropy to /dev/random: Operation not permitted");
	}
}

/* --- the termination log ---------------------------------------------------------------------- */

static int diagnose(struct fix *f, const char *type, const char *id, char **out, struct err *err)
{
	Grpc__GetDiagnosticDataRequest request;
	Grpc__GetDiagnosticDataResponse response;
	int r;

	grpc__get_diagnostic_data_request__init(&request);
	grpc__get_diagnostic_data_response__init(&response);
	request.log_type = text(type);
	request.container_id = text(id);
	*err = (struct err){ 0 };
	r = rpc_get_diagnostic_data(&f->agent, &request, &response, err);
	*out = r ? NULL : response.data;
	return r;
}

static void bundle(struct fix *f, const char *id, const char *annotations, const char *at,
	const char *file)
{
	char path[64], json[512];

	snprintf(path, sizeof(path), "agent/bundle/%s/config.json", id);
	snprintf(json, sizeof(json),
		"{\"annotations\":{%s},\"mounts\":[{\"destination\":\"/proc\"},"
		"{\"destination\":\"%s\",\"source\":\"%s/%s\"}]}",
		annotations, at, f->dir, file);
	put(f, path, json, strlen(json));
}

static void termination_log(void **state)
{
	struct fix *f = *state;
	struct err err;
	char *data;

	put(f, "log", "it ended \0 so \xff\xc3\xa9\n", 18);
	bundle(f, "c1", "", "/dev/termination-log", "log");
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), 0);
	assert_string_equal(data, "it ended   so ?\xc3\xa9\n");
	free(data);
	bundle(f, "c2", "\"io.kubernetes.container.terminationMessagePath\":\"/out\"", "/out",
		"log");
	assert_int_equal(diagnose(f, "termination-log", "c2", &data, &err), 0);
	free(data);
}

static void termination_log_that_is_not_there(void **state)
{
	struct fix *f = *state;
	char path[128];
	struct err err;
	char *data;

	assert_int_equal(diagnose(f, "dmesg", "c1", &data, &err), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(diagnose(f, "termination-log", "../c1", &data, &err),
		TTRPC_INVALID_ARGUMENT);
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), TTRPC_NOT_FOUND);
	bundle(f, "c1", "", "/elsewhere", "log");
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), TTRPC_NOT_FOUND);
	bundle(f, "c1", "", "/dev/termination-log", "fifo");
	snprintf(path, sizeof(path), "%s/fifo", f->dir);
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), -ELOOP);
	put(f, "agent/bundle/c1/config.json", "{", 1);
	assert_int_equal(diagnose(f, "termination-log", "c1", &data, &err), TTRPC_NOT_FOUND);
}

/* --- iptables --------------------------------------------------------------------------------- */

static void script(struct fix *f, const char *name, const char *body)
{
	char path[64], content[512];

	snprintf(path, sizeof(path), "bin/%s", name);
	snprintf(content, sizeof(content), "#!/bin/sh\n%s\n", body);
	put(f, path, content, strlen(content));
}

static int get_rules(struct fix *f, bool v6, char buf[256], struct err *err)
{
	Grpc__GetIPTablesRequest request;
	Grpc__GetIPTablesResponse *r = malloc(sizeof(*r));
	int rc;

	grpc__get_iptables_request__init(&request);
	grpc__get_iptables_response__init(r);
	request.is_ipv6 = v6;
	*err = (struct err){ 0 };
	rc = rpc_get_ip_tables(&f->agent, &request, r, err);
	snprintf(buf, 256, "%.*s", (int)MIN(r->data.len, 255U), (char *)r->data.data);
	grpc__get_iptables_response__free_unpacked(r, NULL);
	return rc;
}

static int set_rules(struct fix *f, bool v6, const char *rules, size_t len, struct err *err)
{
	Grpc__SetIPTablesRequest request;
	Grpc__SetIPTablesResponse *r = malloc(sizeof(*r));
	int rc;

	grpc__set_iptables_request__init(&request);
	grpc__set_iptables_response__init(r);
	request.is_ipv6 = v6;
	request.data.data = (uint8_t *)text(rules);
	request.data.len = len;
	*err = (struct err){ 0 };
	rc = rpc_set_ip_tables(&f->agent, &request, r, err);
	grpc__set_iptables_response__free_unpacked(r, NULL);
	return rc;
}

static void packet_filter(void **state)
{
	struct fix *f = *state;
	const char *old = getenv("PATH");
	char path[1024], buf[256];
	struct err err;
	size_t big = 300000;
	char *rules = malloc(big);

	snprintf(path, sizeof(path), "%s/nothing", f->dir);
	setenv("PATH", path, 1);
	assert_int_equal(get_rules(f, false, buf, &err), -ENOENT);

	snprintf(path, sizeof(path), "%s/bin:%s", f->dir, old);
	setenv("PATH", path, 1);
	script(f, "iptables-save", "echo '*filter'; echo COMMIT");
	script(f, "ip6tables-save", "echo six");
	script(f, "iptables-restore", "cat >${0%/*}/given");
	script(f, "ip6tables-restore", "printf 'line 1 failed\\nsee the help\\n' >&2; exit 2");
	assert_int_equal(get_rules(f, false, buf, &err), 0);
	assert_string_equal(buf, "*filter\nCOMMIT\n");
	assert_int_equal(get_rules(f, true, buf, &err), 0);
	assert_string_equal(buf, "six\n");
	memset(rules, 'r', big);
	if (set_rules(f, false, rules, big, &err))
		fail_msg("%s", err.msg);
	snprintf(buf, sizeof(buf), "%s/bin/given", f->dir);
	{
		struct stat st;

		assert_int_equal(stat(buf, &st), 0);
		assert_int_equal(st.st_size, big);
	}
	assert_int_equal(set_rules(f, false, NULL, 0, &err), 0);
	assert_int_equal(set_rules(f, true, "x", 1, &err), -EIO);
	assert_string_equal(err.msg, "ip6tables-restore: line 1 failed");
	script(f, "iptables-save", "head -c 4000000 /dev/zero | tr '\\0' x");
	assert_int_equal(get_rules(f, false, buf, &err), TTRPC_RESOURCE_EXHAUSTED);
	free(rules);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(details),
		T(clock_and_entropy),
		T(termination_log),
		T(termination_log_that_is_not_there),
		T(packet_filter),
	};
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	/* The reaper's thread is not this one. */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
