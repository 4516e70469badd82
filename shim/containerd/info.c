/*
 * `-info`: what containerd 2.x asks each runtime before it uses it. The annotation says what
 * bootstrap.c says to newer ones: layers of the erofs snapshotter come to us as files.
 */
#include <stdio.h>
#include "containerd.pb-c.h"
#include "shim/containerd/start.h"
#include "shim/containerd/text.h"

#define RUNTIME "io.containerd.sampan.v2"

int info_run(void)
{
	Containerd__Types__RuntimeInfo info = FRESH(containerd__types__runtime_info);
	Containerd__Types__RuntimeVersion version = FRESH(containerd__types__runtime_version);
	Containerd__Types__RuntimeInfo__AnnotationsEntry mounts;
	Containerd__Types__RuntimeInfo__AnnotationsEntry *annotations[] = { &mounts };
	uint8_t data[512];
	size_t len;

	containerd__types__runtime_info__annotations_entry__init(&mounts);
	version.version = UNCONST(SAMPAN_VERSION);
	mounts.key = UNCONST("containerd.io/runtime-allow-mounts");
	mounts.value = UNCONST("mkdir/*,format/*,erofs");
	info.name = UNCONST(RUNTIME);
	info.version = &version;
	info.annotations = annotations;
	info.n_annotations = 1;
	if (containerd__types__runtime_info__get_packed_size(&info) > sizeof(data))
		return shim_error("the answer is too long");
	len = containerd__types__runtime_info__pack(&info, data);
	return fwrite(data, 1, len, stdout) == len && !fflush(stdout)
		? 0
		: shim_error("the answer could not be written");
}
