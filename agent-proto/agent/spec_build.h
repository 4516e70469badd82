/*
 * How the parts of the translation write JSON: values are put into an object (key given) or an
 * array (key NULL), and the first failure sticks in struct build, so that nobody has to look in
 * between. What is put belongs to its parent; a NULL parent (something failed before) is fine.
 *
 * Internal to spec*.c.
 */
#ifndef SAMPAN_AGENT_SPEC_BUILD_H
#define SAMPAN_AGENT_SPEC_BUILD_H

#include "agent/spec.h"

#define SPEC_MAX_VALUES	 200000 /* JSON values of one specification */
#define SPEC_MAX_DEVICES 1024	/* devices, device rules, limits per device: compared pairwise */

struct build {
	struct err *err;
	int code;    /* 0, or what failed first */
	size_t left; /* values that may still be made */
};

/* For what can't be run: sets the sentence unless there is one. */
#define build_refuse(b, ...)                                                                       \
	do {                                                                                       \
		if (!(b)->code)                                                                    \
			(b)->code = failx((b)->err, -EINVAL, __VA_ARGS__);                         \
	} while (0)

/* Takes value over. Returns it, or NULL. */
json_t *build_put(struct build *b, json_t *parent, const char *key, json_t *value);

json_t *build_object(struct build *b, json_t *parent, const char *key);
json_t *build_array(struct build *b, json_t *parent, const char *key);

void build_int(struct build *b, json_t *parent, const char *key, int64_t value);
void build_bool(struct build *b, json_t *parent, const char *key, bool value);

/* JSON of jansson has no number above INT64_MAX. crun reads "-1" into an unsigned 64-bit field as
 * strtoull() does, 2^64 - 1, so the two's complement arrives unchanged. */
void build_unsigned(struct build *b, json_t *parent, const char *key, uint64_t value);

/* Text; an empty one is left out of an object, not of an array. */
void build_string(struct build *b, json_t *parent, const char *key, const char *value);

/* An array of text, left out when n is 0. */
void build_strings(struct build *b, json_t *parent, const char *key, char *const *list, size_t n);

/* Ends a translation: *out is root, or root is freed and the failure returned. */
int build_end(struct build *b, json_t *root, json_t **out) MUST_USE;

/* The parts of a configuration; spec.c is the whole. */
void spec_put_process(struct build *b, json_t *parent, const Grpc__Process *process);
void spec_put_seccomp(struct build *b, json_t *parent, const Grpc__LinuxSeccomp *seccomp);
void spec_put_devices(struct build *b, json_t *parent, const Grpc__Linux *spec,
	const struct spec_place *place);
void spec_put_device_rules(struct build *b, json_t *parent, const Grpc__Linux *spec,
	const struct spec_place *place);

/* spec and place: where numbers of devices are looked up; NULL for an update. */
void spec_put_limits(struct build *b, json_t *parent, const Grpc__LinuxResources *resources,
	const Grpc__Linux *spec, const struct spec_place *place);

/* The guest's number for a device that the specification names by the host's. Unchanged when the
 * specification says nothing else. */
void spec_guest_device(const Grpc__Linux *spec, const struct spec_place *place, char *type,
	int64_t *major, int64_t *minor);

/* Whether crun can set this one: it only sets what belongs to a namespace that it makes. */
bool spec_sysctl_is_cruns(const char *key, const Grpc__Linux *spec, const struct spec_place *place);

/* "net.ipv4.ip_forward" to "net/ipv4/ip_forward"; false when key is no name of a sysctl. */
bool spec_sysctl_path(const char *key, char *path, size_t size) MUST_USE;

bool spec_has_namespace(const Grpc__Linux *spec, const char *type);

#endif
