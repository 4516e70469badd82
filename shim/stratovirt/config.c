/*
 * From words to a machine; see config.h. Devices are taken in the order in which they were said,
 * which is the order of the guest's vdX and ethX names.
 */
#include "shim/stratovirt/config.h"

#include <stdio.h>
#include <string.h>
#include "core/log.h"

#define MEM_STEP 2 /* MiB: what RAM is a multiple of */

static const char *shown(const struct sv_device *d)
{
	return d->id ? d->id : d->driver;
}

/* Finds a part by id, for the device that refers to it; each part serves one device. */
#define TAKE(o, parts, count, ref, what, d, rc, err)                                               \
	({                                                                                         \
		__typeof__((o)->parts[0]) *part_ = NULL;                                           \
		for (unsigned i_ = 0; i_ < (o)->count && !part_; i_++)                             \
			if ((d)->ref && !strcmp((o)->parts[i_].id, (d)->ref))                      \
				part_ = &(o)->parts[i_];                                           \
		*(rc) = check_part((d), what, (d)->ref, part_, part_ && part_->used, err);         \
		if (part_)                                                                         \
			part_->used = true;                                                        \
		part_;                                                                             \
	})

static int check_part(const struct sv_device *d, const char *what, const char *ref,
	const void *part, bool used, struct err *err)
{
	if (!ref)
		return failx(err, -EINVAL, "-device %s: %s= is missing", shown(d), what);
	if (!part)
		return failx(err, -EINVAL, "-device %s: there is no %s \"%s\"", shown(d), what,
			ref);
	if (used)
		return failx(err, -EINVAL, "-device %s: %s \"%s\" is in use by another device",
			shown(d), what, ref);
	return 0;
}

static int once(bool present, const struct sv_device *d, struct err *err)
{
	return present ? failx(err, -EINVAL, "-device %s: one %s is possible", shown(d), d->driver)
		       : 0;
}

/* the devices */

/* Both names are the kernel's own generator, which the device asks. */
static int make_rng(struct sv_config *c, struct sv_options *o, const struct sv_device *d,
	struct err *err)
{
	int rc;
	const struct sv_object *object = TAKE(o, objects, nobjects, rng, "rng", d, &rc, err);

	if (!rc)
		rc = once(!c->vm.no_rng, d, err);
	if (rc)
		return rc;
	if (object->filename && strcmp(object->filename, "/dev/urandom") &&
		strcmp(object->filename, "/dev/random"))
		return failx(err, -EINVAL,
			"-object %s: filename \"%s\" is neither /dev/urandom nor /dev/random",
			object->id, object->filename);
	c->vm.no_rng = false;
	if (d->max_bytes) {
		uint64_t period = d->period_ms ? d->period_ms : 1000, rate;

		if (!mul_ok(d->max_bytes, 1000, &rate))
			rate = UINT64_MAX;
		c->vm.rng_rate = MAX(rate / period, 1);
	}
	return 0;
}

static int make_console(struct sv_config *c, struct sv_options *o, const struct sv_device *d,
	struct err *err)
{
	int rc;
	const struct sv_chardev *chardev = TAKE(o, chardevs, nchardevs, chardev, "chardev", d, &rc,
		err);

	if (!rc)
		rc = once(c->vm.nconsoles, d, err);
	if (rc)
		return rc;
	if (d->nr)
		return failx(err, -EINVAL, "-device %s: nr=%u: the one console is number 0",
			shown(d), d->nr);
	if (!chardev->server)
		return failx(err, -EINVAL,
			"-chardev %s: a console's socket is listened on: server is missing",
			chardev->id);
	c->consoles[c->vm.nconsoles++] = (struct vm_console){
		.chardev = { .kind = CHARDEV_SOCKET, .path = chardev->path, .fd = -1 }
	};
	return 0;
}

static int make_disk(struct sv_config *c, struct sv_options *o, const struct sv_device *d,
	struct err *err)
{
	unsigned i = c->vm.ndisks;
	int rc;
	const struct sv_drive *drive = TAKE(o, drives, ndrives, drive, "drive", d, &rc, err);

	if (rc)
		return rc;
	if (drive->direct)
		log_info("-drive %s: the host's page cache is used, direct=on is not heeded",
			drive->id);
	c->disks[i] = (struct vm_disk){ .path = drive->file,
		.fd = -1,
		.id = d->serial ? d->serial : drive->serial,
		.readonly = drive->readonly,
		.queues = d->queues,
		.io = drive->io };
	c->disk_names[i] = (struct sv_disk_name){ drive->id, d->id ? d->id : drive->id };
	c->vm.ndisks++;
	return 0;
}

static int make_net(struct sv_config *c, struct sv_options *o, const struct sv_device *d,
	struct err *err)
{
	unsigned i = c->vm.nnets;
	int rc;
	const struct sv_netdev *netdev = TAKE(o, netdevs, nnetdevs, netdev, "netdev", d, &rc, err);

	if (rc)
		return rc;
	snprintf(c->net_ids[i], sizeof(c->net_ids[i]), "%s", shown(d));
	c->nets[i] = netdev->net;
	c->nets[i].id = c->net_ids[i];
	memcpy(c->nets[i].mac, d->mac, sizeof(d->mac));
	c->vm.nnets++;
	return 0;
}

static int make_vsock(struct sv_config *c, struct sv_options *o UNUSED, const struct sv_device *d,
	struct err *err)
{
	int rc = once(c->vm.vsock.present, d, err);

	if (rc)
		return rc;
	if (!d->cid)
		return failx(err, -EINVAL, "-device %s: guest-cid= is missing", shown(d));
	c->vm.vsock = (struct vm_vsock){ .present = true, .cid = d->cid, .vhost_fd = d->vhostfd };
	return 0;
}

/* The socket is the back end's, whatever the chardev says of server. */
static int make_fs(struct sv_config *c, struct sv_options *o, const struct sv_device *d,
	struct err *err)
{
	int rc;
	const struct sv_chardev *chardev = TAKE(o, chardevs, nchardevs, chardev, "chardev", d, &rc,
		err);

	if (rc)
		return rc;
	if (!d->tag || strlen(d->tag) > 36)
		return failx(err, -EINVAL, "-device %s: tag= %s", shown(d),
			d->tag ? "has more than 36 bytes" : "is missing");
	c->filesystems[c->vm.nfilesystems++] = (struct vm_fs){ .socket = chardev->path,
		.fd = -1,
		.tag = d->tag };
	c->vm.mem.shared = true;
	return 0;
}

/* A bus for consoles, nothing by itself. */
static int make_nothing(struct sv_config *c UNUSED, struct sv_options *o UNUSED,
	const struct sv_device *d UNUSED, struct err *err UNUSED)
{
	return 0;
}

static int make_devices(struct sv_config *c, struct sv_options *o, struct err *err)
{
	static int (*const make[])(struct sv_config *, struct sv_options *,
		const struct sv_device *, struct err *) = {
		[SV_RNG] = make_rng,
		[SV_SERIAL] = make_nothing,
		[SV_CONSOLE] = make_console,
		[SV_BLK] = make_disk,
		[SV_NET] = make_net,
		[SV_VSOCK] = make_vsock,
		[SV_FS] = make_fs,
	};
	int rc = 0;

	for (unsigned i = 0; i < o->ndevices && !rc; i++)
		rc = make[o->devices[i].kind](c, o, &o->devices[i], err);
	return rc;
}

/* what holds between parts */

static int check_ids(const struct sv_options *o, struct err *err)
{
	for (unsigned i = 0; i < o->ndevices; i++)
		for (unsigned j = 0; j < i; j++)
			if (o->devices[i].id && o->devices[j].id &&
				!strcmp(o->devices[i].id, o->devices[j].id))
				return failx(err, -EINVAL, "-device: the id \"%s\" is given twice",
					o->devices[i].id);
	for (unsigned i = 0; i < o->ndrives; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(o->drives[i].id, o->drives[j].id))
				return failx(err, -EINVAL, "-drive: the id \"%s\" is given twice",
					o->drives[i].id);
	for (unsigned i = 0; i < o->nchardevs; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(o->chardevs[i].id, o->chardevs[j].id))
				return failx(err, -EINVAL, "-chardev: the id \"%s\" is given twice",
					o->chardevs[i].id);
	for (unsigned i = 0; i < o->nnetdevs; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(o->netdevs[i].id, o->netdevs[j].id))
				return failx(err, -EINVAL, "-netdev: the id \"%s\" is given twice",
					o->netdevs[i].id);
	return 0;
}

/* A part that no device uses is a slip of the caller's. An unused object is a source of entropy
 * that nobody asks. */
static int check_used(const struct sv_options *o, struct err *err)
{
	for (unsigned i = 0; i < o->ndrives; i++)
		if (!o->drives[i].used)
			return failx(err, -EINVAL, "-drive %s: no device uses it", o->drives[i].id);
	for (unsigned i = 0; i < o->nchardevs; i++)
		if (!o->chardevs[i].used)
			return failx(err, -EINVAL, "-chardev %s: no device uses it",
				o->chardevs[i].id);
	for (unsigned i = 0; i < o->nnetdevs; i++)
		if (!o->netdevs[i].used)
			return failx(err, -EINVAL, "-netdev %s: no device uses it",
				o->netdevs[i].id);
	return 0;
}

/* Each inherited descriptor is taken over by one device. */
static int use_fd(int *used, unsigned *n, int fd, const char *whose, struct err *err)
{
	for (unsigned i = 0; i < *n; i++)
		if (used[i] == fd)
			return failx(err, -EINVAL, "%s: descriptor %d is given twice", whose, fd);
	used[(*n)++] = fd;
	return 0;
}

static int check_fds(struct sv_config *c, struct err *err)
{
	int *used = c->fds, rc = 0;
	unsigned n = 0;

	if (c->vm.vsock.present && c->vm.vsock.vhost_fd >= 0)
		rc = use_fd(used, &n, c->vm.vsock.vhost_fd, "vhostfd", err);
	for (unsigned i = 0; i < c->vm.nnets; i++)
		for (unsigned q = 0; q < c->nets[i].nfds && !rc; q++)
			rc = use_fd(used, &n, c->nets[i].fds[q], c->nets[i].id, err);
	c->nfds = n;
	return rc;
}

/* Slots for what is plugged later, counted with the disks of the start. */
static int give_slots(struct sv_config *c, const struct sv_options *o, struct err *err)
{
	unsigned others = c->vm.nnets + c->vm.nfilesystems + c->vm.nconsoles + c->vm.vsock.present +
		!c->vm.no_rng;
	unsigned room = others < VM_MAX_VIRTIO ? VM_MAX_VIRTIO - others : 0;
	unsigned slots = o->disk_slots ? o->disk_slots : MIN(SV_DISK_SLOTS, room);

	if (slots > room)
		return failx(err, -E2BIG, "-machine disk-slots=%u: there is room for %u", slots,
			room);
	c->vm.disk_slots = slots > c->vm.ndisks ? slots - c->vm.ndisks : 0;
	return 0;
}

int sv_config_make(struct sv_config *c, struct sv_options *o, struct err *err)
{
	uint64_t mib = ALIGN_UP(o->mem_mib, MEM_STEP);
	int rc;

	*c = (struct sv_config){ .vm = { .name = o->name,
					 .kernel = o->kernel,
					 .initrd = o->initrd,
					 .append = o->append,
					 .cpus = o->cpus,
					 .max_cpus = o->max_cpus,
					 .mem_size = mib * MiB,
					 .mem = { .shared = o->mem_share },
					 .serial = o->serial,
					 .no_sbi_console = o->serial.kind == CHARDEV_NONE,
					 .no_rng = true } };
	c->vm.disks = c->disks;
	c->vm.nets = c->nets;
	c->vm.consoles = c->consoles;
	c->vm.filesystems = c->filesystems;
	c->vm.vsock.vhost_fd = -1;
	if (mib != o->mem_mib)
		log_info("-m %llu: rounded up to %llu MiB", (unsigned long long)o->mem_mib,
			(unsigned long long)mib);
	rc = check_ids(o, err);
	if (!rc)
		rc = make_devices(c, o, err);
	if (!rc)
		rc = check_used(o, err);
	if (!rc)
		rc = check_fds(c, err);
	return rc ? rc : give_slots(c, o, err);
}
