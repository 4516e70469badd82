/* Which interrupt controller; see irqchip.h. */
#include "riscv/irqchip.h"

int irqchip_new(struct irqchip **out, const struct kvm *kvm, unsigned nvcpus, enum vm_irqchip want,
	irqchip_trace *trace, void *arg, struct err *err)
{
	return irqchip_aia_new(out, kvm, nvcpus, want, trace, arg, err);
}

void irqchip_free(struct irqchip *c)
{
	if (c)
		c->ops->free(c);
}
