/*
 * CopyFile: files in pieces, directories, symlinks; what it refuses; and that no symlink leads it
 * out of the run directory. GetVolumeStats, which walks the same way.
 */
#define _GNU_SOURCE
#include "agent/test/storage_bed.h"

#include <dirent.h>

/* path below run_dir. */
static int copy(struct bed *b, const char *path, uint32_t mode, const char *data, int64_t offset,
	int64_t size)
{
	char whole[400], bytes[256];
	Grpc__CopyFileRequest r;

	grpc__copy_file_request__init(&r);
	snprintf(whole, sizeof(whole), "%s/%s", b->a.config.run_dir, path);
	snprintf(bytes, sizeof(bytes), "%s", data);
	r.path = whole;
	r.file_mode = mode;
	r.dir_mode = 2147484136; /* Go's directory bit and 0750, as the runtime sends it */
	r.uid = (int32_t)getuid();
	r.gid = (int32_t)bed_group(b);
	r.offset = offset;
	r.file_size = size;
	r.data.data = (uint8_t *)bytes;
	r.data.len = strlen(data);
	return rpc_copy_file(&b->a, &r, NULL, &b->err);
}

static void copied(struct bed *b, const char *path, uint32_t mode, const char *data)
{
	if (copy(b, path, mode, data, 0, (int64_t)strlen(data)))
		fail_msg("%s", b->err.msg);
}

/* Nothing hidden is left in a directory. */
static unsigned count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void a_small_file(void **state)
{
	struct bed *b = *state;
	struct stat st;

	copied(b, "shared/containers/x-resolv.conf", 0100644, "nameserver 127.0.0.1\n");
	bed_content(bed_path(b, "run/shared/containers/x-resolv.conf"), "nameserver 127.0.0.1\n");
	assert_int_equal(bed_mode(bed_path(b, "run/shared/containers/x-resolv.conf")),
		S_IFREG | 0644);
	assert_int_equal(stat(bed_path(b, "run/shared/containers"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(st.st_gid, bed_group(b));
	copied(b, "shared/containers/x-resolv.conf", 0104755, "");
	bed_content(bed_path(b, "run/shared/containers/x-resolv.conf"), "");
	assert_int_equal(bed_mode(bed_path(b, "run/shared/containers/x-resolv.conf")),
		S_IFREG | 04755);
	assert_int_equal(count_entries(bed_path(b, "run/shared/containers")), 1);
}

/* The file is there when it is whole. */
static void pieces(void **state)
{
	struct bed *b = *state;

	copied(b, "d/f", 0100600, "old");
	assert_int_equal(copy(b, "d/f", 0100600, "half a ", 0, 20), 0);
	bed_content(bed_path(b, "run/d/f"), "old");
	assert_int_equal(copy(b, "d/g", 0100600, "an other", 0, 9), 0);
	assert_int_equal(copy(b, "d/f", 0100600, "longer ", 7, 20), 0);
	bed_content(bed_path(b, "run/d/f"), "old");
	assert_int_equal(copy(b, "d/f", 0100600, "file.\n", 14, 20), 0);
	bed_content(bed_path(b, "run/d/f"), "half a longer file.\n");
	assert_int_equal(count_entries(bed_path(b, "run/d")), 2); /* g is not whole */
	copied(b, "d/g", 0100600, "one");
	bed_content(bed_path(b, "run/d/g"), "one");
	assert_int_equal(count_entries(bed_path(b, "run/d")), 2);
}

static void long_names(void **state)
{
	struct bed *b = *state;
	char name[300], path[400];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	copied(b, name, 0100600, "x");
	snprintf(path, sizeof(path), "%s/%s", b->a.config.run_dir, name);
	bed_content(path, "x");
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(copy(b, name, 0100600, "x", 0, 1), -ENAMETOOLONG);
	name[255] = '/';
	name[256] = 'n';
	name[257] = '\0';
	name[0] = 'm';
	copied(b, name, 0100600, "x");
}

static void directories(void **state)
{
	struct bed *b = *state;

	copied(b, "d/e", 040755, "");
	assert_int_equal(bed_mode(bed_path(b, "run/d/e")), S_IFDIR | 0755);
	copied(b, "d/e/f", 0100600, "kept");
	copied(b, "d/e", 041777, "");
	assert_int_equal(bed_mode(bed_path(b, "run/d/e")), S_IFDIR | 01777);
	bed_content(bed_path(b, "run/d/e/f"), "kept");
	copied(b, "d/e/f", 040700, "");
	assert_int_equal(bed_mode(bed_path(b, "run/d/e/f")), S_IFDIR | 0700);
	assert_true(copy(b, "d/e", 0100600, "x", 0, 1) < 0);
	assert_int_equal(count_entries(bed_path(b, "run/d")), 1);
}

/* As a ConfigMap is copied, and changed. */
static void symlinks(void **state)
{
	struct bed *b = *state;

	copied(b, "c/..1/key", 0100644, "one");
	copied(b, "c/..data", 0120777, "..1");
	copied(b, "c/key", 0120777, "..data/key");
	bed_content(bed_path(b, "run/c/key"), "one");
	copied(b, "c/..2/key", 0100644, "two");
	copied(b, "c/..data", 0120777, "..2");
	bed_content(bed_path(b, "run/c/key"), "two");
	copied(b, "c/key", 0100644, "a file now");
	bed_content(bed_path(b, "run/c/..2/key"), "two");
	bed_content(bed_path(b, "run/c/key"), "a file now");
	copied(b, "c/..1", 0120777, "/etc"); /* in place of a directory */
	assert_true(S_ISLNK(bed_mode(bed_path(b, "run/c/..1"))));
	assert_int_equal(count_entries(bed_path(b, "run/c")), 4);
}

static void refused(struct bed *b, const char *path, uint32_t mode, const char *data,
	int64_t offset, int64_t size)
{
	b->err.msg[0] = '\0';
	assert_int_equal(copy(b, path, mode, data, offset, size), TTRPC_INVALID_ARGUMENT);
	assert_true(b->err.msg[0]);
}

static void nonsense(void **state)
{
	struct bed *b = *state;
	Grpc__CopyFileRequest r;
	char outside[] = "/etc/sampan-copied", empty[] = "";

	refused(b, "../escaped", 0100600, "x", 0, 1);
	refused(b, "d/../../escaped", 0100600, "x", 0, 1);
	refused(b, "d/..", 0100600, "x", 0, 1);
	refused(b, "", 0100600, "x", 0, 1);
	refused(b, "fifo", 010600, "", 0, 0);
	refused(b, "node", 060600, "", 0, 0);
	refused(b, "neg", 0100600, "x", -1, 1);
	refused(b, "neg", 0100600, "x", 0, -1);
	refused(b, "more", 0100600, "xx", 0, 1);
	refused(b, "wraps", 0100600, "xx", INT64_MAX, INT64_MAX);
	refused(b, "link", 0120777, "", 0, 0);
	assert_int_equal(access(bed_path(b, "escaped"), F_OK), -1);
	assert_int_equal(count_entries(b->a.config.run_dir), 0);
	grpc__copy_file_request__init(&r);
	r.path = outside;
	assert_int_equal(rpc_copy_file(&b->a, &r, NULL, &b->err), TTRPC_INVALID_ARGUMENT);
	r.path = empty;
	assert_int_equal(rpc_copy_file(&b->a, &r, NULL, &b->err), TTRPC_INVALID_ARGUMENT);
}

static void no_symlink_leads_out(void **state)
{
	struct bed *b = *state;

	assert_int_equal(mkdir(bed_path(b, "out"), 0700), 0);
	bed_write(bed_path(b, "out/f"), "mine");
	copied(b, "link", 0120777, bed_path(b, "out"));
	copied(b, "up", 0120777, "../out");
	copied(b, "file", 0120777, bed_path(b, "out/f"));
	assert_int_equal(copy(b, "link/f", 0100600, "x", 0, 1), -ELOOP);
	assert_int_equal(copy(b, "up/f", 0100600, "x", 0, 1), -ELOOP);
	assert_int_equal(copy(b, "up/new/f", 0100600, "x", 0, 1), -ELOOP);
	assert_int_equal(copy(b, "up/d", 040755, "", 0, 0), -ELOOP);
	assert_int_equal(copy(b, "up/l", 0120777, "x", 0, 1), -ELOOP);
	assert_string_equal(strrchr(b->err.msg, ':'), ": Too many levels of symbolic links");
	copied(b, "file", 0100600, "replaces the link");
	copied(b, "link", 040755, "");
	assert_int_equal(bed_mode(bed_path(b, "run/link")), S_IFDIR | 0755);
	bed_content(bed_path(b, "out/f"), "mine");
	assert_int_equal(count_entries(bed_path(b, "out")), 1);
	assert_int_equal(bed_mode(bed_path(b, "out")), S_IFDIR | 0700);
}

/* The hidden file in which pieces gather may have been exchanged by whoever can write there. */
static void a_planted_piece(void **state)
{
	struct bed *b = *state;
	struct dirent *entry;
	char hidden[300] = "";
	DIR *d;

	bed_write(bed_path(b, "mine"), "mine");
	assert_int_equal(copy(b, "d/f", 0100600, "ab", 0, 4), 0);
	d = opendir(bed_path(b, "run/d"));
	assert_non_null(d);
	while ((entry = readdir(d)))
		if (!strncmp(entry->d_name, ".part-", 6))
			snprintf(hidden, sizeof(hidden), "%s/%s", bed_path(b, "run/d"),
				entry->d_name);
	closedir(d);
	assert_int_equal(unlink(hidden), 0);
	assert_int_equal(symlink(bed_path(b, "mine"), hidden), 0);
	assert_int_equal(copy(b, "d/f", 0100600, "cd", 2, 4), -ELOOP);
	assert_int_equal(count_entries(bed_path(b, "run/d")), 0);
	assert_int_equal(link(bed_path(b, "mine"), hidden), 0);
	assert_int_equal(copy(b, "d/f", 0100600, "cd", 2, 4), -EINVAL);
	copied(b, "d/f", 0100600, "abcd");
	bed_content(bed_path(b, "mine"), "mine");
	bed_content(bed_path(b, "run/d/f"), "abcd");
}

static void figures_of_a_volume(void **state)
{
	struct bed *b = *state;
	Grpc__VolumeStatsResponse *out = calloc(1, sizeof(*out));
	Grpc__VolumeStatsRequest r;
	char path[256];

	assert_non_null(out);
	grpc__volume_stats_response__init(out);
	grpc__volume_stats_request__init(&r);
	snprintf(path, sizeof(path), "%s", bed_path(b, "run/vol"));
	r.volume_guest_path = path;
	assert_int_equal(rpc_get_volume_stats(&b->a, &r, out, &b->err), -ENOENT);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(mount("t", path, "tmpfs", 0, "size=1m,nr_inodes=10"), 0);
	bed_write(bed_path(b, "run/vol/f"), "some bytes");
	assert_int_equal(rpc_get_volume_stats(&b->a, &r, out, &b->err), 0);
	assert_int_equal(umount(path), 0);
	assert_int_equal(out->n_usage, 2);
	assert_int_equal(out->usage[0]->unit, GRPC__VOLUME_USAGE__UNIT__BYTES);
	assert_int_equal(out->usage[0]->total, MiB);
	assert_int_equal(out->usage[0]->used, 4096);
	assert_int_equal(out->usage[0]->available, MiB - 4096);
	assert_int_equal(out->usage[1]->unit, GRPC__VOLUME_USAGE__UNIT__INODES);
	assert_int_equal(out->usage[1]->total, 10);
	assert_int_equal(out->usage[1]->used, 2);
	assert_int_equal(out->usage[1]->available, 8);
	assert_int_equal(out->volume_condition->abnormal, 0);
	grpc__volume_stats_response__free_unpacked(out, NULL);
}

static void volumes_elsewhere(void **state)
{
	struct bed *b = *state;
	Grpc__VolumeStatsResponse out;
	Grpc__VolumeStatsRequest r;
	char outside[] = "/etc", path[256];

	grpc__volume_stats_response__init(&out);
	grpc__volume_stats_request__init(&r);
	r.volume_guest_path = outside;
	assert_int_equal(rpc_get_volume_stats(&b->a, &r, &out, &b->err), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(symlink("/etc", bed_path(b, "run/l")), 0);
	snprintf(path, sizeof(path), "%s", bed_path(b, "run/l"));
	r.volume_guest_path = path;
	assert_int_equal(rpc_get_volume_stats(&b->a, &r, &out, &b->err), -ELOOP);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bed_new, bed_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_small_file),
		TEST(pieces),
		TEST(long_names),
		TEST(directories),
		TEST(symlinks),
		TEST(nonsense),
		TEST(no_symlink_leads_out),
		TEST(a_planted_piece),
		TEST(figures_of_a_volume),
		TEST(volumes_elsewhere),
	};

	return cmocka_run_group_tests(tests, bed_private, NULL);
}
