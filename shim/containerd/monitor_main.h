/* The other role of the shim's executable: a virtual machine's monitor. */
#ifndef SAMPAN_CONTAINERD_MONITOR_MAIN_H
#define SAMPAN_CONTAINERD_MONITOR_MAIN_H

#define MONITOR_NAME "sampan-monitor" /* of the process, 15 bytes at most */

/* id names the pod in the process list. Returns the exit status. */
int monitor_main(const char *id);

#endif
