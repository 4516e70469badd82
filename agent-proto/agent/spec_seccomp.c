/*
 * A seccomp profile, name by name: both sides use the OCI specification's words. crun ignores
 * system calls that the guest's architecture has not, and refuses actions and operators it does not
 * know.
 */
#include "agent/spec_build.h"

static void put_args(struct build *b, json_t *call, const Grpc__LinuxSyscall *s)
{
	json_t *array = s->n_args ? build_array(b, call, "args") : NULL;

	for (size_t i = 0; i < s->n_args && !b->code; i++) {
		const Grpc__LinuxSeccompArg *arg = s->args[i];
		json_t *object = build_object(b, array, NULL);

		if (arg->index > 5)
			build_refuse(b, "seccomp: a system call has no argument %llu",
				(unsigned long long)arg->index);
		build_unsigned(b, object, "index", arg->index);
		build_unsigned(b, object, "value", arg->value);
		build_unsigned(b, object, "valueTwo", arg->valuetwo);
		build_string(b, object, "op", arg->op);
	}
}

static void put_syscall(struct build *b, json_t *array, const Grpc__LinuxSyscall *s)
{
	json_t *object;

	if (!s->n_names)
		return;
	if (!s->action || !*s->action)
		build_refuse(b, "seccomp: a rule has no action");
	object = build_object(b, array, NULL);
	build_strings(b, object, "names", s->names, s->n_names);
	build_string(b, object, "action", s->action);
	if (s->errno_ret_case == GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET)
		build_unsigned(b, object, "errnoRet", s->errnoret);
	put_args(b, object, s);
}

void spec_put_seccomp(struct build *b, json_t *parent, const Grpc__LinuxSeccomp *seccomp)
{
	json_t *object, *calls;

	if (!seccomp->defaultaction || !*seccomp->defaultaction)
		build_refuse(b, "seccomp: the profile has no default action");
	object = build_object(b, parent, "seccomp");
	build_string(b, object, "defaultAction", seccomp->defaultaction);
	build_strings(b, object, "architectures", seccomp->architectures, seccomp->n_architectures);
	build_strings(b, object, "flags", seccomp->flags, seccomp->n_flags);
	calls = seccomp->n_syscalls ? build_array(b, object, "syscalls") : NULL;
	for (size_t i = 0; i < seccomp->n_syscalls && !b->code; i++)
		put_syscall(b, calls, seccomp->syscalls[i]);
}
