/*
 * The process of a container, or of an exec, as crun wants it. AppArmor and SELinux are the host's:
 * their profiles do not exist in the guest and are dropped.
 */
#include "agent/spec_build.h"

static void put_user(struct build *b, json_t *process, const Grpc__User *user)
{
	json_t *object = build_object(b, process, "user");
	json_t *gids;

	build_int(b, object, "uid", user ? user->uid : 0);
	build_int(b, object, "gid", user ? user->gid : 0);
	if (!user || !user->n_additionalgids)
		return;
	gids = build_array(b, object, "additionalGids");
	for (size_t i = 0; i < user->n_additionalgids && !b->code; i++)
		build_int(b, gids, NULL, user->additionalgids[i]);
}

static void put_capabilities(struct build *b, json_t *process, const Grpc__LinuxCapabilities *caps)
{
	json_t *object = build_object(b, process, "capabilities");

	build_strings(b, object, "bounding", caps->bounding, caps->n_bounding);
	build_strings(b, object, "effective", caps->effective, caps->n_effective);
	build_strings(b, object, "inheritable", caps->inheritable, caps->n_inheritable);
	build_strings(b, object, "permitted", caps->permitted, caps->n_permitted);
	build_strings(b, object, "ambient", caps->ambient, caps->n_ambient);
}

static void put_rlimits(struct build *b, json_t *process, const Grpc__Process *p)
{
	json_t *array = p->n_rlimits ? build_array(b, process, "rlimits") : NULL;

	for (size_t i = 0; i < p->n_rlimits && !b->code; i++) {
		json_t *object = build_object(b, array, NULL);

		build_string(b, object, "type", p->rlimits[i]->type);
		build_unsigned(b, object, "hard", p->rlimits[i]->hard);
		build_unsigned(b, object, "soft", p->rlimits[i]->soft);
	}
}

static void put_console_size(struct build *b, json_t *process, const Grpc__Box *size)
{
	json_t *object;

	if (!size || !size->height || !size->width || size->height > UINT16_MAX ||
		size->width > UINT16_MAX)
		return;
	object = build_object(b, process, "consoleSize");
	build_int(b, object, "height", size->height);
	build_int(b, object, "width", size->width);
}

static void put_process(struct build *b, json_t *object, const Grpc__Process *p)
{
	const char *cwd = p->cwd && *p->cwd ? p->cwd : "/";

	if (!p->n_args || !*p->args[0])
		build_refuse(b, "the process has no arguments, not even a program");
	if (*cwd != '/')
		build_refuse(b, "the process's working directory %s is not absolute", cwd);
	if (p->oomscoreadj < -1000 || p->oomscoreadj > 1000)
		build_refuse(b, "oomScoreAdj %lld is not within -1000 and 1000",
			(long long)p->oomscoreadj);
	build_bool(b, object, "terminal", p->terminal);
	put_console_size(b, object, p->consolesize);
	put_user(b, object, p->user);
	build_strings(b, object, "args", p->args, p->n_args);
	build_strings(b, object, "env", p->env, p->n_env);
	build_string(b, object, "cwd", cwd);
	if (p->capabilities)
		put_capabilities(b, object, p->capabilities);
	put_rlimits(b, object, p);
	build_bool(b, object, "noNewPrivileges", p->nonewprivileges);
	build_int(b, object, "oomScoreAdj", p->oomscoreadj);
}

void spec_put_process(struct build *b, json_t *parent, const Grpc__Process *process)
{
	put_process(b, build_object(b, parent, "process"), process);
}

int spec_process(json_t **out, const Grpc__Process *process, struct err *err)
{
	struct build b = { .err = err, .left = SPEC_MAX_VALUES };
	json_t *object = json_object();

	if (process)
		put_process(&b, object, process);
	else
		build_refuse(&b, "there is no process to start");
	return build_end(&b, object, out);
}
