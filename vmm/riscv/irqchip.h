/*
 * The machine's interrupt controller, behind one interface so that modes can be tried in order and
 * replaced.
 *
 * Bring-up: irqchip_new() after all vCPUs exist and before any has run. Which modes to try, best
 * first, tells irqchip_candidate(); a mode that fails may leave the machine spoilt for the next.
 * Afterwards a device ties an eventfd to a wired source with irqchip_wire(), and a vCPU's access to
 * an address goes to irqchip_access() first. Wired sources are level-sensitive, active high. Owner:
 * struct vm.
 *
 * KVM's irqfd raises the line of an emulated APLIC and never lowers it (Linux 6.12,
 * kvm_arch_set_irq_inatomic), so an edge-triggered source would see one interrupt in its life. At a
 * level-sensitive source each raise is an interrupt, and whoever knows that the guest has
 * acknowledged lowers the line with irqchip_set_level(). Where the controller is here, in user
 * space, the event loop watches the eventfd and raises the line: devices notice nothing.
 */
#ifndef SAMPAN_RISCV_IRQCHIP_H
#define SAMPAN_RISCV_IRQCHIP_H

#include "core/loop.h"
#include "kvm/vcpu.h"
#include "riscv/aia_file.h"
#include "riscv/fdt.h"
#include "vm.h"

struct irqchip;

struct irqchip_ops {
	/* Ties the eventfd to source (1..IRQ_SOURCES): a signal raises its line. Or unties it. */
	int (*wire)(struct irqchip *c, unsigned source, int fd, bool on);
	/* Moves the line of source. Any thread. */
	int (*set_level)(struct irqchip *c, unsigned source, bool level);
	/* A vCPU's access at gpa, within the controller's registers. NULL: they are in KVM. */
	void (*access)(struct irqchip *c, uint64_t off, void *data, unsigned len, bool write);
	/* Drives the hart's line anew, which KVM has taken down. NULL: it has none from here. */
	int (*settle)(struct irqchip *c, unsigned hart);
	void (*free)(struct irqchip *c);
};

struct irqchip {
	const struct irqchip_ops *ops;
	const struct kvm *kvm;
	char name[32];	       /* "aia (auto)" */
	struct fdt_irqchip dt; /* what the device tree says of it */
	bool guest_files; /* a hart's interrupts may come by an interrupt file of the hardware's */
	int aia;	  /* KVM's device that has the interrupt files; -1: none; owned */
	struct aia_file held; /* since irqchip_hold() */
	uint64_t gpa, size;   /* of the registers that ops->access serves */
};

/* Told of every step that was tried: rc 0 or -errno, step as "AIA (auto): mode". */
typedef void irqchip_trace(void *arg, const char *step, int rc);

/* What a controller is made for. */
struct irqchip_env {
	const struct kvm *kvm;
	const struct vcpu *vcpu; /* nvcpus of them, which outlive the controller */
	unsigned nvcpus;
	struct loop *loop;
	irqchip_trace *trace; /* may be NULL */
	void *arg;
	bool spoilt; /* out: a failure left something in the machine that can't be undone */
};

/* The i-th mode to try for want; false: there are no more. */
bool irqchip_candidate(enum vm_irqchip want, unsigned i, enum vm_irqchip *mode);

/* VM_IRQCHIP_AUTO here means the best that is in the kernel. Loop thread. */
int irqchip_new(struct irqchip **out, struct irqchip_env *env, enum vm_irqchip mode,
	struct err *err) MUST_USE;
void irqchip_free(struct irqchip *c);

static inline int irqchip_wire(struct irqchip *c, unsigned source, int fd, bool on)
{
	return c->ops->wire(c, source, fd, on);
}

static inline int irqchip_set_level(struct irqchip *c, unsigned source, bool level)
{
	return c->ops->set_level(c, source, level);
}

/* False when gpa is none of the controller's. data is zeroed before a read. */
static inline bool irqchip_access(struct irqchip *c, uint64_t gpa, void *data, unsigned len,
	bool write)
{
	if (!c->ops->access || gpa < c->gpa || gpa - c->gpa >= c->size)
		return false;
	c->ops->access(c, gpa - c->gpa, data, len, write);
	return true;
}

/* Around a reset of a hart by KVM, after which all that waits for it is there again. Not while it
 * runs. 0 or -errno. */
int irqchip_hold(struct irqchip *c, unsigned hart) MUST_USE;
int irqchip_restore(struct irqchip *c, unsigned hart) MUST_USE;
/* Whether the hart's interrupt file has something for it. After irqchip_hold() of that hart, while
 * it does not run. */
bool irqchip_pending(const struct irqchip *c, unsigned hart);

/* Files of one mode each, for irqchip_new(). */
int irqchip_aia_new(struct irqchip **out, struct irqchip_env *env, enum vm_irqchip mode,
	struct err *err) MUST_USE;
int irqchip_user_new(struct irqchip **out, struct irqchip_env *env, enum vm_irqchip mode,
	struct err *err) MUST_USE;

/* The in-kernel half of two modes: interrupt files, and with_aplic the APLIC. Its descriptor, what
 * it is for the device tree, and which of auto, hwaccel and emul it became. */
int aia_device_new(int *fd, struct fdt_irqchip *dt, const char **name, struct irqchip_env *env,
	enum vm_irqchip mode, bool with_aplic, struct err *err) MUST_USE;

/* Whether interrupt files of the hardware's may be used in the mode of that name. */
bool aia_is_hardware(const char *name);

/* Tells env of a step of "what", and fills err when it failed. Returns rc. */
int irqchip_step(struct irqchip_env *env, int rc, const char *what, const char *step,
	struct err *err) MUST_USE;

#endif
