/*
 * QMP's words for what vm.h does; see vm_commands.h. Member names follow QEMU's qapi (run-state,
 * machine, misc), so that its clients understand them; x-query-devices is ours.
 */
#include "shim/qmp/vm_commands.h"

#include <stdio.h>

static const char *run_state(const struct vm_info *info)
{
	switch (info->state) {
	case VM_CREATED:
		return "prelaunch";
	case VM_RUNNING:
		return "running";
	case VM_PAUSED:
		return "paused";
	case VM_SUSPENDED:
		return "suspended";
	case VM_STOPPED:
		break;
	}
	if (info->end == VM_END_PANIC)
		return "guest-panicked";
	return info->end == VM_END_FAILED ? "internal-error" : "shutdown";
}

static int query_status(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	const struct qmp_vm *q = ctx;
	struct vm_info info;

	vm_query(q->vm, &info);
	*ret = json_pack("{s:s,s:b}", "status", run_state(&info), "running",
		info.state == VM_RUNNING);
	return *ret ? 0 : -ENOMEM;
}

static int query_name(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	const struct qmp_vm *q = ctx;
	struct vm_info info;

	vm_query(q->vm, &info);
	*ret = json_pack("{s:o}", "name", qmp_text(info.name ? info.name : ""));
	return *ret ? 0 : -ENOMEM;
}

static int query_kvm(void *ctx UNUSED, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	*ret = json_pack("{s:b,s:b}", "enabled", 1, "present", 1);
	return *ret ? 0 : -ENOMEM;
}

static json_t *describe_cpu(const struct vm_cpu_info *cpu)
{
	return json_pack("{s:i,s:i,s:s,s:{s:i}}", "cpu-index", (int)cpu->index, "thread-id",
		cpu->thread_id, "target", "riscv64", "props", "core-id", (int)cpu->index);
}

static json_t *describe_device(const struct vm_device_info *device)
{
	return json_pack("{s:o,s:o,s:I,s:i}", "id", qmp_text(device->id), "kind",
		qmp_text(device->kind), "address", (json_int_t)device->gpa, "irq",
		(int)device->irq);
}

/* The old form, of query-cpus: QEMU left it out in 5.0, Kata's runtime asks for it. */
static json_t *describe_cpu_long(const struct vm_cpu_info *cpu)
{
	char path[48];

	snprintf(path, sizeof(path), "/machine/unattached/device[%u]", cpu->index);
	return json_pack("{s:i,s:b,s:b,s:s,s:s,s:i,s:{s:i,s:i,s:i}}", "CPU", (int)cpu->index,
		"current", cpu->index == 0, "halted", 0, "qom_path", path, "arch", "riscv",
		"thread_id", cpu->thread_id, "props", "core-id", (int)cpu->index, "thread-id", 0,
		"socket-id", 0);
}

static int list_cpus(const struct qmp_vm *q, json_t *(*cpu_json)(const struct vm_cpu_info *),
	json_t **ret)
{
	struct vm_info info;

	vm_query(q->vm, &info);
	*ret = json_array();
	for (unsigned i = 0; i < info.cpus; i++) {
		struct vm_cpu_info cpu = { 0 };

		if (!vm_query_cpu(q->vm, i, &cpu) && json_array_append_new(*ret, cpu_json(&cpu)))
			return -ENOMEM;
	}
	return *ret ? 0 : -ENOMEM;
}

static int query_cpus(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	return list_cpus(ctx, describe_cpu_long, ret);
}

static int query_cpus_fast(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	return list_cpus(ctx, describe_cpu, ret);
}

static int query_devices(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	const struct qmp_vm *q = ctx;
	struct vm_info info;

	vm_query(q->vm, &info);
	*ret = json_array();
	for (unsigned i = 0; i < info.ndevices; i++) {
		struct vm_device_info device = { 0 };

		if (!vm_query_device(q->vm, i, &device) &&
			json_array_append_new(*ret, describe_device(&device)))
			return -ENOMEM;
	}
	return *ret ? 0 : -ENOMEM;
}

/* As clients expect, what is so already is no error. */
static int stop(void *ctx, json_t *args UNUSED, json_t **ret UNUSED, struct err *err)
{
	const struct qmp_vm *q = ctx;
	struct vm_info info;

	vm_query(q->vm, &info);
	return info.state == VM_PAUSED ? 0 : vm_pause(q->vm, err);
}

static int cont(void *ctx, json_t *args UNUSED, json_t **ret UNUSED, struct err *err)
{
	const struct qmp_vm *q = ctx;
	struct vm_info info;

	vm_query(q->vm, &info);
	return info.state == VM_RUNNING ? 0 : vm_resume(q->vm, err);
}

static int quit(void *ctx, json_t *args UNUSED, json_t **ret UNUSED, struct err *err UNUSED)
{
	struct qmp_vm *q = ctx;

	q->quitting = true;
	q->quit(q->arg);
	return 0;
}

static int system_reset(void *ctx, json_t *args UNUSED, json_t **ret UNUSED, struct err *err)
{
	struct qmp_vm *q = ctx;
	int rc;

	q->resetting = true;
	rc = vm_reset(q->vm, err);
	if (rc)
		q->resetting = false;
	return rc;
}

static int system_powerdown(void *ctx, json_t *args UNUSED, json_t **ret UNUSED, struct err *err)
{
	const struct qmp_vm *q = ctx;

	if (q->powerdown) {
		q->powerdown(q->arg);
		return 0;
	}
	return failx(err, -EOPNOTSUPP,
		"the machine has no power button: power off inside the guest, or send quit");
}

static int no_balloon(void *ctx UNUSED, json_t *args UNUSED, json_t **ret UNUSED, struct err *err)
{
	return failx(err, -ENOTCONN, "the machine has no balloon");
}

static int no_human(void *ctx UNUSED, json_t *args UNUSED, json_t **ret UNUSED, struct err *err)
{
	return failx(err, -EOPNOTSUPP,
		"there is no monitor for humans: send QMP commands (query-commands lists them)");
}

static const struct qmp_command commands[] = {
	{ "query-status", query_status, { { 0 } }, false },
	{ "query-name", query_name, { { 0 } }, false },
	{ "query-kvm", query_kvm, { { 0 } }, false },
	{ "query-cpus", query_cpus, { { 0 } }, false },
	{ "query-cpus-fast", query_cpus_fast, { { 0 } }, false },
	{ "query-balloon", no_balloon, { { 0 } }, false },
	{ "balloon", no_balloon, { { "value", false, JSON_INTEGER } }, false },
	{ "human-monitor-command", no_human, { { 0 } }, true },
	{ "x-query-devices", query_devices, { { 0 } }, false },
	{ "stop", stop, { { 0 } }, false },
	{ "cont", cont, { { 0 } }, false },
	{ "quit", quit, { { 0 } }, false },
	{ "system_reset", system_reset, { { 0 } }, false },
	{ "system_powerdown", system_powerdown, { { 0 } }, false },
};

struct qmp_table qmp_vm_table(struct qmp_vm *q)
{
	return (struct qmp_table){ commands, ARRAY_SIZE(commands), q };
}

static void tell(struct qmp_server *server, const char *event, bool guest, const char *reason)
{
	qmp_server_event(server, event, json_pack("{s:b,s:s}", "guest", guest, "reason", reason));
}

static void tell_shutdown(struct qmp_server *server, const struct qmp_vm *q, enum vm_end end)
{
	if (end == VM_END_POWEROFF)
		tell(server, "SHUTDOWN", true, "guest-shutdown");
	else
		tell(server, "SHUTDOWN", false, q->quitting ? "host-qmp-quit" : "host-signal");
}

/* A reboot that ends the machine is a shutdown whose reason is the reset. */
static void tell_reset(struct qmp_server *server, struct qmp_vm *q, bool over)
{
	tell(server, over ? "SHUTDOWN" : "RESET", !q->resetting,
		q->resetting ? "host-qmp-system-reset" : "guest-reset");
	q->resetting = false;
}

static void tell_panic(struct qmp_server *server, bool over)
{
	qmp_server_event(server, "GUEST_PANICKED",
		json_pack("{s:s}", "action", over ? "poweroff" : "run"));
	if (over)
		tell(server, "SHUTDOWN", true, "guest-panic");
}

void qmp_vm_event(struct qmp_server *server, struct qmp_vm *q, enum vm_event event)
{
	struct vm_info info;

	if (!server)
		return;
	vm_query(q->vm, &info);
	switch (event) {
	case VM_EVENT_SHUTDOWN:
		tell_shutdown(server, q, info.end);
		break;
	case VM_EVENT_RESET:
		tell_reset(server, q, info.state == VM_STOPPED);
		break;
	case VM_EVENT_PANIC:
		tell_panic(server, info.state == VM_STOPPED);
		break;
	case VM_EVENT_PAUSED:
		qmp_server_event(server, "STOP", NULL);
		break;
	case VM_EVENT_RESUMED:
		qmp_server_event(server, "RESUME", NULL);
		break;
	case VM_EVENT_SUSPENDED:
		qmp_server_event(server, "SUSPEND", NULL);
		break;
	case VM_EVENT_WAKEUP:
		qmp_server_event(server, "WAKEUP", NULL);
		break;
	case VM_EVENT_FAILED:
		tell(server, "SHUTDOWN", false, "host-error");
		break;
	}
}
