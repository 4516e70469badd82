/*
 * Copies that follow their source: a volume as the kubelet changes it, seen by a reader that must
 * never see half of it; limits; a source that goes and comes back; a hostile container in the copy.
 */
#define _GNU_SOURCE
#include "agent/test/storage_bed.h"

#include "agent/watch_sync.h"

#define SOURCE "run/shared/cfg"
#define TARGET "run/shared/watchable/cfg"

static int add_for(struct bed *b, const char *owner, const char *source, const char *target)
{
	char options[] = "ro", driver[] = "watchable-bind", from[256], to[256];
	char *list_of_options[] = { options };
	Grpc__Storage s;
	Grpc__Storage *list[] = { &s };

	grpc__storage__init(&s);
	snprintf(from, sizeof(from), "%s", bed_path(b, source));
	snprintf(to, sizeof(to), "%s", bed_path(b, target));
	s.driver = driver;
	s.source = from;
	s.mount_point = to;
	s.options = list_of_options;
	s.n_options = 1;
	return storages_add(b->a.storages, owner, list, 1, &b->err);
}

static int add(struct bed *b, const char *source, const char *target)
{
	return add_for(b, "c1", source, target);
}

static void added(struct bed *b, const char *source, const char *target)
{
	if (add(b, source, target))
		fail_msg("%s", b->err.msg);
}

static void make_source(const struct bed *b)
{
	assert_int_equal(mkdir(bed_path(b, "run/shared"), 0755), 0);
	assert_int_equal(mkdir(bed_path(b, SOURCE), 0751), 0);
}

/* As the kubelet does: a directory of its own, then "..data" by rename. */
static void write_volume(const struct bed *b, const char *stamp, const char *text)
{
	char path[256], data[256];

	snprintf(path, sizeof(path), "%s/%s/..%s", b->dir, SOURCE, stamp);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/%s/..%s/one", b->dir, SOURCE, stamp);
	bed_write(path, text);
	snprintf(path, sizeof(path), "%s/%s/..%s/two", b->dir, SOURCE, stamp);
	bed_write(path, text);
	snprintf(path, sizeof(path), "%s/%s/..data_tmp", b->dir, SOURCE);
	snprintf(data, sizeof(data), "..%s", stamp);
	assert_int_equal(symlink(data, path), 0);
	snprintf(data, sizeof(data), "%s/%s/..data", b->dir, SOURCE);
	assert_int_equal(rename(path, data), 0);
}

static void write_links(const struct bed *b)
{
	assert_int_equal(symlink("..data/one", bed_path(b, SOURCE "/one")), 0);
	assert_int_equal(symlink("..data/two", bed_path(b, SOURCE "/two")), 0);
}

static void remove_in(const struct bed *b, const char *dir, const char *name)
{
	AUTO_FD fd = open(bed_path(b, dir), O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(watch_tree_remove(fd, name), 0);
}

/* "" for a file that is not there. */
static void read_file(const char *path, char *buf, size_t len)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, len - 1);

	buf[n > 0 ? n : 0] = '\0';
}

static void becomes(const char *path, const char *text, unsigned ms)
{
	char have[64];

	for (unsigned waited = 0;; waited += 10) {
		read_file(path, have, sizeof(have));
		if (!strcmp(have, text))
			return;
		if (waited >= ms)
			fail_msg("%s has \"%s\" instead of \"%s\"", path, have, text);
		bed_sleep_ms(10);
	}
}

static void a_volume_is_followed(void **state)
{
	struct bed *b = *state;
	char link[64];

	make_source(b);
	write_volume(b, "1", "first");
	write_links(b);
	added(b, SOURCE, TARGET);
	bed_content(bed_path(b, TARGET "/one"), "first");
	assert_int_equal(bed_mode(bed_path(b, TARGET)), S_IFDIR | 0751);
	assert_true(S_ISLNK(bed_mode(bed_path(b, TARGET "/..data"))));
	memset(link, 0, sizeof(link));
	assert_true(readlink(bed_path(b, TARGET "/one"), link, sizeof(link) - 1) > 0);
	assert_string_equal(link, "..data/one");
	assert_int_equal(chmod(bed_path(b, SOURCE "/..1/two"), 0640), 0);
	write_volume(b, "2", "second");
	becomes(bed_path(b, TARGET "/one"), "second", 1500);
	remove_in(b, SOURCE, "..1");
	for (int i = 0; i < 150 && !access(bed_path(b, TARGET "/..1"), F_OK); i++)
		bed_sleep_ms(10);
	assert_int_equal(access(bed_path(b, TARGET "/..1"), F_OK), -1);
	storages_remove(b->a.storages, "c1");
	assert_int_equal(access(bed_path(b, TARGET), F_OK), -1);
	bed_content(bed_path(b, SOURCE "/one"), "second");
}

/* A container looks at two files through one "..data" all the time. */
struct reader {
	struct bed *b;
	bool stop;
	unsigned looks, torn;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	char dir[256], one[64], two[64];

	snprintf(dir, sizeof(dir), "%s/%s/..data", r->b->dir, TARGET);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		AUTO_FD fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		AUTO_FD first = openat(fd, "one", O_RDONLY | O_CLOEXEC);
		AUTO_FD second = openat(fd, "two", O_RDONLY | O_CLOEXEC);
		ssize_t n = read(first, one, sizeof(one)), m = read(second, two, sizeof(two));

		r->looks++;
		if (fd < 0) /* the link is never missing */
			r->torn++;
		else if (first >= 0 && second >= 0) /* an old directory may go meanwhile */
			r->torn += n <= 0 || n != m || memcmp(one, two, (size_t)n) != 0;
	}
	return NULL;
}

static void a_reader_never_sees_half_of_it(void **state)
{
	struct bed *b = *state;
	struct reader r = { .b = b };
	char stamp[16], last[24] = "", text[32];
	pthread_t thread;

	make_source(b);
	write_volume(b, "0", "text 0");
	added(b, SOURCE, TARGET);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	strcpy(last, "..0");
	for (int i = 1; i <= 25; i++) {
		snprintf(stamp, sizeof(stamp), "%d", i);
		snprintf(text, sizeof(text), "%*d", 1 + i % 9, i);
		write_volume(b, stamp, text);
		remove_in(b, SOURCE, last);
		snprintf(last, sizeof(last), "..%s", stamp);
		if (i % 3)
			bed_sleep_ms(15);
		else
			becomes(bed_path(b, TARGET "/..data/two"), text, 5000);
	}
	becomes(bed_path(b, TARGET "/..data/two"), text, 5000);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(r.looks > 100);
	assert_int_equal(r.torn, 0);
}

/* The container has the file itself: the copy is the same inode for ever. */
static void a_single_file(void **state)
{
	struct bed *b = *state;
	AUTO_FD fd = -1;
	char have[64] = "";

	assert_int_equal(mkdir(bed_path(b, "run/shared"), 0755), 0);
	bed_write(bed_path(b, SOURCE), "a longer text");
	assert_int_equal(chmod(bed_path(b, SOURCE), 0604), 0);
	added(b, SOURCE, TARGET);
	bed_content(bed_path(b, TARGET), "a longer text");
	assert_int_equal(bed_mode(bed_path(b, TARGET)), S_IFREG | 0604);
	fd = open(bed_path(b, TARGET), O_RDONLY | O_CLOEXEC);
	bed_write(bed_path(b, "run/shared/new"), "short");
	assert_int_equal(rename(bed_path(b, "run/shared/new"), bed_path(b, SOURCE)), 0);
	becomes(bed_path(b, TARGET), "short", 5000);
	assert_int_equal(pread(fd, have, sizeof(have), 0), 5);
	assert_string_equal(have, "short");
}

/* No event tells of this: it is looked at every 2 s. */
static void a_source_that_goes_and_comes_back(void **state)
{
	struct bed *b = *state;

	make_source(b);
	bed_write(bed_path(b, SOURCE "/a"), "old");
	added(b, SOURCE, TARGET);
	remove_in(b, "run/shared", "cfg");
	bed_sleep_ms(100);
	bed_content(bed_path(b, TARGET "/a"), "old");
	assert_int_equal(mkdir(bed_path(b, SOURCE), 0755), 0);
	bed_write(bed_path(b, SOURCE "/a"), "new");
	becomes(bed_path(b, TARGET "/a"), "new", 5000);
	bed_write(bed_path(b, SOURCE "/a"), "newer");
	becomes(bed_path(b, TARGET "/a"), "newer", 5000);
}

/* What is too large is mounted as it is. */
static void limits(void **state)
{
	struct bed *b = *state;
	char path[256];

	make_source(b);
	for (int i = 0; i < WATCH_ENTRIES_MAX; i++) {
		snprintf(path, sizeof(path), "%s/%s/f%d", b->dir, SOURCE, i);
		bed_write(path, "x");
	}
	added(b, SOURCE, TARGET);
	assert_false(bed_is_mounted(bed_path(b, TARGET)));
	storages_remove(b->a.storages, "c1");
	bed_write(bed_path(b, SOURCE "/g"), "one more");
	added(b, SOURCE, TARGET);
	assert_true(bed_is_mounted(bed_path(b, TARGET)));
	bed_content(bed_path(b, TARGET "/g"), "one more");
	storages_remove(b->a.storages, "c1");
	assert_int_equal(truncate(bed_path(b, SOURCE "/f1"), WATCH_BYTES_MAX), 0);
	for (int i = 2; i < WATCH_ENTRIES_MAX; i++) {
		snprintf(path, sizeof(path), "f%d", i);
		remove_in(b, SOURCE, path);
	}
	added(b, SOURCE, TARGET);
	assert_true(bed_is_mounted(bed_path(b, TARGET)));
}

/* One that grows too large keeps its last copy, and is followed again when it has shrunk. */
static void one_that_grows(void **state)
{
	struct bed *b = *state;

	make_source(b);
	bed_write(bed_path(b, SOURCE "/a"), "1");
	added(b, SOURCE, TARGET);
	assert_int_equal(truncate(bed_path(b, SOURCE "/a"), WATCH_BYTES_MAX + 1), 0);
	bed_sleep_ms(150);
	bed_content(bed_path(b, TARGET "/a"), "1");
	bed_write(bed_path(b, SOURCE "/a"), "2");
	becomes(bed_path(b, TARGET "/a"), "2", 5000);
}

/* A container that may write to the copy can't make the agent write elsewhere. */
static void links_in_the_copy_are_not_followed(void **state)
{
	struct bed *b = *state;

	make_source(b);
	assert_int_equal(mkdir(bed_path(b, SOURCE "/d"), 0755), 0);
	bed_write(bed_path(b, SOURCE "/d/f"), "1");
	assert_int_equal(mkdir(bed_path(b, "outside"), 0700), 0);
	bed_write(bed_path(b, "outside/f"), "mine");
	added(b, SOURCE, TARGET);
	remove_in(b, TARGET, "d");
	assert_int_equal(symlink(bed_path(b, "outside"), bed_path(b, TARGET "/d")), 0);
	bed_write(bed_path(b, SOURCE "/d/f"), "2");
	becomes(bed_path(b, TARGET "/d/f"), "2", 5000);
	bed_content(bed_path(b, "outside/f"), "mine");
	assert_int_equal(bed_mode(bed_path(b, "outside")), S_IFDIR | 0700);
	remove_in(b, TARGET "/d", "f");
	assert_int_equal(symlink(bed_path(b, "outside/f"), bed_path(b, TARGET "/d/f")), 0);
	bed_write(bed_path(b, SOURCE "/d/f"), "3");
	becomes(bed_path(b, TARGET "/d/f"), "3", 5000);
	bed_content(bed_path(b, "outside/f"), "mine");
}

static void kinds_change(void **state)
{
	struct bed *b = *state;

	make_source(b);
	bed_write(bed_path(b, SOURCE "/x"), "file");
	added(b, SOURCE, TARGET);
	remove_in(b, SOURCE, "x");
	assert_int_equal(mkdir(bed_path(b, SOURCE "/x"), 0755), 0);
	bed_write(bed_path(b, SOURCE "/x/y"), "below");
	becomes(bed_path(b, TARGET "/x/y"), "below", 5000);
	remove_in(b, SOURCE, "x");
	assert_int_equal(symlink("z", bed_path(b, SOURCE "/x")), 0);
	bed_write(bed_path(b, SOURCE "/z"), "target");
	becomes(bed_path(b, TARGET "/x"), "target", 5000);
	assert_int_equal(mkfifo(bed_path(b, SOURCE "/pipe"), 0600), 0);
	remove_in(b, SOURCE, "z");
	bed_write(bed_path(b, SOURCE "/z"), "again");
	becomes(bed_path(b, TARGET "/x"), "again", 5000);
	assert_int_equal(access(bed_path(b, TARGET "/pipe"), F_OK), -1);
}

/* Two containers with the same volume: one goes, the other's copy still follows. */
static void two_copies(void **state)
{
	struct bed *b = *state;

	make_source(b);
	bed_write(bed_path(b, SOURCE "/a"), "1");
	added(b, SOURCE, TARGET);
	assert_int_equal(add_for(b, "c2", SOURCE, TARGET "2"), 0);
	bed_content(bed_path(b, TARGET "2/a"), "1");
	storages_remove(b->a.storages, "c1");
	assert_int_equal(access(bed_path(b, TARGET), F_OK), -1);
	bed_write(bed_path(b, SOURCE "/a"), "2");
	becomes(bed_path(b, TARGET "2/a"), "2", 1500);
}

static void refused(void **state)
{
	struct bed *b = *state;

	make_source(b);
	assert_int_equal(add(b, SOURCE "/nothing", TARGET), -ENOENT);
	assert_non_null(strstr(b->err.msg, "nothing: No such file or directory"));
	assert_int_equal(add(b, "elsewhere", TARGET), -EINVAL);
	assert_int_equal(add(b, SOURCE, "elsewhere/x"), -EINVAL);
	assert_int_equal(symlink("/etc", bed_path(b, "run/shared/l")), 0);
	assert_int_equal(add(b, "run/shared/l", TARGET), -ELOOP);
	assert_int_equal(add(b, SOURCE, "run/shared/l/x"), -ELOOP);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bed_new, bed_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_volume_is_followed),
		TEST(a_reader_never_sees_half_of_it),
		TEST(a_single_file),
		TEST(a_source_that_goes_and_comes_back),
		TEST(limits),
		TEST(one_that_grows),
		TEST(links_in_the_copy_are_not_followed),
		TEST(kinds_change),
		TEST(two_copies),
		TEST(refused),
	};

	return cmocka_run_group_tests(tests, bed_private, NULL);
}
