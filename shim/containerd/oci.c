/* See oci.h. The names are changed first, into a copy of the JSON that client/json.h reads. */
#include "shim/containerd/oci.h"

#include <string.h>
#include <strings.h>
#include "client/json.h"

#define DEPTH_MAX 32

static json_t *rename_value(const ProtobufCFieldDescriptor *field, json_t *value, unsigned depth);

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
	const char *key)
{
	if (!strcmp(key, "ociVersion"))
		key = "Version";
	for (unsigned i = 0; i < type->n_fields; i++)
		if (!strcasecmp(type->fields[i].name, key))
			return &type->fields[i];
	return NULL;
}

static json_t *rename_object(const ProtobufCMessageDescriptor *type, json_t *object, unsigned depth)
{
	json_t *out = json_object();
	const char *key;
	json_t *value;

	if (!json_is_object(object) || depth > DEPTH_MAX) {
		json_decref(out);
		return json_incref(object);
	}
	json_object_foreach (object, key, value) {
		const ProtobufCFieldDescriptor *field = find_field(type, key);

		if (field && !json_is_null(value))
			json_object_set_new(out, field->name,
				json_is_map(type, field) ? json_incref(value)
							 : rename_value(field, value, depth));
	}
	return out;
}

static json_t *rename_value(const ProtobufCFieldDescriptor *field, json_t *value, unsigned depth)
{
	json_t *out, *item;
	size_t i;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return json_incref(value);
	if (field->label != PROTOBUF_C_LABEL_REPEATED || !json_is_array(value))
		return rename_object(field->descriptor, value, depth + 1);
	out = json_array();
	json_array_foreach (value, i, item)
		json_array_append_new(out, rename_object(field->descriptor, item, depth + 1));
	return out;
}

int oci_message(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type, const json_t *json,
	struct err *err)
{
	json_t *renamed = rename_object(type, (json_t *)(uintptr_t)json, 0);
	int rc = json_to_message(out, type, renamed, err);

	json_decref(renamed);
	return rc ? err_prefix(err, rc, "the specification") : 0;
}
