/*
 * Devices of a container: its nodes, and the rules of which devices it may use.
 *
 * The specification names block devices by the host's numbers. What the runtime has plugged for the
 * container has a number of the guest, found by the path inside the container (struct spec_device),
 * and that is what nodes, rules and I/O limits get.
 */
#include <string.h>
#include "agent/spec_build.h"

/* What every container may use, as with any OCI runtime. Major or minor -1: all of them. */
static const struct {
	const char *type, *access;
	int64_t major, minor;
} standard_rules[] = {
	{ "c", "m", -1, -1 },			    /* making a node is not using it */
	{ "b", "m", -1, -1 }, { "c", "rwm", 1, 3 }, /* null */
	{ "c", "rwm", 1, 5 },			    /* zero */
	{ "c", "rwm", 1, 7 },			    /* full */
	{ "c", "rwm", 1, 8 },			    /* random */
	{ "c", "rwm", 1, 9 },			    /* urandom */
	{ "c", "rwm", 5, 0 },			    /* tty */
	{ "c", "rwm", 5, 1 },			    /* console */
	{ "c", "rwm", 5, 2 },			    /* ptmx */
	{ "c", "rwm", 136, -1 },		    /* pts */
	{ "c", "rwm", 10, 200 },		    /* tun */
};

/* A pointer into the list, or NULL. */
static const struct spec_device *plugged(const struct spec_place *place, const char *path)
{
	for (size_t i = 0; i < place->ndevices; i++)
		if (!strcmp(place->devices[i].container_path, path))
			return &place->devices[i];
	return NULL;
}

static bool specified(const Grpc__Linux *spec, const char *path)
{
	for (size_t i = 0; spec && i < spec->n_devices; i++)
		if (!strcmp(spec->devices[i]->path, path))
			return true;
	return false;
}

/* Char devices have two spellings of their type. */
static char type_letter(const char *type)
{
	if (!type[0] || type[1] || !strchr("abcup", type[0]))
		return 0;
	return type[0] == 'u' ? 'c' : type[0];
}

void spec_guest_device(const Grpc__Linux *spec, const struct spec_place *place, char *type,
	int64_t *major, int64_t *minor)
{
	const struct spec_device *guest;

	for (size_t i = 0; spec && place && i < spec->n_devices; i++) {
		const Grpc__LinuxDevice *d = spec->devices[i];

		if (type_letter(d->type) != *type || d->major != *major || d->minor != *minor)
			continue;
		guest = plugged(place, d->path);
		if (!guest)
			continue;
		*type = guest->type;
		*major = guest->major;
		*minor = guest->minor;
		return;
	}
}

static json_t *put_device(struct build *b, json_t *array, const char *path, char type,
	int64_t major, int64_t minor, uint32_t mode)
{
	const char text[] = { type, 0 };
	json_t *object = build_object(b, array, NULL);

	if (*path != '/')
		build_refuse(b, "the device path %s is not absolute", path);
	build_string(b, object, "path", path);
	build_string(b, object, "type", text);
	if (type != 'p') {
		build_int(b, object, "major", major);
		build_int(b, object, "minor", minor);
	}
	if (mode)
		build_int(b, object, "fileMode", mode & 07777);
	return object;
}

static void put_specified(struct build *b, json_t *array, const Grpc__LinuxDevice *d,
	const struct spec_device *guest)
{
	char type = guest ? guest->type : type_letter(d->type);
	json_t *object;

	if (type != 'b' && type != 'c' && type != 'p')
		build_refuse(b, "the device %s is of no known type: %s", d->path, d->type);
	object = put_device(b, array, d->path, type, guest ? guest->major : d->major,
		guest ? guest->minor : d->minor, d->filemode);
	build_int(b, object, "uid", d->uid);
	build_int(b, object, "gid", d->gid);
}

void spec_put_devices(struct build *b, json_t *parent, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	size_t n = spec ? spec->n_devices : 0;
	json_t *array;

	if (n > SPEC_MAX_DEVICES || place->ndevices > SPEC_MAX_DEVICES)
		build_refuse(b, "there are more than %u devices", SPEC_MAX_DEVICES);
	if (b->code || (!n && !place->ndevices))
		return;
	array = build_array(b, parent, "devices");
	for (size_t i = 0; i < n && !b->code; i++)
		put_specified(b, array, spec->devices[i], plugged(place, spec->devices[i]->path));
	for (size_t i = 0; i < place->ndevices && !b->code; i++) {
		const struct spec_device *d = &place->devices[i];

		if (!specified(spec, d->container_path))
			put_device(b, array, d->container_path, d->type, d->major, d->minor, 0660);
	}
}

static void put_rule(struct build *b, json_t *array, bool allow, char type, int64_t major,
	int64_t minor, const char *access)
{
	const char text[] = { type, 0 };
	json_t *object = build_object(b, array, NULL);

	build_bool(b, object, "allow", allow);
	build_string(b, object, "type", text);
	if (major >= 0)
		build_int(b, object, "major", major);
	if (minor >= 0)
		build_int(b, object, "minor", minor);
	build_string(b, object, "access", access);
}

/* On the wire an absent number and 0 are one; the device 0:0 exists nowhere, so it means all. */
static void put_specified_rule(struct build *b, json_t *array, const Grpc__LinuxDeviceCgroup *rule,
	const Grpc__Linux *spec, const struct spec_place *place)
{
	char type = *rule->type ? type_letter(rule->type) : 'a';
	int64_t major = rule->major, minor = rule->minor;

	if (type == 'a' && !rule->allow) /* is the first rule anyway */
		return;
	if (type != 'a' && type != 'b' && type != 'c')
		build_refuse(b, "a device rule is of no known type: %s", rule->type);
	if (!*rule->access || strspn(rule->access, "rwm") != strlen(rule->access))
		build_refuse(b, "a device rule allows no known access: %s", rule->access);
	if ((!major && !minor) || type == 'a')
		major = minor = -1;
	spec_guest_device(spec, place, &type, &major, &minor);
	put_rule(b, array, rule->allow, type, major, minor, rule->access);
}

/* Whether the specification's own rules speak of this device. */
static bool ruled(const Grpc__Linux *spec, const Grpc__LinuxDevice *d)
{
	const Grpc__LinuxResources *r = spec->resources;

	for (size_t i = 0; r && i < r->n_devices; i++)
		if (r->devices[i]->major == d->major && r->devices[i]->minor == d->minor &&
			type_letter(r->devices[i]->type) == type_letter(d->type))
			return true;
	return false;
}

/* Devices in the container that no rule speaks of: it has them in order to use them. */
static void put_rules_of_devices(struct build *b, json_t *array, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	for (size_t i = 0; spec && i < spec->n_devices && !b->code; i++) {
		const Grpc__LinuxDevice *d = spec->devices[i];
		char type = type_letter(d->type);
		int64_t major = d->major, minor = d->minor;
		const struct spec_device *guest = plugged(place, d->path);

		if (ruled(spec, d) || (!guest && type == 'p'))
			continue;
		put_rule(b, array, true, guest ? guest->type : type, guest ? guest->major : major,
			guest ? guest->minor : minor, "rwm");
	}
	for (size_t i = 0; i < place->ndevices && !b->code; i++) {
		const struct spec_device *d = &place->devices[i];

		if (!specified(spec, d->container_path))
			put_rule(b, array, true, d->type, d->major, d->minor, "rwm");
	}
}

void spec_put_device_rules(struct build *b, json_t *parent, const Grpc__Linux *spec,
	const struct spec_place *place)
{
	const Grpc__LinuxResources *r = spec ? spec->resources : NULL;
	json_t *array = build_array(b, parent, "devices");

	if (r && r->n_devices > SPEC_MAX_DEVICES)
		build_refuse(b, "there are more than %u device rules", SPEC_MAX_DEVICES);
	put_rule(b, array, false, 'a', -1, -1, "rwm");
	for (size_t i = 0; i < ARRAY_SIZE(standard_rules); i++)
		put_rule(b, array, true, *standard_rules[i].type, standard_rules[i].major,
			standard_rules[i].minor, standard_rules[i].access);
	put_rules_of_devices(b, array, spec, place);
	for (size_t i = 0; r && i < r->n_devices && !b->code; i++)
		put_specified_rule(b, array, r->devices[i], spec, place);
}
