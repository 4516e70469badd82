/* Which interrupt controller; see irqchip.h. */
#include "riscv/irqchip.h"

#include <stdio.h>

bool irqchip_candidate(enum vm_irqchip want, unsigned i, enum vm_irqchip *mode)
{
	static const enum vm_irqchip best_first[] = { VM_IRQCHIP_AUTO, VM_IRQCHIP_SPLIT,
		VM_IRQCHIP_APLIC, VM_IRQCHIP_PLIC };

	*mode = want;
	if (want != VM_IRQCHIP_AUTO)
		return i == 0;
	if (i >= ARRAY_SIZE(best_first))
		return false;
	*mode = best_first[i];
	return true;
}

int irqchip_new(struct irqchip **out, struct irqchip_env *env, enum vm_irqchip mode,
	struct err *err)
{
	env->spoilt = false;
	switch (mode) {
	case VM_IRQCHIP_SPLIT:
	case VM_IRQCHIP_APLIC:
	case VM_IRQCHIP_PLIC:
		return irqchip_user_new(out, env, mode, err);
	default:
		return irqchip_aia_new(out, env, mode, err);
	}
}

int irqchip_step(struct irqchip_env *env, int rc, const char *what, const char *step,
	struct err *err)
{
	char text[96];

	snprintf(text, sizeof(text), "%s: %s", what, step);
	if (env->trace)
		env->trace(env->arg, text, rc);
	return rc ? fail(err, rc, "set up the interrupt controller: %s", text) : 0;
}

int irqchip_hold(struct irqchip *c, unsigned hart)
{
	return c->aia >= 0 ? aia_file_read(&c->held, c->aia, hart, c->dt.num_ids) : 0;
}

int irqchip_restore(struct irqchip *c, unsigned hart)
{
	return c->aia >= 0 ? aia_file_write(&c->held, c->aia, hart) : c->ops->settle(c, hart);
}

bool irqchip_pending(const struct irqchip *c, unsigned hart)
{
	return c->aia >= 0 && aia_file_has_interrupt(&c->held, c->aia, hart);
}

void irqchip_free(struct irqchip *c)
{
	if (c)
		c->ops->free(c);
}
