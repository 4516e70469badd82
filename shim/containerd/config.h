/*
 * The administrator's configuration: a JSON object in /etc/sampan/containerd.json, or in the file
 * or text that containerd's runtime options name. A key that is missing has its default; one that
 * is unknown, mistyped or out of range is refused by name. A pod's annotation io.sampan.KEY
 * overrides a key if "annotations" lists it. Owner: the shim.
 */
#ifndef SAMPAN_CONTAINERD_CONFIG_H
#define SAMPAN_CONTAINERD_CONFIG_H

#include <jansson.h>
#include "core/err.h"

#define CONFIG_PATH "/etc/sampan/containerd.json"

struct config {
	const char *kernel, *image, *initrd, *rootfs_type, *kernel_params;
	const char *virtiofsd, *virtiofsd_cache;
	unsigned vcpus, max_vcpus;
	unsigned memory, max_memory; /* MiB */
	unsigned disk_slots;
	unsigned boot_timeout, call_timeout; /* s */
	bool debug, seccomp, watch_config_maps, shared_files, hugepages;
	json_t *json; /* owns the texts */
};

/* Where it is: text (len bytes) if it is not NULL, else the file path; NULL: CONFIG_PATH, which may
 * be missing. */
struct config_source {
	const char *path, *text;
	size_t len;
};

int config_load(struct config *c, const struct config_source *from, struct err *err) MUST_USE;
void config_free(struct config *c);

/* What the pod's annotations ask for, as far as it is allowed. */
int config_annotate(struct config *c, const json_t *spec, struct err *err) MUST_USE;

/* What can be known of it without starting anything: files that are there, a kernel for this
 * architecture, a usable /dev/kvm. */
int config_check(const struct config *c, struct err *err) MUST_USE;

#endif
