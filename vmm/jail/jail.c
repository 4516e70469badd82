/*
 * The order in which things are given up; see jail.h. Root's way: the bounding set and the mounts
 * need capabilities, which go with the user, so both come first. The user's way: a user namespace,
 * where the kernel allows one, lends the capabilities for the same steps; where it does not, the
 * root directory stays and Landlock and seccomp have to do.
 */
#define _GNU_SOURCE
#include "jail/jail.h"

#include <string.h>
#include <sys/resource.h>

#include "core/log.h"
#include "jail/rights.h"
#include "jail/root.h"

/* As root: everything. */
static int leave_root(const struct jail *jail, struct err *err)
{
	int rc = root_leave(root_has_host_network(), err);

	if (!rc)
		rc = rights_drop_bounding(err);
	return rc ? rc : rights_become(jail->uid, jail->gid, err);
}

/* What the rest of the sandbox has to do without. */
static int leave_user(char *missing, size_t size, struct err *err)
{
	int rc = root_own_users();

	if (rc) {
		snprintf(missing, size,
			"its own namespaces and root directory (no user namespace: %s)",
			err_text(-rc));
		return 0;
	}
	rc = root_leave(root_has_host_network(), err);
	return rc ? rc : rights_drop_bounding(err);
}

int jail_enter(const struct jail *jail, struct err *err)
{
	char missing[128] = "";
	bool root = !geteuid();
	int abi, rc = rights_limit(jail->file_max, err);

	if (!rc && root && (!jail->uid || !jail->gid))
		rc = failx(err, -EINVAL,
			"the sandbox needs a user and a group that are not root's");
	if (!rc)
		rc = root ? leave_root(jail, err) : leave_user(missing, sizeof(missing), err);
	if (!rc)
		rc = rights_drop_capabilities(err);
	if (!rc)
		rc = rights_seal(err);
	if (!rc)
		rc = rights_landlock(&abi, err);
	if (rc)
		return err_prefix(err, rc, "sandbox");
	rights_forget_environment();
	if (!abi)
		log_info("sandbox: this kernel has no Landlock");
	if (*missing)
		log_warn("sandbox: started without root, so it goes without %s", missing);
	return 0;
}
