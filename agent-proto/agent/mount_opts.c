/*
 * A table of words with the flag each sets or clears; later words win, as with mount(8). Everything
 * that is no flag is the file system's; a few of those are read as well, because a driver acts on
 * them. mount(2) takes one page of data.
 */
#include "agent/mount_opts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>

#define DATA_MAX 4095

struct word {
	const char *name;
	bool clear;
	unsigned long flag;
};

static const struct word flag_words[] = {
	{ "defaults", false, 0 },
	{ "ro", false, MS_RDONLY },
	{ "rw", true, MS_RDONLY },
	{ "suid", true, MS_NOSUID },
	{ "nosuid", false, MS_NOSUID },
	{ "dev", true, MS_NODEV },
	{ "nodev", false, MS_NODEV },
	{ "exec", true, MS_NOEXEC },
	{ "noexec", false, MS_NOEXEC },
	{ "sync", false, MS_SYNCHRONOUS },
	{ "async", true, MS_SYNCHRONOUS },
	{ "dirsync", false, MS_DIRSYNC },
	{ "remount", false, MS_REMOUNT },
	{ "mand", false, MS_MANDLOCK },
	{ "nomand", true, MS_MANDLOCK },
	{ "atime", true, MS_NOATIME },
	{ "noatime", false, MS_NOATIME },
	{ "diratime", true, MS_NODIRATIME },
	{ "nodiratime", false, MS_NODIRATIME },
	{ "relatime", false, MS_RELATIME },
	{ "norelatime", true, MS_RELATIME },
	{ "strictatime", false, MS_STRICTATIME },
	{ "nostrictatime", true, MS_STRICTATIME },
	{ "lazytime", false, MS_LAZYTIME },
	{ "nolazytime", true, MS_LAZYTIME },
	{ "silent", false, MS_SILENT },
	{ "loud", true, MS_SILENT },
	{ "bind", false, MS_BIND },
	{ "rbind", false, MS_BIND | MS_REC },
};

static const struct word propagation_words[] = {
	{ "private", false, MS_PRIVATE },
	{ "rprivate", false, MS_PRIVATE | MS_REC },
	{ "shared", false, MS_SHARED },
	{ "rshared", false, MS_SHARED | MS_REC },
	{ "slave", false, MS_SLAVE },
	{ "rslave", false, MS_SLAVE | MS_REC },
	{ "unbindable", false, MS_UNBINDABLE },
	{ "runbindable", false, MS_UNBINDABLE | MS_REC },
};

static const struct word *look_up(const struct word *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

static bool parse_flag(struct mount_opts *o, const char *name)
{
	const struct word *w = look_up(flag_words, ARRAY_SIZE(flag_words), name);

	if (w && w->clear)
		o->flags &= ~w->flag;
	else if (w)
		o->flags |= w->flag;
	if (w)
		return true;
	w = look_up(propagation_words, ARRAY_SIZE(propagation_words), name);
	if (w)
		o->propagation = w->flag;
	return w;
}

/* "64", "64k", "2M", "1GiB", "1gb": bytes. Anything else (a percentage, say) is 0: the file
 * system's affair. */
static uint64_t parse_size(const char *text)
{
	static const char *const units = "kmgt";
	unsigned long long v;
	const char *unit;
	uint64_t bytes;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return 0;
	if (!*end)
		return v;
	unit = strchr(units, tolower((unsigned char)*end));
	if (!unit || !*unit || !mul_ok(v, UINT64_C(1024) << (10 * (unit - units)), &bytes))
		return 0;
	end++;
	return !*end || !strcasecmp(end, "i") || !strcasecmp(end, "b") || !strcasecmp(end, "ib")
		? bytes
		: 0;
}

static int parse_number(const char *word, const char *text, int base, unsigned long max,
	unsigned long *out, struct err *err)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, base);
	if (!isdigit((unsigned char)*text) || *end || errno || *out > max)
		return failx(err, -EINVAL, "the mount option %s is no number", word);
	return 0;
}

int mount_opts_add(struct mount_opts *o, struct err *err, const char *fmt, ...)
{
	size_t len = strlen(o->data), room = DATA_MAX + 1 - len;
	int n = len ? snprintf(o->data + len, room, ",") : 0;
	va_list ap;

	if (n < 0 || (size_t)n >= room)
		return failx(err, -E2BIG, "mount options of more than %d bytes", DATA_MAX);
	len += (size_t)n;
	room -= (size_t)n;
	va_start(ap, fmt);
	n = vsnprintf(o->data + len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return failx(err, -E2BIG, "mount options of more than %d bytes", DATA_MAX);
	return 0;
}

static const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(word, name, len) && word[len] == '=' ? word + len + 1 : NULL;
}

static int parse_word(struct mount_opts *o, const char *word, struct err *err)
{
	unsigned long number;
	const char *v;
	int rc;

	if (!*word || parse_flag(o, word))
		return 0;
	if (!strncmp(word, "io.katacontainers.", 18)) {
		o->overlay_rw |= !strcmp(word, "io.katacontainers.fs-opt.overlay-rw");
		return 0;
	}
	v = value_of(word, "fsgid");
	if (v) {
		rc = parse_number(word, v, 10, UINT32_MAX - 1, &number, err);
		o->has_fsgid = !rc;
		o->fsgid = (gid_t)number;
		return rc;
	}
	v = value_of(word, "mode");
	if (v) {
		rc = parse_number(word, v, 8, 07777, &number, err);
		if (rc)
			return rc;
		o->has_mode = true;
		o->mode = (mode_t)number;
	}
	v = value_of(word, "size");
	if (v)
		o->size = parse_size(v);
	v = value_of(word, "pagesize");
	if (v)
		o->page_size = parse_size(v);
	return mount_opts_add(o, err, "%s", word);
}

int mount_opts_parse(struct mount_opts *o, char *const *words, size_t n, struct err *err)
{
	*o = (struct mount_opts){ .data = calloc(1, DATA_MAX + 1) };
	if (!o->data)
		return fail(err, -ENOMEM, "read mount options");
	for (size_t i = 0; i < n; i++) {
		int rc = parse_word(o, words[i], err);

		if (rc) {
			mount_opts_free(o);
			return rc;
		}
	}
	return 0;
}

void mount_opts_free(struct mount_opts *o)
{
	free(o->data);
	o->data = NULL;
}
