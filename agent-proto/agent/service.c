/*
 * Two tables: handlers, which run in the loop thread, and blocking functions (rpc.h), which one
 * handler runs as an operation, found by the method's name. What is in neither answers
 * UNIMPLEMENTED. See service.h.
 */
#include "agent/service.h"

#include <string.h>
#include "agent/rpc.h"
#include "agent/sandbox.h"
#include "health.pb-c.h"

#define PROTOCOL_VERSION "0.0.1" /* what agents of this protocol have always said */

struct blocking {
	const char *name;
	rpc_blocking *fn;
};

static const struct blocking blocking[] = {
	{ "UpdateEphemeralMounts", rpc_update_ephemeral_mounts },
	{ "RemoveStaleVirtiofsShareMounts", rpc_remove_stale_virtiofs_share_mounts },
	{ "CopyFile", rpc_copy_file },
	{ "GetVolumeStats", rpc_get_volume_stats },
	{ "AddSwap", rpc_add_swap },
	{ "AddSwapPath", rpc_add_swap_path },
	{ "UpdateInterface", rpc_update_interface },
	{ "UpdateRoutes", rpc_update_routes },
	{ "ListInterfaces", rpc_list_interfaces },
	{ "ListRoutes", rpc_list_routes },
	{ "AddARPNeighbors", rpc_add_arp_neighbors },
	{ "GetIPTables", rpc_get_ip_tables },
	{ "SetIPTables", rpc_set_ip_tables },
	{ "GetGuestDetails", rpc_get_guest_details },
	{ "OnlineCPUMem", rpc_online_cpu_mem },
	{ "MemHotplugByProbe", rpc_mem_hotplug_by_probe },
	{ "ReseedRandomDev", rpc_reseed_random_dev },
	{ "SetGuestDateTime", rpc_set_guest_date_time },
	{ "GetMetrics", rpc_get_metrics },
	{ "GetDiagnosticData", rpc_get_diagnostic_data },
};

static int run_blocking(struct operation *op, struct err *err)
{
	const char *name = ttrpc_call_method(op->call)->name;

	for (size_t i = 0; i < ARRAY_SIZE(blocking); i++)
		if (!strcmp(blocking[i].name, name))
			return blocking[i].fn(op->a, op->request, op->response, err);
	return rpc_fail(err, TTRPC_UNIMPLEMENTED, "%s is not known", name);
}

static void serve_blocking(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct operation *op = operation_new(arg, NULL, call, message);

	if (!op)
		return;
	op->run = run_blocking;
	operation_start(op);
}

static void serve_check(void *arg UNUSED, struct ttrpc_call *call,
	const ProtobufCMessage *message UNUSED)
{
	Grpc__HealthCheckResponse response = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	response.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &response.base);
}

static void serve_version(void *arg UNUSED, struct ttrpc_call *call,
	const ProtobufCMessage *message UNUSED)
{
	char protocol[] = PROTOCOL_VERSION, version[] = SAMPAN_VERSION;
	Grpc__VersionCheckResponse response;

	grpc__version_check_response__init(&response);
	response.grpc_version = protocol;
	response.agent_version = version;
	ttrpc_reply(call, &response.base);
}

static const struct ttrpc_method health_methods[] = {
	{ "Check", serve_check },
	{ "Version", serve_version },
};

static const struct ttrpc_method agent_methods[] = {
	{ "CreateSandbox", serve_create_sandbox },
	{ "DestroySandbox", serve_destroy_sandbox },
	{ "CreateContainer", serve_create_container },
	{ "StartContainer", serve_start_container },
	{ "RemoveContainer", serve_remove_container },
	{ "ExecProcess", serve_exec_process },
	{ "SignalProcess", serve_signal_process },
	{ "WaitProcess", serve_wait_process },
	{ "UpdateContainer", serve_update_container },
	{ "StatsContainer", serve_stats_container },
	{ "PauseContainer", serve_pause_container },
	{ "ResumeContainer", serve_resume_container },
	{ "WriteStdin", serve_write_stdin },
	{ "ReadStdout", serve_read_stdout },
	{ "ReadStderr", serve_read_stderr },
	{ "CloseStdin", serve_close_stdin },
	{ "TtyWinResize", serve_tty_win_resize },
	{ "GetOOMEvent", serve_get_oom_event },
	{ "UpdateEphemeralMounts", serve_blocking },
	{ "RemoveStaleVirtiofsShareMounts", serve_blocking },
	{ "CopyFile", serve_blocking },
	{ "GetVolumeStats", serve_blocking },
	{ "AddSwap", serve_blocking },
	{ "AddSwapPath", serve_blocking },
	{ "UpdateInterface", serve_blocking },
	{ "UpdateRoutes", serve_blocking },
	{ "ListInterfaces", serve_blocking },
	{ "ListRoutes", serve_blocking },
	{ "AddARPNeighbors", serve_blocking },
	{ "GetIPTables", serve_blocking },
	{ "SetIPTables", serve_blocking },
	{ "GetGuestDetails", serve_blocking },
	{ "OnlineCPUMem", serve_blocking },
	{ "MemHotplugByProbe", serve_blocking },
	{ "ReseedRandomDev", serve_blocking },
	{ "SetGuestDateTime", serve_blocking },
	{ "GetMetrics", serve_blocking },
	{ "GetDiagnosticData", serve_blocking },
};

const struct ttrpc_service *agent_services(void)
{
	static const struct ttrpc_service services[AGENT_SERVICES] = {
		{ &grpc__health__descriptor, health_methods, ARRAY_SIZE(health_methods) },
		{ &grpc__agent_service__descriptor, agent_methods, ARRAY_SIZE(agent_methods) },
	};

	return services;
}
