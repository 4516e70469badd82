/* A hook's arguments are its name and its kind, as agents of this protocol have always called them;
 * the container's state comes on its standard input, from crun. See hooks.h. */
#define _GNU_SOURCE
#include "agent/hooks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HOOKS_MAX 64 /* of one kind */

static int is_program(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static json_t *one(const char *dir, const char *kind, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, kind, name);
	if (stat(path, &st) || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return NULL;
	return json_pack("{s:s, s:[ss]}", "path", path, "args", name, kind);
}

/* NULL: no memory. */
static json_t *of_kind(const char *dir, const char *kind)
{
	json_t *list = json_array();
	char path[PATH_MAX];
	struct dirent **names;
	int n;

	snprintf(path, sizeof(path), "%s/%s", dir, kind);
	n = scandir(path, &names, is_program, alphasort);
	for (int i = 0; i < n; i++) {
		json_t *hook = i < HOOKS_MAX ? one(dir, kind, names[i]->d_name) : NULL;

		if (hook && json_array_append_new(list, hook)) {
			json_decref(list);
			list = NULL;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return list;
}

int hooks_add(json_t *config, const char *dir, struct err *err)
{
	static const char *const kinds[] = { "prestart", "poststart", "poststop" };
	json_t *hooks = json_object();
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json_t *list = of_kind(dir, kinds[i]);

		if (json_array_size(list))
			rc |= json_object_set(hooks, kinds[i], list);
		rc |= list ? 0 : -1;
		json_decref(list);
	}
	if (!rc && json_object_size(hooks))
		rc = json_object_set(config, "hooks", hooks);
	json_decref(hooks);
	return rc ? fail(err, -ENOMEM, "add the hooks in %s", dir) : 0;
}
