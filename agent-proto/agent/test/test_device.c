/*
 * Finding disks in a sysfs made of directories and symlinks, with nodes as the test can make them;
 * containers' devices; swap areas.
 */
#define _GNU_SOURCE
#include "agent/test/storage_bed.h"

#include <sys/sysmacros.h>

#include "agent/device.h"
#include "agent/device_find.h"
#include "agent/swap.h"

#define DT_ROOT "../../devices/platform/soc/30000000.pci/pci0000:00"

static void pci_paths(void **state UNUSED)
{
	static const struct {
		const char *slots, *sysfs;
		bool matches;
	} cases[] = {
		{ "05", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", true },
		{ "5", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", true },
		{ "05.0", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", true },
		{ "1f", "../../devices/pci0000:00/0000:00:1f.0/virtio3/block/vdb", true },
		{ "02/05", DT_ROOT "/0000:00:02.0/0000:01:05.0/virtio3/block/vdb", true },
		{ "02.1/05.7", DT_ROOT "/0000:00:02.1/0000:01:05.7/virtio3/block/vdb", true },
		{ "05.1", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "06", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "02", DT_ROOT "/0000:00:02.0/0000:01:05.0/virtio3/block/vdb", false },
		{ "02/05/01", DT_ROOT "/0000:00:02.0/0000:01:05.0/virtio3/block/vdb", false },
		{ "05/", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "/05", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "05x", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "105", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "", DT_ROOT "/0000:00:05.0/virtio3/block/vdb", false },
		{ "05", "../../devices/pci0000:01/0000:01:05.0/virtio3/block/vdb", false },
		{ "05", "../../devices/platform/10008000.virtio_mmio/virtio3/block/vdb", false },
		{ "05", DT_ROOT "/", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (pci_path_matches(cases[i].sysfs, cases[i].slots) != cases[i].matches)
			fail_msg("%s, %s", cases[i].slots, cases[i].sysfs);
}

/* --- a sysfs --------------------------------------------------------------------------------- */

static void make_dirs(const struct bed *b, const char *path)
{
	char part[300];

	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		const char *next = strchr(p + 1, '/');

		snprintf(part, sizeof(part), "%s/%.*s", b->dir,
			(int)(next ? (size_t)(next - path) : strlen(path)), path);
		if (mkdir(part, 0755) && errno != EEXIST)
			fail_msg("make %s: %s", part, strerror(errno));
	}
}

/* A disk at sys/devices/WHERE/block/NAME. */
static void make_disk(const struct bed *b, const char *where, const char *name, unsigned minor,
	const char *size)
{
	char path[300], text[300];

	snprintf(path, sizeof(path), "sys/devices/%s/block/%s", where, name);
	make_dirs(b, path);
	make_dirs(b, "sys/class/block");
	snprintf(path, sizeof(path), "%s/sys/devices/%s/block/%s/dev", b->dir, where, name);
	snprintf(text, sizeof(text), "254:%u\n", minor);
	bed_write(path, text);
	snprintf(path, sizeof(path), "%s/sys/devices/%s/block/%s/size", b->dir, where, name);
	bed_write(path, size);
	snprintf(text, sizeof(text), "../../devices/%s/block/%s", where, name);
	snprintf(path, sizeof(path), "%s/sys/class/block/%s", b->dir, name);
	assert_int_equal(symlink(text, path), 0);
}

struct tree {
	char sys[96], dev[96];
	struct device_places at;
};

static void make_tree(const struct bed *b, struct tree *t)
{
	make_dirs(b, "dev");
	snprintf(t->sys, sizeof(t->sys), "%s/sys", b->dir);
	snprintf(t->dev, sizeof(t->dev), "%s/dev", b->dir);
	t->at = (struct device_places){ t->sys, t->dev };
	make_disk(b, "platform/10008000.virtio_mmio/virtio1", "vda", 0, "0\n");
	make_disk(b, "platform/10009000.virtio_mmio/virtio2", "vdb", 16, "2048\n");
	make_disk(b, "platform/30000000.pci/pci0000:00/0000:00:05.0/virtio12", "vdc", 32, "8\n");
}

/* Ordinary users can make no nodes. */
static void make_node(const struct bed *b, const char *name, unsigned minor)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/dev/%s", b->dir, name);
	if (!mknod(path, S_IFBLK | 0600, makedev(254, minor)))
		return;
	print_message("make a node: %s\n", strerror(errno));
	skip();
}

static int find(struct bed *b, const struct tree *t, const char *name, struct disk *d)
{
	return disk_find(d, &t->at, b->a.uevents, name, 20, &b->err);
}

static void not_there(struct bed *b, const struct tree *t, const char *name, const char *why)
{
	struct disk d;
	char sentence[300];

	assert_int_equal(find(b, t, name, &d), -ETIMEDOUT);
	snprintf(sentence, sizeof(sentence), "the disk %s did not appear in 20 ms: %s", name, why);
	assert_string_equal(b->err.msg, sentence);
}

static void disks_that_are_not_there(void **state)
{
	struct bed *b = *state;
	struct tree t;

	make_tree(b, &t);
	not_there(b, &t, "/dev/vdx", "there is no such device");
	not_there(b, &t, "/dev/vda", "it has no size yet");
	not_there(b, &t, "/dev/vdb", "its node is missing");
	not_there(b, &t, "05", "its node is missing");
	not_there(b, &t, "06", "there is no such device");
	not_there(b, &t, "virtio2", "its node is missing");
	not_there(b, &t, "virtio", "there is no such device");
	bed_write(bed_path(b, "dev/vdb"), "no node");
	not_there(b, &t, "/dev/vdb", "its node is missing");
}

static void names_of_no_disk(void **state)
{
	static const char *const bad[] = { "", "/dev/", "/dev/..", "/dev/../etc", "/dev/a/b",
		"/etc/x", "/", "..", "a/b/zz", "05/..", "../05" };
	struct bed *b = *state;
	struct tree t;
	struct disk d;

	make_tree(b, &t);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (find(b, &t, bad[i], &d) != -EINVAL)
			fail_msg("%s: %s", bad[i], b->err.msg);
}

static void disks_by_all_their_names(void **state)
{
	static const struct {
		const char *name, *node;
		unsigned minor;
	} cases[] = {
		{ "/dev/vdb", "vdb", 16 },
		{ "virtio2", "vdb", 16 },
		{ "10009000.virtio_mmio", "vdb", 16 },
		{ "05", "vdc", 32 },
		{ "/dev/vdc", "vdc", 32 },
		{ "virtio12", "vdc", 32 },
	};
	struct bed *b = *state;
	struct tree t;
	struct disk d;

	make_tree(b, &t);
	make_node(b, "vdb", 16);
	make_node(b, "vdc", 32);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char node[128];

		if (find(b, &t, cases[i].name, &d))
			fail_msg("%s", b->err.msg);
		snprintf(node, sizeof(node), "%s/%s", t.dev, cases[i].node);
		assert_string_equal(d.node, node);
		assert_int_equal(d.major, 254);
		assert_int_equal(d.minor, cases[i].minor);
	}
	make_node(b, "vda", 1); /* a stale one, of another device */
	bed_write(bed_path(b, "sys/class/block/vda/size"), "16\n");
	not_there(b, &t, "/dev/vda", "its node is missing");
}

static void devices_of_a_container(void **state)
{
	struct bed *b = *state;
	Grpc__Device d;
	Grpc__Device *list[] = { &d };
	char type[] = "vfio-pci", path[] = "/dev/xvda", node[] = "/dev/nosuch", none[] = "";
	char block[] = "mmioblk";
	struct spec_device out;

	grpc__device__init(&d);
	d.type = type;
	d.vm_path = node;
	d.container_path = path;
	assert_int_equal(devices_find(b->a.uevents, &b->a.config, list, 1, &out, &b->err), -EINVAL);
	assert_string_equal(b->err.msg,
		"device /dev/xvda: a device of type \"vfio-pci\" is not supported");
	d.type = block;
	assert_int_equal(devices_find(b->a.uevents, &b->a.config, list, 1, &out, &b->err),
		-ETIMEDOUT);
	d.container_path = none;
	assert_int_equal(devices_find(b->a.uevents, &b->a.config, list, 1, &out, &b->err), -EINVAL);
	assert_int_equal(devices_find(b->a.uevents, &b->a.config, NULL, 0, NULL, &b->err), 0);
	assert_string_equal(device_drivers()[0], "blk");
}

/* --- swap ------------------------------------------------------------------------------------ */

static void swap_areas(void **state UNUSED)
{
	unsigned char page[4096] = { 0 };
	uint32_t info[3];

	assert_int_equal(swap_look(page, sizeof(page)), SWAP_BLANK);
	page[4095] = 1;
	assert_int_equal(swap_look(page, sizeof(page)), SWAP_OTHER);
	swap_header(page, sizeof(page), 256);
	assert_int_equal(swap_look(page, sizeof(page)), SWAP_READY);
	memcpy(info, page + 1024, sizeof(info));
	assert_int_equal(info[0], 1);
	assert_int_equal(info[1], 255);
	assert_int_equal(info[2], 0);
	assert_memory_equal(page + 4086, "SWAPSPACE2", 10);
	assert_int_equal(swap_look(page, 2048), SWAP_OTHER);
}

static void swap_requests(void **state)
{
	struct bed *b = *state;
	Grpc__AddSwapRequest pci;
	Grpc__AddSwapPathRequest path;
	uint32_t slots[9] = { 2, 0x1e };
	char text[] = "/etc/passwd", node[] = "/dev/nosuch";

	grpc__add_swap_request__init(&pci);
	grpc__add_swap_path_request__init(&path);
	assert_int_equal(rpc_add_swap(&b->a, &pci, NULL, &b->err), TTRPC_INVALID_ARGUMENT);
	pci.pcipath = slots;
	pci.n_pcipath = 2;
	assert_int_equal(rpc_add_swap(&b->a, &pci, NULL, &b->err), -ETIMEDOUT);
	assert_non_null(strstr(b->err.msg, "the disk 02/1e did not appear"));
	pci.n_pcipath = 9;
	assert_int_equal(rpc_add_swap(&b->a, &pci, NULL, &b->err), TTRPC_INVALID_ARGUMENT);
	pci.n_pcipath = 8;
	assert_int_equal(rpc_add_swap(&b->a, &pci, NULL, &b->err), -ETIMEDOUT);
	slots[0] = 0x20;
	assert_int_equal(rpc_add_swap(&b->a, &pci, NULL, &b->err), TTRPC_INVALID_ARGUMENT);
	path.path = text;
	assert_int_equal(rpc_add_swap_path(&b->a, &path, NULL, &b->err), TTRPC_INVALID_ARGUMENT);
	path.path = node;
	assert_int_equal(rpc_add_swap_path(&b->a, &path, NULL, &b->err), -ETIMEDOUT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bed_new, bed_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_paths),
		TEST(disks_that_are_not_there),
		TEST(names_of_no_disk),
		TEST(disks_by_all_their_names),
		TEST(devices_of_a_container),
		cmocka_unit_test(swap_areas),
		TEST(swap_requests),
	};

	return cmocka_run_group_tests(tests, bed_private, NULL);
}
