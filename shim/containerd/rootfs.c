/* See rootfs.h. The templates are those of containerd's mount manager (core/mount). */
#include "shim/containerd/rootfs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "shim/containerd/mounts.h"

static bool has(const struct rootfs_mount *m, const char *option)
{
	return mount_has_option(m->options, m->noptions, option);
}

static bool is_block_device(const char *path)
{
	struct stat st;

	return *path == '/' && !stat(path, &st) && S_ISBLK(st.st_mode);
}

static bool is_disk(const struct rootfs_mount *m)
{
	if (!strcmp(m->type, "bind") || !strcmp(m->type, "overlay") || has(m, "bind") ||
		has(m, "rbind"))
		return false;
	return has(m, "loop") || !strcmp(m->type, "erofs") || is_block_device(m->source);
}

static struct rootfs_disk as_disk(const struct rootfs_mount *m)
{
	return (struct rootfs_disk){ m->source, m->type, has(m, "ro") || !strcmp(m->type, "erofs"),
		m->options, m->noptions };
}

/* "format/mkdir/overlay": the last word is the type, those before are what is to be done first. */
static const char *last_word(const char *type)
{
	const char *slash = strrchr(type, '/');

	return slash ? slash + 1 : type;
}

/* --- templates --- */

struct template
{
	unsigned first, last; /* entries of the list, first .. last in either direction */
	const char *rest;     /* behind the braces */
};

static bool read_number(const char **p, unsigned *n)
{
	size_t digits;

	*p += strspn(*p, " \t");
	digits = strspn(*p, "0123456789");
	if (!digits || digits > 4)
		return false;
	*n = (unsigned)strtoul(*p, NULL, 10);
	*p += digits;
	return true;
}

/* "{{ mount N }}" or "{{ overlay A B }}" at text. */
static bool read_template(const char *text, struct template *t)
{
	const char *p = text;
	bool overlay;

	if (strncmp(p, "{{", 2) != 0)
		return false;
	p += 2;
	p += strspn(p, " \t");
	overlay = !strncmp(p, "overlay ", 8);
	if (!overlay && strncmp(p, "mount ", 6) != 0)
		return false;
	p += overlay ? 8 : 6;
	if (!read_number(&p, &t->first))
		return false;
	t->last = t->first;
	if (overlay && !read_number(&p, &t->last))
		return false;
	p += strspn(p, " \t");
	if (strncmp(p, "}}", 2) != 0)
		return false;
	t->rest = p + 2;
	return true;
}

static int bad_template(const char *option, struct err *err)
{
	return failx(err, -EINVAL, "the root file system's option \"%.120s\" is not understood",
		option);
}

/* lowerdir=TEMPLATE[:TEMPLATE...] */
static int take_lower(struct rootfs_plan *plan, const char *option, struct err *err)
{
	const char *p = strchr(option, '=') + 1;

	while (*p) {
		struct template t;

		if (!read_template(p, &t) || t.first >= plan->ndisks || t.last >= plan->ndisks)
			return bad_template(option, err);
		for (unsigned i = t.first;; i += t.first <= t.last ? 1 : -1U) {
			if (plan->nlower == ROOTFS_DISKS)
				return bad_template(option, err);
			plan->lower[plan->nlower++] = i;
			if (i == t.last)
				break;
		}
		p = t.rest;
		if (*p == ':')
			p++;
		else if (*p)
			return bad_template(option, err);
	}
	return plan->nlower ? 0 : bad_template(option, err);
}

/* upperdir={{ mount 0 }}/upper, or a directory of the host's, in whose place the guest has one. */
static int take_writable(struct rootfs_plan *plan, const char *option, char dir[64],
	struct err *err)
{
	const char *value = strchr(option, '=') + 1;
	struct template t;

	if (*value == '/')
		return 0;
	if (!read_template(value, &t) || t.first != t.last || t.first >= plan->ndisks ||
		plan->disks[t.first].readonly || *t.rest != '/' || strlen(t.rest) >= 64 ||
		strstr(t.rest, ".."))
		return bad_template(option, err);
	plan->upper = (int)t.first;
	snprintf(dir, 64, "%s", t.rest + 1);
	return 0;
}

static int take_overlay(struct rootfs_plan *plan, const struct rootfs_mount *m, struct err *err)
{
	int rc = 0;

	plan->kind = ROOTFS_OVERLAY;
	plan->upper = -1;
	plan->readonly = true;
	for (size_t i = 0; i < m->noptions && !rc; i++) {
		const char *o = m->options[i];

		if (!strncmp(o, "lowerdir=", 9))
			rc = take_lower(plan, o, err);
		else if (!strncmp(o, "upperdir=", 9))
			rc = take_writable(plan, o, plan->upperdir, err);
		else if (!strncmp(o, "workdir=", 8))
			rc = take_writable(plan, o, plan->workdir, err);
		if (!strncmp(o, "upperdir=", 9))
			plan->readonly = false;
	}
	if (!rc && !plan->nlower)
		return failx(err, -EINVAL, "the root file system's overlay has no layers");
	if (!rc && !*plan->upperdir != !*plan->workdir)
		return failx(err, -EINVAL, "the root file system's overlay is half writable");
	return rc;
}

/* A list that consists of one layer and "format/bind" or "format/mkdir/bind" with its number. */
static int take_bind(struct rootfs_plan *plan, const struct rootfs_mount *m, struct err *err)
{
	struct template t;

	if (!read_template(m->source, &t) || t.first >= plan->ndisks)
		return failx(err, -EINVAL,
			"the root file system's source \"%.120s\" is not "
			"understood",
			m->source);
	plan->kind = ROOTFS_OVERLAY;
	plan->lower[0] = t.first;
	plan->nlower = 1;
	plan->upper = -1;
	plan->readonly = plan->disks[t.first].readonly;
	if (*t.rest == '/' && !plan->readonly) { /* a directory of the writable image */
		plan->upper = (int)t.first;
		snprintf(plan->upperdir, sizeof(plan->upperdir), "%.60s", t.rest + 1);
	}
	return 0;
}

int rootfs_plan(struct rootfs_plan *plan, const struct rootfs_mount *mounts, size_t n,
	struct err *err)
{
	*plan = (struct rootfs_plan){ .kind = n ? ROOTFS_SHARED : ROOTFS_PATH, .upper = -1 };
	if (!n || !is_disk(&mounts[0]))
		return 0;
	if (n > ROOTFS_DISKS)
		return failx(err, -E2BIG, "the root file system has %zu layers: %d are possible", n,
			ROOTFS_DISKS);
	for (size_t i = 0; i < n && is_disk(&mounts[i]); i++)
		plan->disks[plan->ndisks++] = as_disk(&mounts[i]);
	if (n == 1) {
		plan->kind = ROOTFS_DISK;
		return 0;
	}
	if (plan->ndisks != n - 1)
		return failx(err, -EINVAL,
			"the root file system mixes disks and directories: %s of type %s",
			mounts[plan->ndisks].source, mounts[plan->ndisks].type);
	if (!strcmp(last_word(mounts[n - 1].type), "overlay"))
		return take_overlay(plan, &mounts[n - 1], err);
	if (!strcmp(last_word(mounts[n - 1].type), "bind"))
		return take_bind(plan, &mounts[n - 1], err);
	return failx(err, -EINVAL, "the root file system is of type %s", mounts[n - 1].type);
}
