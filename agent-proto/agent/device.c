/* A container's devices, as the runtime plugged them; disks only. See device.h and device_find.h.
 */
#include "agent/device.h"

#include <string.h>

#include "agent/device_find.h"

const char *const *device_drivers(void)
{
	static const char *const drivers[] = { "blk", "mmioblk", NULL };

	return drivers;
}

static bool is_known(const char *type)
{
	for (const char *const *d = device_drivers(); *d; d++)
		if (!strcmp(*d, type))
			return true;
	return false;
}

/* blk: id is the PCI path and vm_path a guess of the runtime's; mmioblk: vm_path is the node, which
 * id repeats. */
static const char *disk_name(const Grpc__Device *d)
{
	const char *first = strcmp(d->type, "blk") ? d->vm_path : d->id;
	const char *second = strcmp(d->type, "blk") ? d->id : d->vm_path;

	return *first ? first : second;
}

static int find_one(struct uevents *u, const struct agent_config *config, const Grpc__Device *d,
	struct spec_device *out, struct err *err)
{
	struct disk disk;
	int rc;

	if (!is_known(d->type))
		return failx(err, -EINVAL, "a device of type \"%s\" is not supported", d->type);
	if (d->container_path[0] != '/')
		return failx(err, -EINVAL, "the device %s has no path in the container",
			disk_name(d));
	rc = disk_find(&disk, &device_places, u, disk_name(d), config->hotplug_timeout_ms, err);
	if (rc)
		return rc;
	*out = (struct spec_device){ d->container_path, 'b', disk.major, disk.minor };
	return 0;
}

int devices_find(struct uevents *u, const struct agent_config *config, Grpc__Device *const *list,
	size_t n, struct spec_device *out, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = find_one(u, config, list[i], &out[i], err);

		if (rc)
			return err_prefix(err, rc, "device %s", list[i]->container_path);
	}
	return 0;
}
