/*
 * The sandbox by the environment; see jail.h. Disks that come later by a path are block devices in
 * /dev, or files where the caller's own files are: in the directories of the QMP socket and of the
 * first disks, unless SAMPAN_DISK_DIRS says where.
 */
#include "shim/stratovirt/jail.h"

#include <string.h>
#include "core/log.h"
#include "shim/opts/opts.h"

static void add_dir_of(FILE *list, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (!path)
		return;
	if (!slash)
		fputs(".:", list);
	else
		fprintf(list, "%.*s:", slash == path ? 1 : (int)(slash - path), path);
}

static int list_dirs(const struct vm_config *vm, const char *qmp, char **dirs, struct err *err)
{
	size_t len;
	FILE *list = open_memstream(dirs, &len);

	if (!list)
		return fail(err, -errno, "list the directories of disks");
	add_dir_of(list, qmp);
	for (unsigned i = 0; i < vm->ndisks; i++)
		add_dir_of(list, vm->disks[i].path);
	return fclose(list) ? fail(err, -errno, "list the directories of disks") : 0;
}

int sv_jail(struct vm_config *vm, const char *qmp, char **dirs, struct err *err)
{
	const char *ids = getenv("SAMPAN_UID"), *given = getenv("SAMPAN_DISK_DIRS");
	const char *on = getenv("SAMPAN_JAIL");
	int rc = ids && *ids ? parse_ids(ids, &vm->jail.uid, &vm->jail.gid, err) : 0;

	if (rc)
		return err_prefix(err, rc, "SAMPAN_UID");
	vm->jail.off = on && !strcmp(on, "0");
	if (vm->jail.off)
		log_warn("no sandbox: SAMPAN_JAIL is 0");
	vm->jail.names = qmp;
	if (!vm->disk_slots)
		return 0;
	if (given && *given) {
		vm->jail.disk_dirs = given;
		return 0;
	}
	rc = list_dirs(vm, qmp, dirs, err);
	vm->jail.disk_dirs = *dirs;
	return rc;
}
