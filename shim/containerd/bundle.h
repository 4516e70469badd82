/*
 * A bundle's config.json, as containerd writes it: the OCI specification as JSON, and the few facts
 * that the shim itself wants of it. Numbers that JSON has and jansson has not (above 2^63 - 1, as
 * in "no limit") become strings of digits. A specification is its owner's, who drops it by
 * json_decref(). Any thread.
 */
#ifndef SAMPAN_CONTAINERD_BUNDLE_H
#define SAMPAN_CONTAINERD_BUNDLE_H

#include <jansson.h>
#include "core/err.h"

#define BUNDLE_SPEC_MAX (16 * MiB) /* bytes of config.json */

/* dir/config.json. */
int bundle_load(json_t **spec, const char *dir, struct err *err) MUST_USE;

/* The same from text (a Process or LinuxResources that a request carries). what names it. */
int bundle_parse(json_t **json, const char *text, size_t len, const char *what, struct err *err)
	MUST_USE;

/* NULL when there is none. Points into spec. */
const char *bundle_annotation(const json_t *spec, const char *name);

/* What containerd's CRI part makes of a pod: its sandbox, and containers in it. */
enum bundle_kind { BUNDLE_ALONE, BUNDLE_SANDBOX, BUNDLE_MEMBER };

struct bundle_group {
	enum bundle_kind kind;
	const char *sandbox_id; /* the sandbox's id; id itself for BUNDLE_ALONE and _SANDBOX */
};

int bundle_group(struct bundle_group *g, const json_t *spec, const char *id, struct err *err)
	MUST_USE;

/* The namespace of this type: NULL when the container has none of its own, "" when it gets a new
 * one, else a path. */
const char *bundle_namespace(const json_t *spec, const char *type);

/* A string below spec, by the keys of the objects on the way, NULL-terminated; NULL: not there. */
const char *bundle_text(const json_t *spec, ...) __attribute__((sentinel));
/* An integer; fallback when it is not there. */
int64_t bundle_number(const json_t *spec, int64_t fallback, ...) __attribute__((sentinel));

#endif
