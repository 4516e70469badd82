/*
 * Three requests make a disk: add-fd brings the descriptor, blockdev-add makes a copy of it a block
 * device, device_add puts that into a free slot. What was brought is closed at the connection's
 * end. See ctl_plug.h.
 */
#include "shim/cli/ctl_plug.h"

#include <ctype.h>
#include <string.h>
#include "vm.h"

static const struct opt keys[] = {
	{ "", .set = opt_text, .offset = offsetof(struct plug, path) },
	{ "ro", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct plug, readonly) },
	{ "id", .set = opt_name, .offset = offsetof(struct plug, wanted), .max = PLUG_ID_MAX },
};

/* The file's name, as far as it can be an id. */
static void name_after(char id[PLUG_ID_MAX + 1], const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = 0;

	for (const char *p = slash ? slash + 1 : path; *p && n < PLUG_ID_MAX; p++)
		id[n++] = (char)(isalnum((unsigned char)*p) || strchr("._-", *p) ? *p : '_');
	id[n] = 0;
}

int plug_parse(struct plug *p, const char *spec, struct err *err)
{
	int rc;

	*p = (struct plug){ 0 };
	rc = opts_list(keys, ARRAY_SIZE(keys), spec, p, &p->texts, err);
	if (rc)
		return rc;
	if (!*p->path)
		return failx(err, -EINVAL, "the path is empty");
	name_after(p->id, p->wanted ? p->wanted : p->path);
	return *p->id ? 0 : failx(err, -EINVAL, "%s is a directory", p->path);
}

void plug_free(struct plug *p)
{
	opts_texts_free(&p->texts);
}

/* One request, which it takes over. 1: the reply holds an error. */
static int ask(struct client *c, json_t *request, int fd, json_t **reply, struct err *err)
{
	int rc;

	json_decref(*reply);
	*reply = NULL;
	rc = request ? client_call(c, request, fd, reply, err)
		     : failx(err, -EINVAL, "the path is no text");
	json_decref(request);
	return !rc && json_object_get(*reply, "error") ? 1 : rc;
}

static json_t *add_fd(const struct plug *p)
{
	return json_pack("{s:s,s:{s:s}}", "execute", "add-fd", "arguments", "opaque", p->path);
}

static json_t *blockdev_add(const struct plug *p, const json_t *added)
{
	json_int_t set = json_integer_value(
		json_object_get(json_object_get(added, "return"), "fdset-id"));
	char name[40];

	snprintf(name, sizeof(name), "/dev/fdset/%lld", (long long)set);
	return json_pack("{s:s,s:{s:s,s:s,s:b,s:{s:s,s:s}}}", "execute", "blockdev-add",
		"arguments", "driver", "raw", "node-name", p->id, "read-only", p->readonly, "file",
		"driver", "file", "filename", name);
}

static json_t *device_add(const struct plug *p)
{
	return json_pack("{s:s,s:{s:s,s:s,s:s}}", "execute", "device_add", "arguments", "driver",
		"virtio-blk-device", "id", p->id, "drive", p->id);
}

/* As well as may be: why it is done is what is to be told. */
static void take_back(const struct plug *p, struct client *c)
{
	json_t *reply = NULL;
	json_t *request = json_pack("{s:s,s:{s:s}}", "execute", "blockdev-del", "arguments",
		"node-name", p->id);

	(void)!ask(c, request, -1, &reply, NULL);
	json_decref(reply);
}

int plug_run(const struct plug *p, struct client *c, json_t **reply, struct err *err)
{
	AUTO_FD fd = -1;
	int rc = block_open_file(&fd, p->path, p->readonly, err);

	if (!rc)
		rc = ask(c, add_fd(p), fd, reply, err);
	if (!rc)
		rc = ask(c, blockdev_add(p, *reply), -1, reply, err);
	if (!rc) {
		rc = ask(c, device_add(p), -1, reply, err);
		if (rc > 0)
			take_back(p, c);
	}
	if (!rc)
		json_object_set_new(json_object_get(*reply, "return"), "id", json_string(p->id));
	return MIN(rc, 0);
}
