/* The last option counts, so "ro" wins over an "rw" before it. See readonly.h. */
#include "agent/readonly.h"

#include <string.h>
#include <sys/statvfs.h>

static bool is_bind(const json_t *mount)
{
	const char *type = json_string_value(json_object_get(mount, "type"));

	return type && !strcmp(type, "bind");
}

static bool is_readonly(const json_t *mount)
{
	const char *source = json_string_value(json_object_get(mount, "source"));
	struct statvfs fs;

	return source && !statvfs(source, &fs) && fs.f_flag & ST_RDONLY;
}

int readonly_keep(json_t *config, struct err *err)
{
	json_t *mount;
	size_t i;

	json_array_foreach (json_object_get(config, "mounts"), i, mount) {
		json_t *options = json_object_get(mount, "options");

		if (is_bind(mount) && is_readonly(mount) &&
			json_array_append_new(options, json_string("ro")))
			return fail(err, -ENOMEM, "keep a mount read-only");
	}
	return 0;
}
