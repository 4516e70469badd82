/*
 * Storages of every driver that a private mount namespace allows: what is mounted, for whom, until
 * when, and what is left after a failure.
 */
#define _GNU_SOURCE
#include "agent/test/storage_bed.h"

#include <dirent.h>

#include "agent/readonly.h"
#include "agent/storage_driver.h"

struct request {
	Grpc__Storage storage;
	char *options[16];
	char *driver_options[4];
	char mount_point[256];
};

static char *word(const char *text)
{
	union {
		const char *in;
		char *out;
	} u = { text };

	return u.out; /* messages are not const; nothing writes to it */
}

/* options: words, split at blanks; mount_point below run_dir. */
static void request_init(struct request *r, const struct bed *b, const char *driver,
	const char *source, const char *fstype, const char *mount_point)
{
	memset(r, 0, sizeof(*r));
	grpc__storage__init(&r->storage);
	snprintf(r->mount_point, sizeof(r->mount_point), "%s/%s", b->a.config.run_dir, mount_point);
	r->storage.driver = word(driver);
	r->storage.source = word(source);
	r->storage.fstype = word(fstype);
	r->storage.mount_point = r->mount_point;
	r->storage.options = r->options;
	r->storage.driver_options = r->driver_options;
}

static void option(struct request *r, const char *text)
{
	assert_true(r->storage.n_options < ARRAY_SIZE(r->options));
	r->options[r->storage.n_options++] = word(text);
}

static int add(struct bed *b, const char *owner, struct request *r)
{
	Grpc__Storage *list[] = { &r->storage };

	return storages_add(b->a.storages, owner, list, 1, &b->err);
}

static void add_ok_(struct bed *b, const char *owner, struct request *r)
{
	if (add(b, owner, r))
		fail_msg("%s", b->err.msg);
}

/* "%" in the sentence stands for the mount point. */
static void refused(struct bed *b, struct request *r, int code, const char *sentence)
{
	const char *place = strchr(sentence, '%');
	const int before = (int)(place ? (size_t)(place - sentence) : strlen(sentence));
	char want[512];

	assert_int_equal(add(b, "c1", r), code);
	snprintf(want, sizeof(want), "%.*s%s%s", before, sentence, place ? r->mount_point : "",
		place ? place + 1 : "");
	assert_string_equal(b->err.msg, want);
}

/* As the runtime asks for the sandbox's shared memory. */
static void shared_memory(void **state)
{
	struct bed *b = *state;
	const char *path = bed_path(b, "run/sandbox/shm");
	struct statvfs fs;
	struct request r;

	request_init(&r, b, "ephemeral", "shm", "tmpfs", "sandbox/shm");
	option(&r, "noexec");
	option(&r, "nosuid");
	option(&r, "nodev");
	option(&r, "mode=1777");
	option(&r, "size=67108864");
	add_ok_(b, "", &r);
	assert_int_equal(statvfs(path, &fs), 0);
	assert_int_equal(fs.f_flag & (ST_NOEXEC | ST_NOSUID | ST_NODEV | ST_RDONLY),
		ST_NOEXEC | ST_NOSUID | ST_NODEV);
	assert_int_equal(fs.f_blocks * fs.f_frsize, 67108864);
	assert_int_equal(bed_mode(path), S_IFDIR | 01777);
	storages_remove(b->a.storages, "");
	assert_int_equal(access(path, F_OK), -1);
}

/* A container that is made again finds its files; they go with the sandbox. */
static void memory_outlives_its_container(void **state)
{
	struct bed *b = *state;
	const char *path = bed_path(b, "run/sandbox/ephemeral/mem");
	struct request r;

	request_init(&r, b, "ephemeral", "tmpfs", "tmpfs", "sandbox/ephemeral/mem");
	add_ok_(b, "c1", &r);
	assert_true(bed_is_mounted(path));
	bed_write(bed_path(b, "run/sandbox/ephemeral/mem/kept"), "1");
	storages_remove(b->a.storages, "c1");
	add_ok_(b, "c2", &r);
	bed_content(bed_path(b, "run/sandbox/ephemeral/mem/kept"), "1");
	storages_remove(b->a.storages, "c2");
	assert_true(bed_is_mounted(path));
	storages_remove(b->a.storages, "");
	assert_false(bed_is_mounted(path));
}

static void memory_of_a_group(void **state)
{
	struct bed *b = *state;
	const gid_t gid = bed_group(b);
	char text[32];
	struct request r;
	struct stat st;

	snprintf(text, sizeof(text), "fsgid=%u", gid);
	request_init(&r, b, "ephemeral", "tmpfs", "tmpfs", "mem");
	option(&r, text);
	option(&r, "mode=0770");
	add_ok_(b, "c1", &r);
	assert_int_equal(stat(r.mount_point, &st), 0);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode & 07777, 02770);
}

static void local_directory(void **state)
{
	struct bed *b = *state;
	const gid_t gid = bed_group(b);
	char text[32];
	struct request r;
	struct stat st;

	request_init(&r, b, "local", "local", "local", "shared/containers/s/rootfs/local/cache");
	option(&r, "mode=0777");
	add_ok_(b, "c1", &r);
	assert_int_equal(bed_mode(r.mount_point), S_IFDIR | 0777);
	assert_false(bed_is_mounted(r.mount_point));
	snprintf(text, sizeof(text), "fsgid=%u", gid);
	request_init(&r, b, "local", "local", "local", "local/two");
	option(&r, "mode=0700");
	option(&r, text);
	add_ok_(b, "c1", &r);
	assert_int_equal(stat(r.mount_point, &st), 0);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode & 07777, 02700);
}

static void binds(void **state)
{
	struct bed *b = *state;
	struct request dir, file, fixed;
	struct statvfs fs;

	assert_int_equal(mkdir(bed_path(b, "from"), 0755), 0);
	bed_write(bed_path(b, "from/a"), "text");
	request_init(&dir, b, "bind", bed_path(b, "from"), "bind", "x/dir");
	option(&dir, "rbind");
	option(&dir, "rprivate");
	option(&dir, "ro");
	option(&dir, "nosuid");
	request_init(&file, b, "bind", bed_path(b, "from/a"), "bind", "x/file");
	request_init(&fixed, b, "bind", bed_path(b, "from/a"), "bind", "x/fixed");
	option(&fixed, "ro");
	add_ok_(b, "c1", &dir);
	add_ok_(b, "c1", &file);
	add_ok_(b, "c1", &fixed);
	bed_content(bed_path(b, "run/x/dir/a"), "text");
	bed_content(bed_path(b, "run/x/file"), "text");
	assert_int_equal(statvfs(dir.mount_point, &fs), 0);
	assert_int_equal(fs.f_flag & (ST_RDONLY | ST_NOSUID), ST_RDONLY | ST_NOSUID);
	assert_int_equal(statvfs(file.mount_point, &fs), 0);
	assert_int_equal(fs.f_flag & ST_RDONLY, 0);
	assert_int_equal(statvfs(fixed.mount_point, &fs), 0);
	assert_int_equal(fs.f_flag & ST_RDONLY, ST_RDONLY);
	storages_remove(b->a.storages, "c1");
	assert_int_equal(access(dir.mount_point, F_OK), -1);
	assert_int_equal(access(file.mount_point, F_OK), -1);
	bed_content(bed_path(b, "from/a"), "text");
}

/* As crun will see them: by the source, whatever the container's options say. */
static void what_is_readonly_stays_so(void **state)
{
	struct bed *b = *state;
	struct request r;
	json_t *config, *mounts, *want;

	assert_int_equal(mkdir(bed_path(b, "from"), 0755), 0);
	request_init(&r, b, "bind", bed_path(b, "from"), "bind", "fixed");
	option(&r, "ro");
	add_ok_(b, "c1", &r);
	config = json_pack("{s:[{s:s,s:s,s:[s,s]},{s:s,s:s,s:[s]},{s:s,s:s},{s:s,s:s,s:[s]}]}",
		"mounts", "type", "bind", "source", r.mount_point, "options", "rbind", "rw", "type",
		"bind", "source", bed_path(b, "from"), "options", "rbind", "type", "proc", "source",
		r.mount_point, "type", "bind", "source", "/nowhere", "options", "bind");
	assert_int_equal(readonly_keep(config, &b->err), 0);
	mounts = json_object_get(config, "mounts");
	want = json_pack("[[s,s,s],[s],n,[s]]", "rbind", "rw", "ro", "rbind", "bind");
	for (size_t i = 0; i < json_array_size(want); i++) {
		json_t *options = json_object_get(json_array_get(mounts, i), "options");

		assert_true(options ? json_equal(options, json_array_get(want, i))
				    : json_is_null(json_array_get(want, i)));
	}
	json_decref(want);
	json_decref(config);
	storages_remove(b->a.storages, "c1");
}

static void users_are_counted(void **state)
{
	struct bed *b = *state;
	struct request r;

	request_init(&r, b, "bind", b->dir, "bind", "shared");
	add_ok_(b, "c1", &r);
	add_ok_(b, "c1", &r);
	add_ok_(b, "c2", &r);
	storages_remove(b->a.storages, "c1");
	assert_true(bed_is_mounted(r.mount_point));
	storages_remove(b->a.storages, "c1");
	assert_true(bed_is_mounted(r.mount_point));
	storages_remove(b->a.storages, "c2");
	assert_false(bed_is_mounted(r.mount_point));
	strcat(r.mount_point, "///");
	r.storage.shared = true;
	add_ok_(b, "c1", &r);
	storages_remove(b->a.storages, "c1");
	assert_true(bed_is_mounted(bed_path(b, "run/shared")));
	r.storage.driver = word("ephemeral");
	r.storage.fstype = word("tmpfs");
	refused(b, &r, -EBUSY, "it is in use with the driver bind");
}

/* Layers below, a writable one of the container's, and the order of taking it apart. */
static void overlays(void **state)
{
	struct bed *b = *state;
	struct request low, r;
	char lower[128], create[160];
	Grpc__Storage *list[] = { &low.storage, &r.storage };

	assert_int_equal(mkdir(bed_path(b, "layer"), 0755), 0);
	bed_write(bed_path(b, "layer/a"), "low");
	request_init(&low, b, "bind", bed_path(b, "layer"), "bind", "virtual-volumes/l1");
	request_init(&r, b, "overlayfs", "overlay", "overlay", "c1/rootfs");
	snprintf(lower, sizeof(lower), "lowerdir=%s/virtual-volumes/l1", b->a.config.run_dir);
	option(&r, lower);
	option(&r, "io.katacontainers.fs-opt.overlay-rw");
	snprintf(create, sizeof(create),
		"io.katacontainers.volume.overlayfs.create_directory=%s/c1/fs",
		b->a.config.run_dir);
	r.driver_options[r.storage.n_driver_options++] = create;
	if (storages_add(b->a.storages, "c1", list, 2, &b->err))
		fail_msg("%s", b->err.msg);
	bed_content(bed_path(b, "run/c1/rootfs/a"), "low");
	bed_write(bed_path(b, "run/c1/rootfs/a"), "high");
	bed_content(bed_path(b, "layer/a"), "low");
	bed_content(bed_path(b, "run/c1/upper/a"), "high");
	assert_int_equal(bed_mode(bed_path(b, "run/c1/fs")), S_IFDIR | 0755);
	storages_remove(b->a.storages, "c1");
	assert_false(bed_is_mounted(bed_path(b, "run/c1/rootfs")));
	assert_false(bed_is_mounted(bed_path(b, "run/virtual-volumes/l1")));
}

static void a_failure_undoes_what_came_before(void **state)
{
	struct bed *b = *state;
	struct request had, one, two, bad;
	Grpc__Storage *list[] = { &had.storage, &one.storage, &two.storage, &bad.storage };

	request_init(&had, b, "ephemeral", "tmpfs", "tmpfs", "had");
	request_init(&one, b, "ephemeral", "tmpfs", "tmpfs", "one");
	request_init(&two, b, "bind", b->dir, "bind", "two");
	request_init(&bad, b, "bind", "/nowhere", "bind", "bad");
	add_ok_(b, "c0", &had);
	assert_int_equal(storages_add(b->a.storages, "c1", list, 4, &b->err), -ENOENT);
	assert_string_equal(b->err.msg, "look at /nowhere: No such file or directory");
	assert_true(bed_is_mounted(had.mount_point));
	assert_int_equal(access(one.mount_point, F_OK), -1);
	assert_int_equal(access(two.mount_point, F_OK), -1);
	assert_int_equal(access(bad.mount_point, F_OK), -1);
}

static void what_is_refused(void **state)
{
	struct bed *b = *state;
	struct request r;
	char sentence[300];

	request_init(&r, b, "image_guest_pull", "x", "x", "x");
	refused(b, &r, -EINVAL, "the storage driver \"image_guest_pull\" is not supported");
	request_init(&r, b, "scsi", "0:0", "ext4", "x");
	refused(b, &r, -EINVAL, "the storage driver \"scsi\" is not supported");
	request_init(&r, b, "ephemeral", "x", "tmpfs", "x");
	option(&r, "fsgid=root");
	refused(b, &r, -EINVAL, "the mount option fsgid=root is no number");
	request_init(&r, b, "virtio-fs", "tag", "", "x");
	refused(b, &r, -EINVAL, "the storage % has no file system type");
	request_init(&r, b, "virtio-fs", "tag", "nofs", "x");
	refused(b, &r, -ENODEV, "mount tag on % as nofs: No such device");
	assert_int_equal(access(r.mount_point, F_OK), -1);
	request_init(&r, b, "bind", "relative", "bind", "x");
	refused(b, &r, -EINVAL, "the source \"relative\" of a bind mount is no absolute path");
	request_init(&r, b, "ephemeral", "x", "hugetlbfs", "x");
	refused(b, &r, -EINVAL, "huge pages need the options pagesize= and size=");
	request_init(&r, b, "overlayfs", "overlay", "overlay", "x");
	option(&r, "io.katacontainers.fs-opt.overlay-rw");
	r.storage.driver = word("overlayfs");
	assert_int_equal(add(b, "", &r), -EINVAL);
	assert_string_equal(b->err.msg, "a writable overlay needs a container");
	request_init(&r, b, "blk", "/dev/vda", "ext4", "x");
	r.driver_options[r.storage.n_driver_options++] = word("encryption_key=ephemeral");
	refused(b, &r, -EOPNOTSUPP, "the driver option encryption_key=ephemeral is not supported");
	request_init(&r, b, "ephemeral", "x", "tmpfs", "../out");
	snprintf(sentence, sizeof(sentence), "the mount point %% is not below %s",
		b->a.config.run_dir);
	refused(b, &r, -EINVAL, sentence);
	assert_int_equal(access(bed_path(b, "out"), F_OK), -1);
	request_init(&r, b, "ephemeral", "x", "tmpfs", "");
	assert_int_equal(add(b, "c1", &r), -EINVAL);
}

static void no_symlink_leads_away(void **state)
{
	struct bed *b = *state;
	struct request r;

	assert_int_equal(mkdir(bed_path(b, "elsewhere"), 0755), 0);
	assert_int_equal(symlink(bed_path(b, "elsewhere"), bed_path(b, "run/link")), 0);
	request_init(&r, b, "ephemeral", "x", "tmpfs", "link/x");
	refused(b, &r, -ELOOP, "make the mount point %: Too many levels of symbolic links");
	request_init(&r, b, "ephemeral", "x", "tmpfs", "link");
	refused(b, &r, -ELOOP, "make the mount point %: Too many levels of symbolic links");
	assert_int_equal(access(bed_path(b, "elsewhere/x"), F_OK), -1);
}

static void a_disk_that_does_not_come(void **state)
{
	struct bed *b = *state;
	struct request r;

	request_init(&r, b, "mmioblk", "/dev/vdzz", "ext4", "x");
	refused(b, &r, -ETIMEDOUT,
		"the disk /dev/vdzz did not appear in 100 ms: there is no such device");
	request_init(&r, b, "blk", "1f/1e", "ext4", "x");
	refused(b, &r, -ETIMEDOUT,
		"the disk 1f/1e did not appear in 100 ms: there is no such device");
	request_init(&r, b, "blk", "../../etc", "ext4", "x");
	refused(b, &r, -EINVAL, "../../etc names no disk");
}

/* Any disk of this machine's; tmpfs does not look at it. */
static void a_disk_that_is_there(void **state)
{
	struct bed *b = *state;
	DIR *d = opendir("/sys/class/block");
	struct dirent *entry;
	struct request r;
	char node[300];
	int rc = -1;

	while (rc && d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(node, sizeof(node), "/dev/%s", entry->d_name);
		request_init(&r, b, "mmioblk", node, "tmpfs", "disk");
		rc = add(b, "c1", &r);
	}
	if (d)
		closedir(d);
	if (rc) {
		print_message("no disk on this machine\n");
		skip();
	}
	assert_true(bed_is_mounted(r.mount_point));
	storages_remove(b->a.storages, "c1");
	assert_false(bed_is_mounted(r.mount_point));
}

static void a_group_for_a_volume(void **state)
{
	struct bed *b = *state;
	Grpc__FSGroup group = GRPC__FSGROUP__INIT;
	struct request r;
	struct stat st;

	group.group_id = bed_group(b);
	assert_int_equal(mkdir(bed_path(b, "v"), 0700), 0);
	assert_int_equal(mkdir(bed_path(b, "v/d"), 0700), 0);
	bed_write(bed_path(b, "v/d/f"), "");
	bed_write(bed_path(b, "outside"), "");
	assert_int_equal(chmod(bed_path(b, "v/d/f"), 0400), 0);
	assert_int_equal(chmod(bed_path(b, "outside"), 0400), 0);
	assert_int_equal(symlink("../../outside", bed_path(b, "v/d/l")), 0);
	request_init(&r, b, "bind", bed_path(b, "v"), "bind", "v");
	r.storage.fs_group = &group;
	add_ok_(b, "c1", &r);
	assert_int_equal(stat(bed_path(b, "v/d"), &st), 0);
	assert_int_equal(st.st_gid, group.group_id);
	assert_int_equal(st.st_mode & 07777, 02770);
	assert_int_equal(stat(bed_path(b, "v/d/f"), &st), 0);
	assert_int_equal(st.st_gid, group.group_id);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(bed_mode(bed_path(b, "outside")), S_IFREG | 0400);
	storages_remove(b->a.storages, "c1");

	/* The root is as it should be: nothing below is looked at. */
	assert_int_equal(chmod(bed_path(b, "v/d/f"), 0400), 0);
	group.group_change_policy = TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch;
	add_ok_(b, "c1", &r);
	assert_int_equal(bed_mode(bed_path(b, "v/d/f")), S_IFREG | 0400);
	storages_remove(b->a.storages, "c1");
	group.group_change_policy = TYPES__FSGROUP_CHANGE_POLICY__Always;
	option(&r, "ro");
	add_ok_(b, "c1", &r);
	assert_int_equal(bed_mode(bed_path(b, "v/d/f")), S_IFREG | 0400);
}

static int update(struct bed *b, struct request *r)
{
	Grpc__Storage *list[] = { &r->storage };
	Grpc__UpdateEphemeralMountsRequest u = GRPC__UPDATE_EPHEMERAL_MOUNTS_REQUEST__INIT;

	u.storages = list;
	u.n_storages = 1;
	return rpc_update_ephemeral_mounts(&b->a, &u, NULL, &b->err);
}

static void memory_changes_its_size(void **state)
{
	struct bed *b = *state;
	struct request r;
	struct statvfs fs;

	request_init(&r, b, "ephemeral", "shm", "tmpfs", "shm");
	option(&r, "size=1m");
	assert_int_equal(update(b, &r), -ENOENT);
	add_ok_(b, "", &r);
	r.options[0] = word("size=2m");
	option(&r, "remount");
	if (update(b, &r))
		fail_msg("%s", b->err.msg);
	assert_int_equal(statvfs(r.mount_point, &fs), 0);
	assert_int_equal(fs.f_blocks * fs.f_frsize, 2 * MiB);
	r.storage.n_options = 0;
	assert_int_equal(update(b, &r), 0);
	r.storage.driver = word("local");
	assert_int_equal(update(b, &r), TTRPC_INVALID_ARGUMENT);
	storages_remove(b->a.storages, "");
	r.storage.driver = word("ephemeral");
	option(&r, "size=1m");
	assert_int_equal(mkdir(r.mount_point, 0755), 0);
	assert_int_equal(update(b, &r), -EINVAL);
	assert_int_equal(rmdir(r.mount_point), 0);
}

/* The numbers are in a file that stands for sysfs; /dev/zero is a guest without memory for more. */
static void huge_pages(void **state)
{
	struct bed *b = *state;
	pthread_mutex_t pages = PTHREAD_MUTEX_INITIALIZER;
	char sys[80];
	const struct device_places places = { sys, "/dev" };
	const struct storage_env env = { .config = &b->a.config,
		.places = &places,
		.pages = &pages };
	struct mount_opts opts;
	struct request r;
	struct storage_job job = { .request = &r.storage, .owner = "c1", .opts = &opts };
	const char *number;
	int rc;

	snprintf(sys, sizeof(sys), "%s/sys", b->dir);
	assert_int_equal(mkdir(sys, 0755), 0);
	assert_int_equal(mkdir(bed_path(b, "sys/kernel"), 0755), 0);
	assert_int_equal(mkdir(bed_path(b, "sys/kernel/mm"), 0755), 0);
	assert_int_equal(mkdir(bed_path(b, "sys/kernel/mm/hugepages"), 0755), 0);
	assert_int_equal(mkdir(bed_path(b, "sys/kernel/mm/hugepages/hugepages-2048kB"), 0755), 0);
	number = bed_path(b, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	bed_write(number, "3\n");
	request_init(&r, b, "ephemeral", "none", "hugetlbfs", "huge");
	option(&r, "pagesize=2Mi");
	option(&r, "size=5M");
	job.path = r.mount_point;
	assert_int_equal(mount_opts_parse(&opts, r.options, 2, &b->err), 0);
	rc = storage_start_ephemeral(&env, &job, &b->err);
	bed_content(number, rc ? "3" : "6"); /* hugetlbfs may not be had here */
	if (!rc)
		mount_end(b->a.config.run_dir, r.mount_point, true);
	assert_int_equal(unlink(number), 0);
	assert_int_equal(symlink("/dev/zero", number), 0);
	assert_int_equal(storage_start_ephemeral(&env, &job, &b->err), -ENOMEM);
	assert_string_equal(b->err.msg, "the guest has memory for 0 of 3 huge pages of 2048 KiB");
	opts.page_size = 64 * KiB;
	assert_int_equal(storage_start_ephemeral(&env, &job, &b->err), -EINVAL);
	assert_string_equal(b->err.msg, "this guest has no pages of 64 KiB");
	mount_opts_free(&opts);
}

static void looking_for_stale_mounts_harms_nothing(void **state)
{
	struct bed *b = *state;
	struct request r;

	request_init(&r, b, "bind", b->dir, "bind", "shared/containers/c1");
	add_ok_(b, "c1", &r);
	assert_int_equal(rpc_remove_stale_virtiofs_share_mounts(&b->a, NULL, NULL, &b->err), 0);
	assert_true(bed_is_mounted(r.mount_point));
}

struct rusher {
	struct bed *b;
	pthread_t thread;
	char owner[8];
	int failed;
};

static void *rush(void *arg)
{
	struct rusher *me = arg;
	struct err err = { 0 };
	struct request r;
	Grpc__Storage *list[] = { &r.storage };

	request_init(&r, me->b, "bind", me->b->dir, "bind", "rush");
	for (int i = 0; i < 50; i++) {
		me->failed |= storages_add(me->b->a.storages, me->owner, list, 1, &err) != 0;
		me->failed |= !bed_is_mounted(r.mount_point);
		storages_remove(me->b->a.storages, me->owner);
	}
	return NULL;
}

static void many_at_once(void **state)
{
	struct bed *b = *state;
	struct rusher r[6];

	for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
		r[i] = (struct rusher){ .b = b };
		snprintf(r[i].owner, sizeof(r[i].owner), "c%u", i);
		assert_int_equal(pthread_create(&r[i].thread, NULL, rush, &r[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
		pthread_join(r[i].thread, NULL);
		assert_int_equal(r[i].failed, 0);
	}
	assert_int_equal(access(bed_path(b, "run/rush"), F_OK), -1);
}

/* What GetGuestDetails tells is what there is. */
static void drivers_are_told(void **state)
{
	struct request r;
	struct bed b = { .dir = "/x" };
	struct err err;

	for (const char *const *d = storage_drivers(); *d; d++) {
		struct bed *real = *state;
		Grpc__Storage *list[] = { &r.storage };

		request_init(&r, &b, *d, "", "", "../x");
		err.msg[0] = '\0';
		assert_true(storages_add(real->a.storages, "c", list, 1, &err) < 0);
		assert_null(strstr(err.msg, "is not supported"));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bed_new, bed_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shared_memory),
		TEST(memory_outlives_its_container),
		TEST(memory_of_a_group),
		TEST(local_directory),
		TEST(binds),
		TEST(what_is_readonly_stays_so),
		TEST(users_are_counted),
		TEST(overlays),
		TEST(a_failure_undoes_what_came_before),
		TEST(what_is_refused),
		TEST(no_symlink_leads_away),
		TEST(a_disk_that_does_not_come),
		TEST(a_disk_that_is_there),
		TEST(a_group_for_a_volume),
		TEST(memory_changes_its_size),
		TEST(huge_pages),
		TEST(looking_for_stale_mounts_harms_nothing),
		TEST(many_at_once),
		TEST(drivers_are_told),
	};

	return cmocka_run_group_tests(tests, bed_private, NULL);
}
