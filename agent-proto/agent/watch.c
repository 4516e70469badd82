/*
 * The list of what is followed. A timer (for shares) or inotify (for file systems of this guest),
 * both in the loop, only say that it is time to look; one work looks at all of them, under the
 * lock. The loop itself never takes the lock: a share whose server hangs holds up the worker only.
 *
 * A local source is armed before it is compared, and compared again after it was copied, so no
 * change falls between. One that can't be read is looked at every 2 s like a share's.
 */
#define _GNU_SOURCE
#include "agent/watch.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "agent/mount.h"
#include "agent/mount_path.h"
#include "agent/watch_sync.h"
#include "core/log.h"

#define LOOK_NS	    UINT64_C(2000000000) /* between two looks at a share */
#define SETTLE_NS   UINT64_C(20000000)	 /* events that come together are one */
#define ROUNDS	    4			 /* until a source that keeps changing has to wait */
#define WATCHED_MAX 256
#define ROOTS_MAX   8
#define SMB2_MAGIC  0xfe534d42
#define EVENTS                                                                                     \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY |        \
		IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

struct watched {
	struct watched *next;
	char *source, *target;	/* absolute */
	struct watch_tree last; /* what the copy is of */
	bool silent;		/* no event tells of its changes */
	int failed;		/* the last look's; logged when it changes */
};

struct watcher {
	const char *run_dir;
	struct loop *loop;
	struct workers *workers;
	struct timer look, settle;
	struct watch events; /* inotify */
	struct work work;
	bool working, again; /* the loop thread's */

	pthread_mutex_t lock; /* guards list, count, roots, nroots */
	struct watched *list;
	unsigned count;
	char *roots[ROOTS_MAX]; /* tmpfs mounts of ours */
	unsigned nroots;
};

/* --- opening --------------------------------------------------------------------------------- */

static int open_below(const struct watcher *w, const char *path, int flags)
{
	const char *rel = path_below(w->run_dir, path);
	AUTO_FD root = -1;

	if (!rel || !*rel)
		return -EINVAL;
	root = open(w->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : path_open(root, rel, flags);
}

static bool is_share(int fd)
{
	static const uint32_t remote[] = { FUSE_SUPER_MAGIC, V9FS_MAGIC, NFS_SUPER_MAGIC,
		SMB_SUPER_MAGIC, SMB2_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(remote); i++)
		if ((uint32_t)fs.f_type == remote[i])
			return true;
	return false;
}

/* --- one look, under the lock ---------------------------------------------------------------- */

/* Events for the source and the directories in it. A watch that is there already stays. */
static bool arm(const struct watcher *w, int source, const struct watch_tree *t)
{
	bool armed = inotify_add_watch(w->events.fd, path_fd(source).text, EVENTS) >= 0;

	for (unsigned i = 0; i < t->n && armed; i++) {
		AUTO_FD fd = -1;

		if (!S_ISDIR(t->entry[i].st.st_mode))
			continue;
		fd = path_open(source, t->entry[i].path, O_PATH | O_DIRECTORY);
		armed = fd >= 0 &&
			inotify_add_watch(w->events.fd, path_fd(fd).text, EVENTS | IN_ONLYDIR) >= 0;
	}
	return armed;
}

/* 1: something was copied, 0: all is as it was; or -errno. */
static int step(struct watcher *w, struct watched *e, int target)
{
	AUTO_FD source = open_below(w, e->source, O_RDONLY | O_NONBLOCK);
	struct watch_tree now;
	int rc;

	if (source < 0)
		return source;
	rc = watch_tree_read(&now, source);
	if (rc)
		return rc;
	e->silent = is_share(source) || !arm(w, source, &now);
	if (watch_tree_same(&now, &e->last)) {
		watch_tree_free(&now);
		return 0;
	}
	rc = watch_tree_apply(&now, source, target);
	if (rc) {
		watch_tree_free(&now);
		return rc;
	}
	watch_tree_free(&e->last);
	e->last = now;
	return 1;
}

static int look_at(struct watcher *w, struct watched *e)
{
	AUTO_FD target = open_below(w, e->target,
		S_ISREG(e->last.root.st_mode) ? O_WRONLY : O_RDONLY | O_DIRECTORY);
	int rc = target < 0 ? target : 1;

	for (int i = 0; i < ROUNDS && (rc == 1 || rc == -EAGAIN); i++)
		rc = step(w, e, target);
	return rc;
}

static void look_again_at(struct watcher *w, struct watched *e)
{
	int rc = look_at(w, e);

	if (rc > 0 || rc == -EAGAIN) {
		e->silent = true; /* it keeps changing: in 2 s */
	} else if (rc < 0) {
		e->silent = true;
		if (rc != e->failed)
			log_warn("the copy of %s stays as it is: %s", e->source, strerror(-rc));
	}
	e->failed = rc < 0 ? rc : 0;
}

/* The timer runs while there is something to look at. */
static void set_timer(struct watcher *w)
{
	bool any = false;

	for (const struct watched *e = w->list; e; e = e->next)
		any |= e->silent;
	timer_set(&w->look, any ? LOOK_NS : 0, any ? LOOK_NS : 0);
}

static void work_run(struct work *work)
{
	struct watcher *w = container_of(work, struct watcher, work);

	pthread_mutex_lock(&w->lock);
	for (struct watched *e = w->list; e; e = e->next)
		look_again_at(w, e);
	set_timer(w);
	pthread_mutex_unlock(&w->lock);
}

/* --- the loop thread ------------------------------------------------------------------------- */

static void start_work(struct watcher *w)
{
	w->again = w->working;
	if (w->working)
		return;
	w->working = true;
	work_start(w->workers, &w->work);
}

static void work_done(struct work *work)
{
	struct watcher *w = container_of(work, struct watcher, work);

	w->working = false;
	if (w->again)
		start_work(w);
}

static void look_now(struct timer *t)
{
	start_work(container_of(t, struct watcher, look));
}

static void settled(struct timer *t)
{
	start_work(container_of(t, struct watcher, settle));
}

static void events_came(struct watch *watch, uint32_t events UNUSED)
{
	struct watcher *w = container_of(watch, struct watcher, events);
	char buf[4096] __attribute__((aligned(8)));

	if (read(watch->fd, buf, sizeof(buf)) > 0)
		timer_set(&w->settle, SETTLE_NS, 0);
}

int watcher_new(struct watcher **out, const char *run_dir, struct loop *loop,
	struct workers *workers, struct err *err)
{
	struct watcher *w = calloc(1, sizeof(*w));
	int fd, rc;

	if (!w)
		return fail(err, -ENOMEM, "make the watcher");
	w->run_dir = run_dir;
	w->loop = loop;
	w->workers = workers;
	w->work.run = work_run;
	w->work.done = work_done;
	pthread_mutex_init(&w->lock, NULL);
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->events.fd = fd;
	rc = fd < 0 ? -errno : loop_add(loop, &w->events, fd, EPOLLIN, events_came);
	if (!rc)
		rc = timer_init(loop, &w->look, look_now);
	if (!rc)
		rc = timer_init(loop, &w->settle, settled);
	if (rc) {
		watcher_free(w);
		return fail(err, rc, "make the watcher");
	}
	*out = w;
	return 0;
}

/* --- adding and removing --------------------------------------------------------------------- */

static void watched_free(struct watched *e)
{
	watch_tree_free(&e->last);
	free(e->source);
	free(e->target);
	free(e);
}

/* The directory that path is in, malloc'ed. */
static char *parent_of(const char *path)
{
	return strndup(path, (size_t)(strrchr(path, '/') - path));
}

static int mount_root(struct watcher *w, const char *dir, struct err *err)
{
	struct mount_opts opts = { .flags = MS_NOSUID | MS_NODEV, .data = NULL };
	char data[] = "mode=0755";
	struct mount_point point;
	struct statfs fs;
	int rc = mount_point_open(&point, w->run_dir, dir, false, err);

	if (rc)
		return rc;
	opts.data = data;
	if (fstatfs(point.fd, &fs))
		rc = fail(err, -errno, "look at %s", dir);
	else if (fs.f_type != TMPFS_MAGIC && w->nroots == ROOTS_MAX)
		rc = failx(err, -ENOSPC, "there are too many directories of copies");
	else if (fs.f_type != TMPFS_MAGIC)
		rc = mount_on(&point, "tmpfs", "tmpfs", &opts, err);
	if (!rc && fs.f_type != TMPFS_MAGIC) {
		w->roots[w->nroots] = strdup(dir);
		w->nroots += w->roots[w->nroots] != NULL;
	}
	close(point.fd);
	return rc;
}

static void remove_copy(const struct watcher *w, const char *target)
{
	AUTO_FREE char *parent = parent_of(target);
	AUTO_FD dir = parent ? open_below(w, parent, O_PATH | O_DIRECTORY) : -ENOMEM;

	if (dir >= 0)
		watch_tree_remove(dir, strrchr(target, '/') + 1);
}

/* Looks at the source for the first time. */
static int begin(struct watcher *w, struct watched *e, struct err *err)
{
	AUTO_FREE char *parent = parent_of(e->target);
	AUTO_FD source = open_below(w, e->source, O_RDONLY | O_NONBLOCK);
	struct watch_tree t;
	struct mount_point point;
	int rc;

	if (!parent || source < 0)
		return fail(err, parent ? source : -ENOMEM, "open %s", e->source);
	rc = mount_root(w, parent, err);
	if (rc)
		return rc;
	rc = watch_tree_read(&t, source);
	if (rc)
		return fail(err, rc, "read %s", e->source);
	e->last.root.st_mode = t.root.st_mode; /* its kind is known, nothing is copied yet */
	e->last.root.st_uid = (uid_t)-1;
	watch_tree_free(&t);
	rc = mount_point_open(&point, w->run_dir, e->target, S_ISREG(e->last.root.st_mode), err);
	if (rc)
		return rc;
	close(point.fd);
	rc = look_at(w, e);
	if (rc == 1 || rc == -EAGAIN)
		e->silent = true;
	else if (rc) {
		remove_copy(w, e->target);
		return fail(err, rc, "copy %s", e->source);
	}
	return 0;
}

static struct watched *watched_new(const char *source, const char *target)
{
	struct watched *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->source = strdup(source);
	e->target = strdup(target);
	if (e->source && e->target)
		return e;
	watched_free(e);
	return NULL;
}

int watch_add(struct watcher *w, const char *source, const char *target, struct err *err)
{
	const char *rel = path_below(w->run_dir, target);
	struct watched *e;
	int rc;

	if (!rel || !strchr(rel, '/') || !path_below(w->run_dir, source))
		return failx(err, -EINVAL, "%s and %s are not both below %s", source, target,
			w->run_dir);
	e = watched_new(source, target);
	if (!e)
		return fail(err, -ENOMEM, "watch %s", source);
	pthread_mutex_lock(&w->lock);
	if (w->count == WATCHED_MAX)
		rc = failx(err, -ENOSPC, "there are too many watched directories");
	else
		rc = begin(w, e, err);
	if (rc) {
		watched_free(e);
	} else {
		e->next = w->list;
		w->list = e;
		w->count++;
		set_timer(w);
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

/* Takes the events of a source that is no longer followed away. Two may have the same one: what is
 * left is armed again. */
static void disarm(struct watcher *w, const struct watched *gone)
{
	AUTO_FD source = open_below(w, gone->source, O_RDONLY | O_NONBLOCK);

	if (source < 0 || gone->silent)
		return;
	for (int i = -1; i < (int)gone->last.n; i++) {
		AUTO_FD fd = path_open(source, i < 0 ? "" : gone->last.entry[i].path, O_PATH);
		int wd = fd < 0 ? -1
				: inotify_add_watch(w->events.fd, path_fd(i < 0 ? source : fd).text,
					  EVENTS);

		if (wd >= 0)
			inotify_rm_watch(w->events.fd, wd);
	}
	for (struct watched *e = w->list; e; e = e->next) {
		AUTO_FD left = e->silent ? -1 : open_below(w, e->source, O_RDONLY | O_NONBLOCK);

		e->silent = e->silent || left < 0 || !arm(w, left, &e->last);
	}
}

void watch_remove(struct watcher *w, const char *target)
{
	struct watched **p, *e;

	pthread_mutex_lock(&w->lock);
	for (p = &w->list; *p && strcmp((*p)->target, target) != 0; p = &(*p)->next)
		;
	e = *p;
	if (e) {
		*p = e->next;
		w->count--;
		disarm(w, e);
		remove_copy(w, target);
		watched_free(e);
		set_timer(w);
	}
	pthread_mutex_unlock(&w->lock);
}

void watch_remove_all(struct watcher *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->list) {
		struct watched *e = w->list;

		w->list = e->next;
		watched_free(e);
	}
	w->count = 0;
	while (w->nroots) {
		mount_end(w->run_dir, w->roots[--w->nroots], true);
		free(w->roots[w->nroots]);
	}
	timer_set(&w->look, 0, 0);
	pthread_mutex_unlock(&w->lock);
}

void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	watch_remove_all(w);
	timer_fini(w->loop, &w->look);
	timer_fini(w->loop, &w->settle);
	loop_remove(w->loop, &w->events);
	if (w->events.fd >= 0)
		close(w->events.fd);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
