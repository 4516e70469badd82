/*
 * How an RPC is written. Most are blocking functions run in a worker thread: they look at a
 * request, fill a response and know no call and no loop. Those that park, or that touch the tables
 * of containers and processes, are loop-thread handlers (ttrpc_handler); both kinds are listed in
 * service.c.
 *
 * A blocking function owns nothing of the request. What it stores in the response is malloc'ed,
 * since the response is freed with protobuf_c_message_free_unpacked(). It returns 0, or a positive
 * enum ttrpc_code with the sentence for the caller in err; a negative errno (from a fail()) means
 * TTRPC_INTERNAL with err's sentence.
 */
#ifndef SAMPAN_AGENT_RPC_H
#define SAMPAN_AGENT_RPC_H

#include "agent.pb-c.h"
#include "core/err.h"
#include "ttrpc/code.h"

struct agent;

typedef int rpc_blocking(struct agent *a, const void *request, void *response, struct err *err);

/* Sets the sentence and returns code. */
#define rpc_fail(err, code, ...) failx(err, code, __VA_ARGS__)

/* storage and files (storage.c, copyfile.c, volume.c, swap.c) */
rpc_blocking rpc_update_ephemeral_mounts, rpc_remove_stale_virtiofs_share_mounts, rpc_copy_file,
	rpc_get_volume_stats, rpc_add_swap, rpc_add_swap_path;

/* network (net.c and its parts) */
rpc_blocking rpc_update_interface, rpc_update_routes, rpc_list_interfaces, rpc_list_routes,
	rpc_add_arp_neighbors, rpc_get_ip_tables, rpc_set_ip_tables;

/* the guest (guest.c, hotplug.c, metrics.c) */
rpc_blocking rpc_get_guest_details, rpc_online_cpu_mem, rpc_mem_hotplug_by_probe,
	rpc_reseed_random_dev, rpc_set_guest_date_time, rpc_get_metrics, rpc_get_diagnostic_data;

#endif
