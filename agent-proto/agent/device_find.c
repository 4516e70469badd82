/*
 * /sys/class/block has one symlink for each block device, and its target names everything the
 * device hangs below; so a disk is found by comparing paths, wherever its host bridge is in the
 * tree. The node is the kernel's (devtmpfs), made before the uevent is sent.
 */
#define _GNU_SOURCE
#include "agent/device_find.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/uevent.h"

const struct device_places device_places = { "/sys", "/dev" };

struct search {
	const struct device_places *at;
	const char *name;
	const char *seen; /* what was there of it, for the sentence */
	struct disk found;
};

/* One word of a file below sys/class/block; false when it can't be read. */
static bool read_word(const struct search *s, const char *disk, const char *file, char *buf,
	size_t len)
{
	char path[PATH_MAX];
	AUTO_FD fd = -1;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/class/block/%s/%s", s->at->sys, disk, file) >=
		sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, len - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/* The block device of this name in sysfs, with a size and a node. */
static bool look_at(struct search *s, const char *disk)
{
	struct disk *d = &s->found;
	char word[64], node[PATH_MAX];
	struct stat st;

	if (!read_word(s, disk, "dev", word, sizeof(word)) ||
		sscanf(word, "%" SCNu32 ":%" SCNu32, &d->major, &d->minor) != 2)
		return false;
	s->seen = "it has no size yet";
	if (!read_word(s, disk, "size", word, sizeof(word)) || !strtoull(word, NULL, 10))
		return false;
	s->seen = "its node is missing";
	if ((size_t)snprintf(node, sizeof(node), "%s/%s", s->at->dev, disk) >= sizeof(d->node))
		return false;
	strcpy(d->node, node);
	return !stat(node, &st) && S_ISBLK(st.st_mode) && st.st_rdev == makedev(d->major, d->minor);
}

/* "SS" or "SS.F" in hex, against the device part of "DDDD:BB:SS.F". Moves *slots behind it. */
static bool slot_matches(const char **slots, const char *pci, size_t len)
{
	unsigned long slot, function = 0;
	unsigned have_slot, have_function;
	char *end;

	if (!isxdigit((unsigned char)**slots))
		return false;
	slot = strtoul(*slots, &end, 16);
	if (*end == '.' && isxdigit((unsigned char)end[1]))
		function = strtoul(end + 1, &end, 16);
	*slots = end;
	return slot <= 0x1f && function <= 7 && len == 12 &&
		sscanf(pci + 8, "%2x.%1x", &have_slot, &have_function) == 2 && have_slot == slot &&
		have_function == function;
}

static bool is_pci_device(const char *name, size_t len)
{
	return len == 12 && name[4] == ':' && name[7] == ':' && name[10] == '.';
}

bool pci_path_matches(const char *sysfs, const char *slots)
{
	static const char *const root = "/pci0000:00/";
	const char *p = strstr(sysfs, root);

	if (!p || !*slots)
		return false;
	for (p += strlen(root); *slots;) {
		size_t len = strcspn(p, "/");

		if (!is_pci_device(p, len) || !slot_matches(&slots, p, len))
			return false;
		p += len;
		p += *p == '/';
		if (*slots && (*slots++ != '/' || !*slots))
			return false;
	}
	return !is_pci_device(p, strcspn(p, "/"));
}

static bool is_below(const char *sysfs, const char *device)
{
	size_t n = strlen(device);

	for (const char *p = sysfs; (p = strstr(p, device)); p++)
		if (p > sysfs && p[-1] == '/' && p[n] == '/')
			return true;
	return false;
}

static bool is_pci_name(const char *name)
{
	return isxdigit((unsigned char)name[0]) &&
		name[strspn(name, "0123456789abcdefABCDEF./")] == '\0';
}

/* Partitions hang below their disk and have its path and more. */
static bool is_whole_disk(const char *sysfs, const char *disk)
{
	const char *p = strstr(sysfs, "/block/");

	return p && !strcmp(p + strlen("/block/"), disk);
}

static bool search_sysfs(struct search *s)
{
	char dir[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	ssize_t n;
	DIR *d;
	int fd;

	snprintf(dir, sizeof(dir), "%s/class/block", s->at->sys);
	d = opendir(dir);
	fd = d ? dirfd(d) : -1;
	while (fd >= 0 && !found && (entry = readdir(d))) {
		n = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (is_whole_disk(target, entry->d_name) &&
			(is_pci_name(s->name) ? pci_path_matches(target, s->name)
					      : is_below(target, s->name)))
			found = look_at(s, entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static bool ready(void *arg)
{
	struct search *s = arg;

	s->seen = "there is no such device";
	return s->name[0] == '/' ? look_at(s, s->name + strlen("/dev/")) : search_sysfs(s);
}

/* "/dev/NAME" without further slashes, or a name as is; nothing that leads elsewhere in sysfs. */
static bool is_sane(const char *name)
{
	const char *node = !strncmp(name, "/dev/", 5) ? name + 5 : name;

	if (!*node || strlen(node) > 60 || strstr(node, ".."))
		return false;
	return node == name ? name[0] != '/' && (is_pci_name(name) || !strchr(name, '/'))
			    : !strchr(node, '/');
}

int disk_find(struct disk *out, const struct device_places *at, struct uevents *u, const char *name,
	unsigned timeout_ms, struct err *err)
{
	struct search s = { .at = at, .name = name };

	if (!is_sane(name))
		return failx(err, -EINVAL, "%s names no disk", name);
	if (uevents_wait(u, ready, &s, timeout_ms))
		return failx(err, -ETIMEDOUT, "the disk %s did not appear in %u ms: %s", name,
			timeout_ms, s.seen);
	*out = s.found;
	return 0;
}
