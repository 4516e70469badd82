/* The entropy device under any driver: see device.h. A low rate, so that requests wait. */
#include "virtio/fuzz/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	struct virtio_env env = world_new(&w);
	struct virtio_dev *dev = NULL;

	must(!virtio_rng_new(&dev, 100, &env, NULL));
	world_run(&w, dev, data, size);
	return 0;
}
