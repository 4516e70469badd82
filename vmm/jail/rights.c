/*
 * Giving up rights; see rights.h. Kernel's words: capabilities(7), landlock(7), proc(5).
 * syscall(setup): prlimit64, umask, prctl, landlock_create_ruleset, landlock_add_rule,
 * landlock_restrict_self: all of it
 */
#define _GNU_SOURCE
#include "jail/rights.h"

#include <grp.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FILES 4096 /* open at once: every hybrid vsock connection takes one */

/* Not in every sysroot's headers. */
#define NET_ALL	  (UINT64_C(3)) /* bind and connect, of TCP: version 4 */
#define SCOPE_ALL (UINT64_C(3)) /* abstract sockets and signals of others: version 6 */

extern char **environ;

void rights_forget_environment(void)
{
	for (char **e = environ; e && *e; e++)
		memset(*e, 0, strlen(*e));
	clearenv();
}

static int limit(int what, rlim_t value, const char *name, struct err *err)
{
	struct rlimit r;

	if (getrlimit(what, &r))
		return fail(err, -errno, "look up the limit of %s", name);
	r.rlim_max = MIN(r.rlim_max, value);
	r.rlim_cur = r.rlim_max;
	if (setrlimit(what, &r))
		return fail(err, -errno, "limit %s", name);
	return 0;
}

int rights_limit(uint64_t file_max, struct err *err)
{
	int rc = limit(RLIMIT_NOFILE, FILES, "open files", err);

	if (!rc)
		rc = limit(RLIMIT_CORE, 0, "core dumps", err);
	if (!rc && file_max)
		rc = limit(RLIMIT_FSIZE, file_max, "the size of files", err);
	umask(077);
	return rc;
}

int rights_drop_bounding(struct err *err)
{
	if (cap_get_bound(CAP_SETPCAP) < 0 ||
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return fail(err, -errno, "look up capabilities");
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
		if (cap_get_bound(cap) > 0 && cap_drop_bound(cap))
			return fail(err, -errno, "drop capability %d for good", cap);
	return 0;
}

static int keep(const cap_value_t *caps, int n, struct err *err)
{
	cap_t set = cap_init();
	int rc = set ? 0 : -ENOMEM;

	if (!rc && n &&
		(cap_set_flag(set, CAP_PERMITTED, n, caps, CAP_SET) ||
			cap_set_flag(set, CAP_EFFECTIVE, n, caps, CAP_SET)))
		rc = -errno;
	if (!rc && cap_set_proc(set))
		rc = -errno;
	cap_free(set);
	return rc ? fail(err, rc, "drop capabilities") : 0;
}

int rights_drop_capabilities(struct err *err)
{
	return keep(NULL, 0, err);
}

int rights_keep_file_access(struct err *err)
{
	static const cap_value_t file[] = { CAP_DAC_OVERRIDE };

	return keep(file, geteuid() ? 0 : 1, err);
}

int rights_become(uid_t uid, gid_t gid, struct err *err)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return fail(err, -errno, "become user %u, group %u", uid, gid);
	return 0;
}

int rights_seal(struct err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(err, -errno, "forbid new privileges");
	return 0;
}

struct rules {
	uint64_t files, net, scoped;
};

static int landlock_version(void)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);

	return MAX(abi, 0); /* not built in, or switched off */
}

/* What a kernel with that version of Landlock can refuse. */
static uint64_t file_rights(int abi)
{
	uint64_t all = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* the 13 of version 1 */

	if (abi >= 2)
		all |= UINT64_C(1) << 13; /* REFER */
	if (abi >= 3)
		all |= UINT64_C(1) << 14; /* TRUNCATE */
	if (abi >= 5)
		all |= UINT64_C(1) << 15; /* IOCTL_DEV */
	return all;
}

/* A set of rules; an older kernel wants a shorter struct. */
static int landlock_make(int abi, const struct rules *rules)
{
	size_t size = offsetof(struct rules, net);

	if (abi >= 6)
		size = sizeof(*rules);
	else if (abi >= 4)
		size = offsetof(struct rules, scoped);
	return (int)syscall(SYS_landlock_create_ruleset, rules, size, 0);
}

int rights_landlock(int *abi, struct err *err)
{
	struct rules rules = { 0 };
	AUTO_FD fd = -1;

	*abi = landlock_version();
	if (!*abi)
		return 0;
	rules.files = file_rights(*abi);
	rules.net = *abi >= 4 ? NET_ALL : 0;
	rules.scoped = *abi >= 6 ? SCOPE_ALL : 0;
	fd = landlock_make(*abi, &rules);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		return fail(err, -errno, "set up Landlock");
	return 0;
}

/* Removing files stays allowed (the names), and so do ioctls: a device keeps what it was opened
 * with, and the monitor asks it for its size. */
int rights_landlock_disks(const int *dirs, unsigned n, struct err *err)
{
	int abi = landlock_version();
	struct rules rules = { .files = file_rights(MIN(abi, 3)) &
			~(uint64_t)LANDLOCK_ACCESS_FS_REMOVE_FILE };
	AUTO_FD fd = abi ? landlock_make(abi, &rules) : -1;

	if (!abi)
		return 0;
	if (fd < 0)
		return fail(err, -errno, "set up Landlock");
	for (unsigned i = 0; i < n; i++) {
		struct landlock_path_beneath_attr beneath = { .parent_fd = dirs[i],
			.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
				LANDLOCK_ACCESS_FS_WRITE_FILE };

		if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
			return fail(err, -errno, "set up Landlock");
	}
	if (syscall(SYS_landlock_restrict_self, fd, 0))
		return fail(err, -errno, "set up Landlock");
	return 0;
}
