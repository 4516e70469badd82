/*
 * The table that policy.awk makes of the comments beside system calls, build/jail/policy.inc:
 *
 *   POLICY(kind, call, need, file, why)
 *
 * kind is loop, vcpu, worker or opener; need what the deciding argument must be: a constant of the
 * call's headers (ioctl's and fcntl's request, ...), "noexec", "self", or "any". Here are the
 * headers that know the constants. Included by jail/filter.c, and by the two programs that make the
 * filters of it at build time.
 */
#ifndef SAMPAN_JAIL_POLICY_H
#define SAMPAN_JAIL_POLICY_H

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define POLICY_KINDS(X) X(loop) X(vcpu) X(worker) X(opener)

/* Not constants of headers: conditions. Numbers that no argument has. */
#define policy_any    0x7001
#define policy_noexec 0x7002 /* a mapping that can't be executed */
#define policy_self   0x7003 /* this process; its number is put in when the filter is loaded */

#define POLICY_SELF_MARK 0x51df0001 /* what stands for it till then */

#endif
