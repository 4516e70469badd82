/* QEMU's words (qapi misc and add-fd) for descriptors; see fds.h. */
#define _GNU_SOURCE
#include "shim/qmp/fds.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NAMED	 "fd:"
#define NUMBERED "/dev/fdset/"

/* inbox */

void qmp_inbox_clear(struct qmp_inbox *inbox)
{
	for (; inbox->at < inbox->n; inbox->at++)
		close(inbox->fd[inbox->at]);
	*inbox = (struct qmp_inbox){ 0 };
}

void qmp_inbox_put(struct qmp_inbox *inbox, const int *fds, size_t n)
{
	qmp_inbox_clear(inbox);
	for (size_t i = 0; i < n; i++) {
		if (inbox->n == QMP_INBOX)
			close(fds[i]);
		else
			inbox->fd[inbox->n++] = fds[i];
	}
}

int qmp_inbox_take(struct qmp_inbox *inbox)
{
	return inbox->at < inbox->n ? inbox->fd[inbox->at++] : -1;
}

/* what is kept */

static void drop(struct qmp_kept *k)
{
	close(k->fd);
	free(k->text);
	*k = (struct qmp_kept){ 0 };
}

void qmp_fds_forget(struct qmp_fds *f, const struct qmp_inbox *inbox)
{
	for (size_t i = 0; i < QMP_FDS; i++)
		if (f->kept[i].from == inbox)
			drop(&f->kept[i]);
	if (f->inbox == inbox)
		f->inbox = NULL;
}

static struct qmp_kept *find_named(struct qmp_fds *f, const char *name)
{
	for (size_t i = 0; i < QMP_FDS; i++)
		if (f->kept[i].from && f->kept[i].set < 0 && !strcmp(f->kept[i].text, name))
			return &f->kept[i];
	return NULL;
}

static bool is_in(const struct qmp_kept *k, int64_t set)
{
	return k->from && k->set == set;
}

static bool has_set(const struct qmp_fds *f, int64_t set)
{
	for (size_t i = 0; i < QMP_FDS; i++)
		if (is_in(&f->kept[i], set))
			return true;
	return false;
}

/* Keeps the descriptor that came with the running command; text may be NULL. */
static int keep(struct qmp_fds *f, int64_t set, const char *text, int *number, struct err *err)
{
	AUTO_FD fd = f->inbox ? qmp_inbox_take(f->inbox) : -1;
	struct qmp_kept *k = f->kept;
	AUTO_FREE char *copy = text ? strdup(text) : NULL;

	if (fd < 0)
		return failx(err, -EBADF, "no descriptor came with the command (SCM_RIGHTS)");
	if (text && !copy)
		return fail(err, -ENOMEM, "keep the descriptor");
	while (k < f->kept + QMP_FDS && k->from)
		k++;
	if (k == f->kept + QMP_FDS)
		return failx(err, -ENOSPC, "there are %d descriptors already", QMP_FDS);
	*number = fd;
	*k = (struct qmp_kept){ take_fd(&fd), f->inbox, set, take(&copy) };
	return 0;
}

/* commands */

static int getfd(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	struct qmp_fds *f = ctx;
	const char *name = json_string_value(json_object_get(args, "fdname"));
	struct qmp_kept *old = find_named(f, name);
	int number, rc;

	if (!*name || (*name >= '0' && *name <= '9'))
		return failx(err, -EINVAL, "a descriptor's name does not begin with a digit");
	rc = keep(f, -1, name, &number, err);
	if (!rc && old)
		drop(old);
	return rc;
}

static int closefd(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	struct qmp_kept *k = find_named(ctx, name);

	if (!k)
		return failx(err, -ENOENT, "there is no descriptor %.64s", name);
	drop(k);
	return 0;
}

static int add_fd(void *ctx, json_t *args, json_t **ret, struct err *err)
{
	struct qmp_fds *f = ctx;
	const json_t *wanted = json_object_get(args, "fdset-id");
	int64_t set = json_integer_value(wanted);
	int number, rc;

	if (set < 0)
		return failx(err, -EINVAL, "a set of descriptors has no number below 0");
	while (!wanted && has_set(f, set))
		set++;
	rc = keep(f, set, json_string_value(json_object_get(args, "opaque")), &number, err);
	if (!rc)
		*ret = json_pack("{s:I,s:i}", "fdset-id", (json_int_t)set, "fd", number);
	return rc;
}

static int remove_fd(void *ctx, json_t *args, json_t **ret UNUSED, struct err *err)
{
	struct qmp_fds *f = ctx;
	const json_t *one = json_object_get(args, "fd");
	int64_t set = json_integer_value(json_object_get(args, "fdset-id"));
	bool any = false;

	for (size_t i = 0; i < QMP_FDS && set >= 0; i++) {
		struct qmp_kept *k = &f->kept[i];

		if (!is_in(k, set) || (one && json_integer_value(one) != k->fd))
			continue;
		drop(k);
		any = true;
	}
	return any ? 0
		   : failx(err, -ENOENT, "there is no such descriptor in set %lld", (long long)set);
}

static json_t *describe_set(const struct qmp_fds *f, int64_t set)
{
	json_t *fds = json_array();

	for (size_t i = 0; i < QMP_FDS; i++) {
		const struct qmp_kept *k = &f->kept[i];

		if (is_in(k, set))
			json_array_append_new(fds,
				k->text ? json_pack("{s:i,s:o}", "fd", k->fd, "opaque",
						  qmp_text(k->text))
					: json_pack("{s:i}", "fd", k->fd));
	}
	return json_pack("{s:I,s:o}", "fdset-id", (json_int_t)set, "fds", fds);
}

static bool is_first(const struct qmp_fds *f, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (is_in(&f->kept[before], f->kept[i].set))
			return false;
	return true;
}

static int query_fdsets(void *ctx, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	const struct qmp_fds *f = ctx;

	*ret = json_array();
	for (size_t i = 0; i < QMP_FDS; i++)
		if (f->kept[i].from && f->kept[i].set >= 0 && is_first(f, i) &&
			json_array_append_new(*ret, describe_set(f, f->kept[i].set)))
			return -ENOMEM;
	return *ret ? 0 : -ENOMEM;
}

static const struct qmp_command commands[] = {
	{ "getfd", getfd, { { "fdname", false, JSON_STRING } }, false },
	{ "closefd", closefd, { { "fdname", false, JSON_STRING } }, false },
	{ "add-fd", add_fd, { { "fdset-id", true, JSON_INTEGER }, { "opaque", true, JSON_STRING } },
		false },
	{ "remove-fd", remove_fd,
		{ { "fdset-id", false, JSON_INTEGER }, { "fd", true, JSON_INTEGER } }, false },
	{ "query-fdsets", query_fdsets, { { 0 } }, false },
};

struct qmp_table qmp_fds_table(struct qmp_fds *f)
{
	return (struct qmp_table){ commands, ARRAY_SIZE(commands), f };
}

/* use */

bool qmp_fds_means(const char *filename)
{
	return !strncmp(filename, NAMED, strlen(NAMED)) ||
		!strncmp(filename, NUMBERED, strlen(NUMBERED));
}

/* The number behind the prefix; -1: none. */
static int64_t set_of(const char *filename)
{
	const char *digits = filename + strlen(NUMBERED);
	char *end = NULL;
	long long set = -1;

	errno = 0;
	if (*digits >= '0' && *digits <= '9')
		set = strtoll(digits, &end, 10);
	return end && !*end && !errno ? set : -1;
}

/* As far as the rights go: of a set the first with just those that are asked for, else one with
 * more. */
static const struct qmp_kept *choose(const struct qmp_fds *f, int64_t set, bool readonly)
{
	const struct qmp_kept *more = NULL;

	for (size_t i = 0; i < QMP_FDS; i++) {
		const struct qmp_kept *k = &f->kept[i];
		/* syscall(loop): fcntl(F_GETFL): how a descriptor of QMP was opened */
		int flags = is_in(k, set) ? fcntl(k->fd, F_GETFL) : -1;

		if (flags < 0)
			continue;
		if ((flags & O_ACCMODE) == (readonly ? O_RDONLY : O_RDWR))
			return k;
		more = more ? more : k;
	}
	return more;
}

int qmp_fds_copy(struct qmp_fds *f, const char *filename, bool readonly, int *fd, const char **name,
	struct err *err)
{
	bool named = !strncmp(filename, NAMED, strlen(NAMED));
	int64_t set = named ? -1 : set_of(filename);
	const struct qmp_kept *k = NULL;

	if (named)
		k = find_named(f, filename + strlen(NAMED));
	else if (set >= 0)
		k = choose(f, set, readonly);
	if (!k)
		return failx(err, -ENOENT, "there is no descriptor %.64s", filename);
	/* syscall(loop): fcntl(F_DUPFD_CLOEXEC): a descriptor of QMP is used */
	*fd = fcntl(k->fd, F_DUPFD_CLOEXEC, 0);
	if (*fd < 0)
		return fail(err, -errno, "use descriptor %.64s", filename);
	*name = k->set >= 0 && k->text ? k->text : filename;
	return 0;
}
