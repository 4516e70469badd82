/*
 * The table of storages, newest first, so that what was mounted last is unmounted first. The lock
 * guards the table; it is not held while something is mounted (a disk may have to be waited for):
 * the storage is marked busy meanwhile, and who wants the same one waits.
 */
#include "agent/storage.h"

#include <pthread.h>
#include <string.h>
#include <sys/mount.h>

#include "agent/mount_path.h"
#include "agent/storage_driver.h"
#include "agent/watch.h"

#define STORAGES_MAX 1024
#define OWNERS_MAX   1024

struct owner {
	struct owner *next;
	char id[];
};

struct storage {
	struct storage *next;
	const struct storage_driver *driver;
	struct storage_job job;
	struct owner *owners;
	unsigned nowners;
	bool busy;
	char path[];
};

struct storages {
	struct storage_env env;
	pthread_mutex_t lock; /* guards list, count and all in the list */
	pthread_cond_t idle;  /* some storage is no longer busy */
	pthread_mutex_t pages;
	struct storage *list;
	unsigned count;
};

static const struct storage_driver drivers[] = {
	{ "virtio-fs", false, storage_start_mount },
	{ "blk", false, storage_start_disk },
	{ "mmioblk", false, storage_start_disk },
	{ "ephemeral", true, storage_start_ephemeral },
	{ "local", true, storage_start_local },
	{ "overlayfs", false, storage_start_overlay },
	{ "bind", false, storage_start_bind },
	{ "watchable-bind", false, storage_start_watchable },
};

const char *const *storage_drivers(void)
{
	static const char *const names[] = { "virtio-fs", "blk", "mmioblk", "ephemeral", "local",
		"overlayfs", "bind", "watchable-bind", NULL };

	return names;
}

static const struct storage_driver *driver_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}

int storages_new(struct storages **out, const struct agent_config *config, struct uevents *uevents,
	struct loop *loop, struct workers *workers, struct err *err)
{
	struct storages *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return fail(err, -ENOMEM, "make the table of storages");
	s->env = (struct storage_env){
		.config = config,
		.places = &device_places,
		.uevents = uevents,
		.pages = &s->pages,
	};
	rc = watcher_new(&s->env.watcher, config->run_dir, loop, workers, err);
	if (rc) {
		free(s);
		return rc;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->pages, NULL);
	pthread_cond_init(&s->idle, NULL);
	*out = s;
	return 0;
}

void storages_free(struct storages *s)
{
	if (!s)
		return;
	storages_remove(s, "");
	watcher_free(s->env.watcher);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->pages);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- owners, under the lock ------------------------------------------------------------------ */

static struct owner **owner_find(struct storage *st, const char *id)
{
	struct owner **p = &st->owners;

	while (*p && strcmp((*p)->id, id) != 0)
		p = &(*p)->next;
	return p;
}

/* 1: it is a new owner, 0: it had been one. */
static int owner_add(struct storage *st, const char *id)
{
	size_t len = strlen(id) + 1;
	struct owner *o;

	if (*owner_find(st, id))
		return 0;
	o = st->nowners < OWNERS_MAX ? malloc(sizeof(*o) + len) : NULL;
	if (!o)
		return -ENOMEM;
	memcpy(o->id, id, len);
	o->next = st->owners;
	st->owners = o;
	st->nowners++;
	return 1;
}

static void owner_remove(struct storage *st, const char *id)
{
	struct owner **p = owner_find(st, id), *o = *p;

	if (!o)
		return;
	*p = o->next;
	st->nowners--;
	free(o);
}

/* --- the table, under the lock --------------------------------------------------------------- */

static struct storage *find(struct storages *s, const char *path)
{
	struct storage *st = s->list;

	while (st && strcmp(st->path, path) != 0)
		st = st->next;
	return st;
}

/* The one of this path when nobody is at work on it, or NULL. */
static struct storage *find_idle(struct storages *s, const char *path)
{
	struct storage *st;

	while ((st = find(s, path)) && st->busy)
		pthread_cond_wait(&s->idle, &s->lock);
	return st;
}

static void drop(struct storages *s, struct storage *st)
{
	struct storage **p = &s->list;

	while (*p != st)
		p = &(*p)->next;
	*p = st->next;
	s->count--;
	while (st->owners)
		owner_remove(st, st->owners->id);
	free(st);
	pthread_cond_broadcast(&s->idle);
}

static struct storage *insert(struct storages *s, const struct storage_driver *driver,
	const char *path)
{
	size_t len = strlen(path) + 1;
	struct storage *st = s->count < STORAGES_MAX ? calloc(1, sizeof(*st) + len) : NULL;

	if (!st)
		return NULL;
	memcpy(st->path, path, len);
	st->driver = driver;
	st->job.path = st->path;
	st->next = s->list;
	s->list = st;
	s->count++;
	return st;
}

/* --- starting and ending, without the lock --------------------------------------------------- */

/* Options that would change how a volume's content is understood can't be left out in silence. */
static int check_driver_options(const Grpc__Storage *request, struct err *err)
{
	static const char *const not_ours[] = { "create_filesystem", "encryption_key" };

	for (size_t i = 0; i < request->n_driver_options; i++)
		for (size_t k = 0; k < ARRAY_SIZE(not_ours); k++)
			if (!strncmp(request->driver_options[i], not_ours[k], strlen(not_ours[k])))
				return failx(err, -EOPNOTSUPP,
					"the driver option %s is not supported",
					request->driver_options[i]);
	return 0;
}

static void end(const struct storages *s, const struct storage_job *job)
{
	if (job->watched)
		watch_remove(s->env.watcher, job->path);
	else if (job->mounted)
		mount_end(s->env.config->run_dir, job->path, job->made);
}

static int start(struct storages *s, struct storage *st, const char *owner,
	const Grpc__Storage *request, struct err *err)
{
	struct mount_opts opts;
	int rc = check_driver_options(request, err);

	if (!rc)
		rc = mount_opts_parse(&opts, request->options, request->n_options, err);
	if (rc)
		return rc;
	st->job.request = request;
	st->job.owner = owner;
	st->job.opts = &opts;
	rc = st->driver->start(&s->env, &st->job, err);
	if (!rc && request->fs_group) {
		rc = storage_fs_group(st->path, request->fs_group, opts.flags & MS_RDONLY, err);
		if (rc)
			end(s, &st->job);
	}
	st->job.request = NULL;
	st->job.owner = NULL;
	st->job.opts = NULL;
	mount_opts_free(&opts);
	return rc;
}

/* --- one storage ----------------------------------------------------------------------------- */

enum use { USE_HAD, USE_NEW, USE_FIRST };

static int use_existing(struct storage *st, const struct storage_driver *driver, const char *owner,
	enum use *use, struct err *err)
{
	int rc;

	if (st->driver != driver)
		return failx(err, -EBUSY, "it is in use with the driver %s", st->driver->name);
	rc = owner_add(st, owner);
	if (rc < 0)
		return fail(err, rc, "count one more user");
	*use = rc ? USE_NEW : USE_HAD;
	return 0;
}

/* Under the lock, which is let go meanwhile. */
static int use_first(struct storages *s, const struct storage_driver *driver, const char *path,
	const char *owner, const Grpc__Storage *request, struct err *err)
{
	struct storage *st = insert(s, driver, path);
	int rc;

	if (!st)
		return failx(err, -ENOSPC, "there are too many storages");
	if (owner_add(st, owner) < 0 ||
		((driver->pod || request->shared) && owner_add(st, "") < 0)) {
		drop(s, st);
		return fail(err, -ENOMEM, "count its first user");
	}
	st->busy = true;
	pthread_mutex_unlock(&s->lock);
	rc = start(s, st, owner, request, err);
	pthread_mutex_lock(&s->lock);
	st->busy = false;
	if (rc)
		drop(s, st);
	pthread_cond_broadcast(&s->idle);
	return rc;
}

static char *without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

static int add_one(struct storages *s, const char *owner, const Grpc__Storage *request,
	enum use *use, struct err *err)
{
	const struct storage_driver *driver = driver_find(request->driver);
	AUTO_FREE char *path = without_slashes(request->mount_point);
	struct storage *st;
	int rc;

	if (!driver)
		return failx(err, -EINVAL, "the storage driver \"%s\" is not supported",
			request->driver);
	if (!path)
		return fail(err, -ENOMEM, "add a storage");
	pthread_mutex_lock(&s->lock);
	st = find_idle(s, path);
	if (st) {
		rc = use_existing(st, driver, owner, use, err);
	} else {
		rc = use_first(s, driver, path, owner, request, err);
		*use = USE_FIRST;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* Under the lock, which is let go while unmounting. */
static void end_unused(struct storages *s, struct storage *st)
{
	if (st->owners)
		return;
	st->busy = true;
	pthread_mutex_unlock(&s->lock);
	end(s, &st->job);
	pthread_mutex_lock(&s->lock);
	drop(s, st);
}

static void undo_one(struct storages *s, const char *owner, const char *mount_point, enum use use)
{
	AUTO_FREE char *path = without_slashes(mount_point);
	struct storage *st;

	if (use == USE_HAD || !path)
		return;
	pthread_mutex_lock(&s->lock);
	st = find_idle(s, path);
	if (st) {
		owner_remove(st, owner);
		if (use == USE_FIRST && st->nowners == 1)
			owner_remove(st, "");
		end_unused(s, st);
	}
	pthread_mutex_unlock(&s->lock);
}

int storages_add(struct storages *s, const char *owner, Grpc__Storage *const *list, size_t n,
	struct err *err)
{
	AUTO_FREE enum use *uses = calloc(n + 1, sizeof(*uses));

	if (!uses)
		return fail(err, -ENOMEM, "add storages");
	for (size_t i = 0; i < n; i++) {
		int rc = add_one(s, owner, list[i], &uses[i], err);

		if (!rc)
			continue;
		while (i--)
			undo_one(s, owner, list[i]->mount_point, uses[i]);
		return rc;
	}
	return 0;
}

/* The newest that owner uses, nobody being at work on it; NULL when there is none. */
static struct storage *find_used(struct storages *s, const char *owner)
{
	struct storage *st;

	for (;;) {
		for (st = s->list; st; st = st->next)
			if (!*owner || *owner_find(st, owner))
				break;
		if (!st || !st->busy)
			return st;
		pthread_cond_wait(&s->idle, &s->lock);
	}
}

void storages_remove(struct storages *s, const char *owner)
{
	struct storage *st;

	pthread_mutex_lock(&s->lock);
	while ((st = find_used(s, owner))) {
		owner_remove(st, owner);
		while (!*owner && st->owners)
			owner_remove(st, st->owners->id);
		end_unused(s, st);
	}
	pthread_mutex_unlock(&s->lock);
	if (!*owner)
		watch_remove_all(s->env.watcher);
}
