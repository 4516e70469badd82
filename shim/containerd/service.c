/* containerd's Task service, call by call; see task.h. */
#include "shim/containerd/task.h"

const struct ttrpc_method task_methods[] = {
	{ "State", serve_state },
	{ "Create", serve_create },
	{ "Start", serve_start },
	{ "Delete", serve_delete },
	{ "Pids", serve_pids },
	{ "Pause", serve_pause },
	{ "Resume", serve_resume },
	{ "Checkpoint", serve_checkpoint },
	{ "Kill", serve_kill },
	{ "Exec", serve_exec },
	{ "ResizePty", serve_resize_pty },
	{ "CloseIO", serve_close_io },
	{ "Update", serve_update },
	{ "Wait", serve_wait },
	{ "Stats", serve_stats },
	{ "Connect", serve_connect },
	{ "Shutdown", serve_shutdown },
};

const size_t task_nmethods = ARRAY_SIZE(task_methods);
