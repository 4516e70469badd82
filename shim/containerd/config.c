/* See config.h. */
#include "shim/containerd/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "shim/containerd/bundle.h"
#include "shim/containerd/file.h"
#include "shim/opts/opts.h"

#define PREFIX	   "io.sampan."
#define CONFIG_MAX (64 * KiB)
#define GUEST	   "/usr/local/share/sampan/guest/"

enum kind { TEXT, PATH, NUMBER, FLAG, NAMES };

static const struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
} keys[] = {
#define AT(field) offsetof(struct config, field)
	{ "kernel", PATH, AT(kernel), 0, 0 },
	{ "image", PATH, AT(image), 0, 0 },
	{ "initrd", PATH, AT(initrd), 0, 0 },
	{ "rootfs_type", TEXT, AT(rootfs_type), 0, 0 },
	{ "kernel_params", TEXT, AT(kernel_params), 0, 0 },
	{ "virtiofsd", PATH, AT(virtiofsd), 0, 0 },
	{ "virtiofsd_cache", TEXT, AT(virtiofsd_cache), 0, 0 },
	{ "vcpus", NUMBER, AT(vcpus), 1, 64 },
	{ "max_vcpus", NUMBER, AT(max_vcpus), 1, 64 },
	{ "memory", NUMBER, AT(memory), 64, 1 << 24 },
	{ "max_memory", NUMBER, AT(max_memory), 64, 1 << 24 },
	{ "hugepages", FLAG, AT(hugepages), 0, 0 },
	{ "disk_slots", NUMBER, AT(disk_slots), 0, 48 },
	{ "boot_timeout", NUMBER, AT(boot_timeout), 1, 3600 },
	{ "call_timeout", NUMBER, AT(call_timeout), 1, 3600 },
	{ "debug", FLAG, AT(debug), 0, 0 },
	{ "seccomp", FLAG, AT(seccomp), 0, 0 },
	{ "watch_config_maps", FLAG, AT(watch_config_maps), 0, 0 },
	{ "shared_files", FLAG, AT(shared_files), 0, 0 },
	{ "annotations", NAMES, 0, 0, 0 },
#undef AT
};

static const struct config defaults = {
	.kernel = GUEST "Image",
	.rootfs_type = "erofs",
	.kernel_params = "",
	.virtiofsd = "/usr/libexec/virtiofsd",
	.virtiofsd_cache = "auto",
	.vcpus = 1,
	.max_vcpus = 16,
	.memory = 256,
	.max_memory = 1 << 24,
	.disk_slots = 8,
	.boot_timeout = 120,
	.call_timeout = 60,
	.seccomp = true,
	.watch_config_maps = true,
	.shared_files = true,
};

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int set_number(const struct key *k, void *field, int64_t value, struct err *err)
{
	if (value < (int64_t)k->min || value > (int64_t)k->max)
		return failx(err, -ERANGE, "%lld is not within %llu and %llu", (long long)value,
			(unsigned long long)k->min, (unsigned long long)k->max);
	*(unsigned *)field = (unsigned)value;
	return 0;
}

static int set_text(const struct key *k, void *field, const char *value, struct err *err)
{
	if (k->kind == PATH && *value != '/')
		return failx(err, -EINVAL, "\"%.80s\" is no absolute path", value);
	*(const char **)field = value;
	return 0;
}

/* Each is a key that an annotation may set. */
static int check_names(const json_t *names, struct err *err)
{
	const json_t *name;
	size_t i;

	json_array_foreach (names, i, name) {
		const char *text = json_string_value(name);
		const struct key *k = text ? find(text) : NULL;

		if (!k || k->kind == NAMES)
			return failx(err, -EINVAL, "\"%.40s\" is no key that can be allowed",
				text ? text : "");
	}
	return 0;
}

static int set_json(struct config *c, const struct key *k, const json_t *value, struct err *err)
{
	static const char *const wanted[] = { "a string", "a string", "a number", "true or false",
		"a list of keys" };
	void *field = (char *)c + k->offset;

	switch (k->kind) {
	case TEXT:
	case PATH:
		if (json_is_string(value))
			return set_text(k, field, json_string_value(value), err);
		break;
	case NUMBER:
		if (json_is_integer(value))
			return set_number(k, field, json_integer_value(value), err);
		break;
	case FLAG:
		if (json_is_boolean(value))
			*(bool *)field = json_is_true(value);
		if (json_is_boolean(value))
			return 0;
		break;
	case NAMES:
		if (json_is_array(value))
			return check_names(value, err);
		break;
	}
	return failx(err, -EINVAL, "it must be %s", wanted[k->kind]);
}

static int set_all(struct config *c, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach (c->json, name, value) {
		const struct key *k = find(name);
		int rc = k ? set_json(c, k, value, err) : -EINVAL;

		if (!k)
			return failx(err, rc, "unknown key \"%.40s\"", name);
		if (rc)
			return err_prefix(err, rc, "%s", name);
	}
	return 0;
}

/* What holds between keys. */
static int settle(struct config *c, struct err *err)
{
	if (c->image && c->initrd)
		return failx(err, -EINVAL, "image and initrd are both given: one is possible");
	if (!c->image && !c->initrd)
		c->image = GUEST "sampan-guest-erofs.img";
	if (c->vcpus > c->max_vcpus)
		return failx(err, -EINVAL, "vcpus %u is more than max_vcpus %u", c->vcpus,
			c->max_vcpus);
	if (c->memory > c->max_memory)
		return failx(err, -EINVAL, "memory %u is more than max_memory %u", c->memory,
			c->max_memory);
	return 0;
}

int config_load(struct config *c, const struct config_source *from, struct err *err)
{
	const char *path = from->path ? from->path : CONFIG_PATH;
	const char *what = from->text ? "the configuration in containerd's options" : path;
	AUTO_FREE char *file = NULL;
	const char *text = from->text;
	size_t len = from->len;
	int rc = text ? 0 : file_read(path, CONFIG_MAX, &file, &len, err);

	*c = defaults;
	if (rc == -ENOENT && !from->path)
		return settle(c, err);
	if (rc)
		return err_prefix(err, rc, "configuration");
	rc = bundle_parse(&c->json, text ? text : file, len, what, err);
	if (rc)
		return rc;
	rc = set_all(c, err);
	if (!rc)
		rc = settle(c, err);
	if (rc) {
		err_prefix(err, rc, "%s", what);
		config_free(c);
	}
	return rc;
}

void config_free(struct config *c)
{
	json_decref(c->json);
	c->json = NULL;
}

static bool is_allowed(const struct config *c, const char *name)
{
	const json_t *list = json_object_get(c->json, "annotations"), *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (!strcmp(json_string_value(item), name))
			return true;
	return false;
}

static int set_word(struct config *c, const struct key *k, const char *value, struct err *err)
{
	void *field = (char *)c + k->offset;
	uint64_t number;
	int rc;

	if (k->kind == TEXT || k->kind == PATH)
		return set_text(k, field, value, err);
	if (k->kind == NUMBER) {
		rc = parse_count(value, k->min, k->max, &number, err);
		if (!rc)
			*(unsigned *)field = (unsigned)number;
		return rc;
	}
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return failx(err, -EINVAL, "\"%.20s\" is neither true nor false", value);
	*(bool *)field = !strcmp(value, "true");
	return 0;
}

int config_annotate(struct config *c, const json_t *spec, struct err *err)
{
	json_t *list = json_object_get(spec, "annotations");
	const char *name;
	json_t *value;

	json_object_foreach (list, name, value) {
		const char *key = strncmp(name, PREFIX, strlen(PREFIX)) ? NULL
									: name + strlen(PREFIX);
		const struct key *k = key ? find(key) : NULL;
		int rc;

		if (!key)
			continue;
		if (!k || k->kind == NAMES || !json_is_string(value))
			return failx(err, -EINVAL, "unknown annotation \"%.80s\"", name);
		if (!is_allowed(c, key))
			return failx(err, -EPERM,
				"annotation %s is not allowed: \"annotations\" in the configuration "
				"does not list it",
				name);
		if (!strcmp(key, "image"))
			c->initrd = NULL;
		if (!strcmp(key, "initrd"))
			c->image = NULL;
		rc = set_word(c, k, json_string_value(value), err);
		if (rc)
			return err_prefix(err, rc, "annotation %s", name);
	}
	return settle(c, err);
}

/* The header of a RISC-V Image (Documentation/arch/riscv/boot-image-header.rst), or one of the
 * packed forms that the monitor unpacks; another architecture's kernel is told apart by the ELF
 * header's e_machine (243 is RISC-V) or by its Image's own magic number. */
static int check_kernel(const char *path, struct err *err)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[64] = { 0 };

	if (fd < 0)
		return fail(err, -errno, "open kernel %s", path);
	if (read(fd, head, sizeof(head)) != sizeof(head))
		return failx(err, -ENOEXEC, "kernel %s is too short to be one", path);
	if (!memcmp(head, "\177ELF", 4) && (head[18] != 243 || head[19]))
		return failx(err, -ENOEXEC,
			"kernel %s is for another architecture (ELF machine %u)", path,
			head[18] | head[19] << 8);
	if (!memcmp(head + 56, "ARM\x64", 4))
		return failx(err, -ENOEXEC, "kernel %s is for arm64", path);
	return 0;
}

static int check_file(const char *what, const char *path, int how, struct err *err)
{
	struct stat st;

	if (stat(path, &st) || access(path, how))
		return fail(err, -errno, "%s %s", what, path);
	return S_ISREG(st.st_mode) ? 0 : failx(err, -EINVAL, "%s %s is no file", what, path);
}

int config_check(const struct config *c, struct err *err)
{
	int rc = check_kernel(c->kernel, err);

	if (!rc)
		rc = c->image ? check_file("image", c->image, R_OK, err)
			      : check_file("initrd", c->initrd, R_OK, err);
	if (!rc && c->shared_files)
		rc = check_file("virtiofsd", c->virtiofsd, X_OK, err);
	if (!rc && access("/dev/kvm", R_OK | W_OK))
		rc = fail(err, -errno,
			"open /dev/kvm (no H extension, or the kvm module is not loaded?)");
	return rc;
}
