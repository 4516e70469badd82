/* What the kernel's command line and the options say, and what is made of nonsense. */
#include <string.h>
#include "core/test/check.h"
#include "agent/config.h"

static void defaults(void **state UNUSED)
{
	struct agent_config c;

	agent_config_init(&c, "");
	assert_string_equal(c.server, "vsock://-1:1024");
	assert_string_equal(c.run_dir, "/run/kata-containers");
	assert_int_equal(c.hotplug_timeout_ms, 3000);
	assert_int_equal(c.log_level, LOG_WARN);
	assert_false(c.debug_console || c.dev_mode || c.init);
	assert_int_equal(c.log_port | c.relay_port | c.debug_console_port | c.pipe_size, 0);
}

/* As a runtime writes it, between words that are not ours. */
static void words(void **state UNUSED)
{
	struct agent_config c;

	agent_config_init(&c,
		"root=/dev/vda1 ro agent.log=debug quiet agent.debug_console "
		"agent.debug_console_vport=1026 agent.log_vport=1025 agent.hotplug_timeout=500ms "
		"agent.relay_vport=1027 "
		"agent.launch_process_timeout=6 agent.container_pipe_size=65536 "
		"agent.server_addr=unix:///run/agent.sock agent.unified_cgroup_hierarchy=true "
		"agent.devmode=false panic=1\n");
	assert_int_equal(c.log_level, LOG_DEBUG);
	assert_true(c.debug_console);
	assert_false(c.dev_mode);
	assert_int_equal(c.debug_console_port, 1026);
	assert_int_equal(c.log_port, 1025);
	assert_int_equal(c.relay_port, 1027);
	assert_int_equal(c.hotplug_timeout_ms, 500);
	assert_int_equal(c.launch_timeout_ms, 6000);
	assert_int_equal(c.pipe_size, 65536);
	assert_string_equal(c.server, "unix:///run/agent.sock");
}

/* Each leaves its default. */
static void nonsense(void **state UNUSED)
{
	static const char *const lines[] = {
		"agent.log_vport=99999999999999999999",
		"agent.log_vport=12x",
		"agent.log_vport=-1",
		"agent.log_vport=",
		"agent.log_vport",
		"agent.",
		"agent.log=loud",
		"agent.devmode=perhaps",
		"agent.hotplug_timeout=5000000000",
		"agent.hotplug_timeout=5000000",
		"agent.hotplug_timeout=3m",
		"xagent.log_vport=5 agent.no_such=1",
	};
	struct agent_config c, plain;

	agent_config_init(&plain, "");
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		agent_config_init(&c, lines[i]);
		if (memcmp(&c, &plain, sizeof(c)) != 0)
			fail_msg("\"%s\" has changed something", lines[i]);
	}
}

static void too_long(void **state UNUSED)
{
	char line[600] = "agent.server_addr=";
	struct agent_config c;

	memset(line + strlen(line), 'a', 140);
	agent_config_init(&c, line);
	assert_string_equal(c.server, "vsock://-1:1024");
	memset(line, 'a', sizeof(line) - 1);
	memcpy(line + sizeof(line) - 30, " agent.log_vport=7", 18);
	line[sizeof(line) - 12] = 0;
	agent_config_init(&c, line);
	assert_int_equal(c.log_port, 7);
}

static void options(void **state UNUSED)
{
	char *good[] = { (char[]){ "x" }, (char[]){ "--listen" }, (char[]){ "unix:///a" },
		(char[]){ "--crun" }, (char[]){ "/b/crun" } };
	char *unknown[] = { good[0], (char[]){ "--no-such" }, good[2] };
	struct agent_config c;
	struct err err;

	agent_config_init(&c, "agent.server_addr=unix:///other");
	assert_int_equal(agent_config_options(&c, 5, good, &err), 0);
	assert_string_equal(c.server, "unix:///a");
	assert_string_equal(c.crun, "/b/crun");
	assert_int_equal(agent_config_options(&c, 3, unknown, &err), -EINVAL);
	assert_string_equal(err.msg, "--no-such: no such option");
	assert_int_equal(agent_config_options(&c, 2, good, &err), -EINVAL);
	assert_string_equal(err.msg, "--listen wants a value");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(words),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(too_long),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
