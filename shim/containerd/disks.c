/* See disks.h. */
#define _GNU_SOURCE
#include "shim/containerd/disks.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/log.h"
#include "shim/containerd/monitor.h"

/* In order of the guest's names: vda .. vdz, vdaa ... */
void disks_name(char name[16], unsigned index)
{
	if (index < 26)
		snprintf(name, 16, "/dev/vd%c", (char)('a' + index));
	else
		snprintf(name, 16, "/dev/vd%c%c", (char)('a' + index / 26 - 1),
			(char)('a' + index % 26));
}

static int open_disk(const char *path, bool readonly, struct stat *st, struct err *err)
{
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return fail(err, -errno, "open disk %s", path);
	if (!fstat(fd, st) && (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)))
		return fd;
	close(fd);
	return failx(err, -EINVAL, "disk %s is neither a file nor a block device", path);
}

/* One that holds the same, or a free one. */
static int find_slot(const struct disks *d, const struct stat *st, bool readonly)
{
	int slot = -ENOSPC;

	for (unsigned i = d->slots; i--;) {
		const struct disk_slot *s = &d->slot[i];

		if (s->users && s->dev == st->st_dev && s->ino == st->st_ino)
			return readonly && s->readonly ? (int)i : -EBUSY;
		if (!s->users && !s->busy)
			slot = (int)i;
	}
	return slot;
}

int disks_plug(struct disks *d, const char *path, bool readonly, unsigned *index,
	void (*done)(void *arg, int rc, const char *text), void *arg, struct err *err)
{
	struct wire_command command = { .op = WIRE_PLUG, .readonly = readonly };
	struct disk_slot *s;
	struct stat st;
	AUTO_FD fd = open_disk(path, readonly, &st, err);
	int slot = fd < 0 ? fd : find_slot(d, &st, readonly);

	if (fd < 0)
		return fd;
	if (slot == -EBUSY)
		return failx(err, slot, "disk %s is in use by another container of the pod", path);
	if (slot < 0)
		return failx(err, slot,
			"disk %s: the pod's %u slots are taken (disk_slots in the configuration)",
			path, d->slots);
	s = &d->slot[slot];
	*index = d->first + (unsigned)slot;
	command.slot = *index;
	snprintf(command.id, sizeof(command.id), "slot%d", slot);
	if (s->users) { /* nothing but its turn after what is under way */
		s->users++;
		done(arg, 0, "");
		return 0;
	}
	*s = (struct disk_slot){ 1, readonly, false, st.st_dev, st.st_ino };
	monitor_command(d->monitor, &command, fd, done, arg);
	return 0;
}

static void on_unplugged(void *arg, int rc, const char *text)
{
	struct disk_slot *s = arg;

	if (rc)
		log_warn("unplug a disk: %s", text);
	s->busy = false;
}

void disks_drop(struct disks *d, unsigned index)
{
	struct wire_command command = { .op = WIRE_UNPLUG, .slot = index };
	struct disk_slot *s = &d->slot[index - d->first];

	if (!s->users || --s->users)
		return;
	s->busy = true;
	monitor_command(d->monitor, &command, -1, on_unplugged, s);
}
