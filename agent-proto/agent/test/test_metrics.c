/* The metrics of this machine and this process, in the form that a scraper reads. */
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "agent/agent.h"
#include "agent/rpc.h"

static Grpc__Metrics *metrics(struct agent *a)
{
	Grpc__Metrics *m = malloc(sizeof(*m));
	struct err err = { 0 };

	assert_non_null(m);
	grpc__metrics__init(m);
	assert_int_equal(rpc_get_metrics(a, NULL, m, &err), 0);
	return m;
}

/* A line is a comment, or "name{labels} value" with a number, under a TYPE of that name. */
static void check_line(const char *line, const char *family)
{
	size_t name = strcspn(line, "{ ");
	const char *space = strrchr(line, ' ');
	char *end;

	if (*line == '#')
		return;
	if (strlen(family) != name || strncmp(line, family, name))
		fail_msg("not in the family %s: %s", family, line);
	assert_non_null(space);
	assert_false(line[name] == '{' && space[-1] != '}');
	strtod(space + 1, &end);
	if (end == space + 1 || *end)
		fail_msg("no number: %s", line);
}

static void test_form(void **state)
{
	static const char *const wanted[] = { "kata_agent_io_stat", "kata_agent_proc_stat",
		"kata_agent_proc_status", "kata_agent_scrape_count", "kata_agent_threads",
		"kata_agent_total_rss", "kata_agent_total_time", "kata_agent_total_vm",
		"kata_guest_cpu_time", "kata_guest_load", "kata_guest_meminfo",
		"kata_guest_netdev_stat", "kata_guest_tasks", "kata_guest_vm_stat" };
	struct agent a = { 0 };
	Grpc__Metrics *m = metrics(&a);
	char *rest = m->metrics, *line, family[64] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		char type[96];

		snprintf(type, sizeof(type), "# TYPE %s ", wanted[i]);
		if (!strstr(m->metrics, type))
			fail_msg("no %s", wanted[i]);
	}
	while ((line = strsep(&rest, "\n")) && *line) {
		sscanf(line, "# TYPE %63s", family);
		check_line(line, family);
	}
	grpc__metrics__free_unpacked(m, NULL);
}

static uint64_t value(const Grpc__Metrics *m, const char *name)
{
	const char *at = strstr(m->metrics, name);

	if (!at)
		fail_msg("no %s", name);
	return strtoull(at + strlen(name), NULL, 10);
}

static void test_values(void **state)
{
	struct agent a = { 0 };
	Grpc__Metrics *m = metrics(&a);

	(void)state;
	assert_int_equal(value(m, "\nkata_agent_scrape_count "), 1);
	assert_in_range(value(m, "\nkata_agent_threads "), 1, 64);
	assert_in_range(value(m, "\nkata_agent_total_rss "), MiB, 4 * GiB);
	assert_int_equal(value(m, "{item=\"mem_total\"} "),
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
	assert_true(value(m, "{cpu=\"total\",item=\"user\"} ") > 0);
	assert_true(value(m, "{item=\"pgfault\"} ") > 0);
	assert_true(value(m, "{item=\"vmrss\"} ") > 1024);
	value(m, "{interface=\"lo\",item=\"sent_compressed\"} ");
	grpc__metrics__free_unpacked(m, NULL);
	m = metrics(&a);
	assert_int_equal(value(m, "\nkata_agent_scrape_count "), 2);
	grpc__metrics__free_unpacked(m, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
