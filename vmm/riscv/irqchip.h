/*
 * The machine's interrupt controller, behind one interface so that modes can be tried in order and
 * replaced.
 *
 * Bring-up: irqchip_new() after all vCPUs exist and before any has run; it tries the modes that
 * `want` allows, best first, and logs one line for each step that fails before the next is tried.
 * Afterwards a device ties an eventfd to a wired source with irqchip_wire(). Wired sources are
 * level-sensitive, active high. Owner: struct vm.
 *
 * KVM's irqfd raises the line of an emulated APLIC and never lowers it (Linux 6.12,
 * kvm_arch_set_irq_inatomic), so an edge-triggered source would see one interrupt in its life. At a
 * level-sensitive source each raise is an interrupt, and whoever knows that the guest has
 * acknowledged lowers the line with irqchip_set_level().
 */
#ifndef SAMPAN_RISCV_IRQCHIP_H
#define SAMPAN_RISCV_IRQCHIP_H

#include "kvm/vcpu.h"
#include "riscv/fdt.h"
#include "vm.h"

struct irqchip;

struct irqchip_ops {
	/* Ties the eventfd to source (1..IRQ_SOURCES): a signal raises its line. Or unties it. */
	int (*wire)(struct irqchip *c, unsigned source, int fd, bool on);
	/* Moves the line of source. Any thread. */
	int (*set_level)(struct irqchip *c, unsigned source, bool level);
	void (*free)(struct irqchip *c);
};

struct irqchip {
	const struct irqchip_ops *ops;
	const struct kvm *kvm;
	char name[32];	       /* "aia (auto)" */
	struct fdt_irqchip dt; /* what the device tree says of it */
};

/* Told of every step that was tried: rc 0 or -errno, step as "AIA mode auto". May be NULL. */
typedef void irqchip_trace(void *arg, const char *step, int rc);

int irqchip_new(struct irqchip **out, const struct kvm *kvm, unsigned nvcpus, enum vm_irqchip want,
	irqchip_trace *trace, void *arg, struct err *err) MUST_USE;
void irqchip_free(struct irqchip *c);

static inline int irqchip_wire(struct irqchip *c, unsigned source, int fd, bool on)
{
	return c->ops->wire(c, source, fd, on);
}

static inline int irqchip_set_level(struct irqchip *c, unsigned source, bool level)
{
	return c->ops->set_level(c, source, level);
}

/* The bring-ups; each fits irqchip_new()'s list. */
int irqchip_aia_new(struct irqchip **out, const struct kvm *kvm, unsigned nvcpus,
	enum vm_irqchip mode, irqchip_trace *trace, void *arg, struct err *err) MUST_USE;

#endif
