/* See mounts.h. */
#define _GNU_SOURCE
#include "shim/containerd/mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#define PAGE 4096 /* what mount(2) takes as data */

static const struct {
	const char *word;
	unsigned long set, clear;
} words[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "bind", MS_BIND, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "defaults", 0, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
};

static bool take_flag(struct mount_flags *f, const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].word, option)) {
			f->flags |= words[i].set;
			f->flags &= ~words[i].clear;
			return true;
		}
	f->loop |= !strcmp(option, "loop");
	return !strcmp(option, "loop") || !strncmp(option, "X-", 2);
}

int mount_flags_parse(struct mount_flags *f, char *const *options, size_t n, struct err *err)
{
	size_t room = 1;
	char *to;

	*f = (struct mount_flags){ 0 };
	for (size_t i = 0; i < n; i++)
		room += strlen(options[i]) + 1;
	f->data = to = calloc(1, room);
	if (!f->data)
		return fail(err, -ENOMEM, "read the options of a mount");
	for (size_t i = 0; i < n; i++)
		if (*options[i] && !take_flag(f, options[i]))
			to += sprintf(to, "%s%s", to == f->data ? "" : ",", options[i]);
	return 0;
}

bool mount_has_option(char *const *options, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(options[i], word))
			return true;
	return false;
}

/* --- overlays of many layers: fsconfig(2) takes them one by one (Linux 6.8) --- */

static int set_option(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
		value, 0);
}

static int set_layers(int fs, char *layers)
{
	char *save = NULL;
	int rc = 0;

	for (char *p = strtok_r(layers, ":", &save); p && !rc; p = strtok_r(NULL, ":", &save))
		rc = set_option(fs, "lowerdir+", p);
	return rc;
}

static int set_options(int fs, char *data)
{
	char *save = NULL;
	int rc = 0;

	for (char *p = strtok_r(data, ",", &save); p && !rc; p = strtok_r(NULL, ",", &save)) {
		char *value = strchr(p, '=');

		if (value)
			*value++ = 0;
		rc = value && !strcmp(p, "lowerdir") ? set_layers(fs, value)
						     : set_option(fs, p, value);
	}
	return rc;
}

static int mount_long(const char *type, const char *target, struct mount_flags *f, struct err *err)
{
	AUTO_FD fs = (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */);
	AUTO_FD at = -1;

	if (fs < 0 || set_options(fs, f->data) ||
		syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return fail(err, -errno, "make an %s of many layers", type);
	at = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */,
		f->flags & MS_RDONLY ? 1 /* MOUNT_ATTR_RDONLY */ : 0);
	if (at < 0 ||
		syscall(SYS_move_mount, at, "", AT_FDCWD, target, 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
		return fail(err, -errno, "mount an %s on %s", type, target);
	return 0;
}

/* --- the rest --- */

/* A bind mount takes its flags in a second step. */
static int mount_two_steps(const char *source, const char *target, const struct mount_flags *f,
	struct err *err)
{
	unsigned long how = f->flags & (MS_BIND | MS_REC), flags = f->flags & ~MS_REC;

	if (mount(source, target, NULL, how, NULL))
		return fail(err, -errno, "bind %s on %s", source, target);
	if (flags == MS_BIND)
		return 0;
	return mount(NULL, target, NULL, flags | MS_REMOUNT, NULL)
		? fail(err, -errno, "bind %s on %s with its options", source, target)
		: 0;
}

static int mount_parsed(const char *type, const char *source, const char *target,
	struct mount_flags *f, struct err *err)
{
	if (f->flags & MS_BIND || !strcmp(type, "bind")) {
		f->flags |= MS_BIND;
		return mount_two_steps(source, target, f, err);
	}
	if (f->loop)
		return failx(err, -EOPNOTSUPP,
			"mount %s: a file system in a file is given to the guest as a disk, not "
			"mounted here",
			source);
	if (strlen(f->data) >= PAGE - 1)
		return mount_long(type, target, f, err);
	return mount(source, target, type, f->flags, f->data)
		? fail(err, -errno, "mount %s (%s) on %s", source, type, target)
		: 0;
}

int mount_one(const char *type, const char *source, const char *target, char *const *options,
	size_t n, struct err *err)
{
	struct mount_flags f;
	int rc = mount_flags_parse(&f, options, n, err);

	if (!rc)
		rc = mount_parsed(type, source, target, &f, err);
	free(f.data);
	return rc;
}

int mount_bind(const char *source, const char *target, bool readonly, struct err *err)
{
	unsigned long keep = 0;
	struct statvfs vfs;
	int rc;

	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL))
		return fail(err, -errno, "share %s", source);
	if (!readonly)
		return 0;
	if (!statvfs(target, &vfs))
		keep = (vfs.f_flag & ST_NOSUID ? MS_NOSUID : 0) |
			(vfs.f_flag & ST_NODEV ? MS_NODEV : 0) |
			(vfs.f_flag & ST_NOEXEC ? MS_NOEXEC : 0);
	if (!mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | keep, NULL))
		return 0;
	rc = fail(err, -errno, "share %s read-only", source);
	umount2(target, MNT_DETACH);
	return rc;
}
