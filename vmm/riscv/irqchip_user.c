/*
 * Interrupt controllers in user space: the glue between a register model (aplic.h, plic.h), the
 * guest's accesses, the devices' wires and KVM.
 *
 * Three modes. Split: an APLIC whose MSIs go to KVM's interrupt files (KVM_SIGNAL_MSI; wires don't
 * become MSI routes, which would skip the APLIC's enable and pending state). APLIC: with lines to
 * the harts, each a vCPU's external interrupt (KVM_INTERRUPT). PLIC: the same with a PLIC's
 * registers. A wired eventfd is watched by the loop, and raises its line from there.
 */
#include "riscv/irqchip.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "riscv/aplic.h"
#include "riscv/map.h"
#include "riscv/plic.h"

_Static_assert(IRQ_SOURCES <= MIN(APLIC_MAX_SOURCES, PLIC_MAX_SOURCES),
	"the models have the sources");
_Static_assert(VM_MAX_CPUS <= MIN(APLIC_MAX_HARTS, PLIC_MAX_CONTEXTS), "the models have the harts");
_Static_assert(MAP_APLIC_WIDE >= APLIC_IDC + VM_MAX_CPUS * APLIC_IDC_SIZE,
	"the APLIC's harts have room");

struct user_chip;

struct wire {
	struct watch watch;
	struct user_chip *chip;
};

struct user_chip {
	struct irqchip chip;
	pthread_mutex_t lock; /* guards the model */
	union {
		struct aplic aplic;
		struct plic plic;
	};
	const struct vcpu *vcpu;
	struct loop *loop;
	struct wire wire[IRQ_SOURCES + 1];
	struct log_limit limit;
};

static struct user_chip *user(struct irqchip *c)
{
	return container_of(c, struct user_chip, chip);
}

/* out: under the lock, from any thread */

static void line_out(void *arg, unsigned hart, bool level)
{
	struct user_chip *u = arg;
	int rc = vcpu_set_line(&u->vcpu[hart], level);

	if (rc)
		log_limited(&u->limit, "interrupt line of vCPU %u (KVM_INTERRUPT): %s", hart,
			err_text(-rc));
}

static void msi_out(void *arg, unsigned hart, unsigned guest, unsigned id)
{
	struct user_chip *u = arg;
	int rc = guest ? 0 /* the guest has no guests */
		       : kvm_signal_msi(u->chip.kvm, MAP_IMSIC + hart * MAP_IMSIC_STRIDE, id);

	if (rc)
		log_limited(&u->limit, "send MSI %u to vCPU %u (KVM_SIGNAL_MSI): %s", id, hart,
			err_text(-rc));
}

/* in */

static int set_level(struct irqchip *c, unsigned source, bool level)
{
	struct user_chip *u = user(c);

	pthread_mutex_lock(&u->lock);
	if (c->dt.kind == FDT_PLIC)
		plic_set_input(&u->plic, source, level);
	else
		aplic_set_input(&u->aplic, source, level);
	pthread_mutex_unlock(&u->lock);
	return 0;
}

static int settle(struct irqchip *c, unsigned hart)
{
	struct user_chip *u = user(c);
	int rc;

	pthread_mutex_lock(&u->lock);
	rc = vcpu_set_line(&u->vcpu[hart],
		(c->dt.kind == FDT_PLIC ? u->plic.asserted : u->aplic.asserted) >> hart & 1);
	pthread_mutex_unlock(&u->lock);
	return rc;
}

static void signalled(struct watch *w, uint32_t events UNUSED)
{
	struct wire *wire = container_of(w, struct wire, watch);
	uint64_t n;

	/* syscall(loop): read: a device raises its interrupt */
	if (read(w->fd, &n, sizeof(n)) == sizeof(n))
		set_level(&wire->chip->chip, (unsigned)(wire - wire->chip->wire), true);
}

static int wire(struct irqchip *c, unsigned source, int fd, bool on)
{
	struct user_chip *u = user(c);

	if (source < 1 || source > IRQ_SOURCES)
		return -EINVAL;
	loop_remove(u->loop, &u->wire[source].watch);
	return on ? loop_add(u->loop, &u->wire[source].watch, fd, EPOLLIN, signalled) : 0;
}

static void access_registers(struct irqchip *c, uint64_t off, void *data, unsigned len, bool write)
{
	struct user_chip *u = user(c);
	bool is_plic = c->dt.kind == FDT_PLIC;
	uint32_t value = 0;

	if (!write)
		memset(data, 0, len);
	if (len != sizeof(value)) /* both know 32 bits only */
		return;
	if (write)
		memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&u->lock);
	if (is_plic && write)
		plic_write(&u->plic, off, value);
	else if (is_plic)
		value = plic_read(&u->plic, off);
	else if (write)
		aplic_write(&u->aplic, off, value);
	else
		value = aplic_read(&u->aplic, off);
	pthread_mutex_unlock(&u->lock);
	if (!write)
		memcpy(data, &value, sizeof(value));
}

static void user_free(struct irqchip *c)
{
	struct user_chip *u = user(c);

	for (unsigned i = 1; i <= IRQ_SOURCES; i++)
		loop_remove(u->loop, &u->wire[i].watch);
	if (u->chip.aia >= 0)
		close(u->chip.aia);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static const struct irqchip_ops user_ops = { .wire = wire,
	.set_level = set_level,
	.access = access_registers,
	.settle = settle,
	.free = user_free };

/* bring-up */

static int split_up(struct user_chip *u, struct irqchip_env *env, struct err *err)
{
	const struct aplic_output out = { .line = line_out, .msi = msi_out, .arg = u };
	const char *name = NULL;
	int rc = aia_device_new(&u->chip.aia, &u->chip.dt, &name, env, VM_IRQCHIP_SPLIT, false,
		err);

	if (!rc) {
		rc = irqchip_step(env, kvm_has(env->kvm, KVM_CAP_SIGNAL_MSI) > 0 ? 0 : -ENOTSUP,
			"split AIA", "MSIs from user space", err);
		env->spoilt = rc;
	}
	if (rc)
		return rc;
	aplic_init(&u->aplic, IRQ_SOURCES, env->nvcpus, APLIC_MSI, &out);
	u->chip.guest_files = aia_is_hardware(name);
	snprintf(u->chip.name, sizeof(u->chip.name), "split (%s)", name);
	return 0;
}

static int lines_up(struct user_chip *u, struct irqchip_env *env, bool is_plic, struct err *err)
{
	const struct aplic_output out = { .line = line_out, .msi = msi_out, .arg = u };
	int rc = 0;

	for (unsigned i = 0; i < env->nvcpus && !rc; i++)
		rc = vcpu_set_line(&env->vcpu[i], false);
	rc = irqchip_step(env, rc, is_plic ? "PLIC" : "APLIC", "interrupt lines of the vCPUs", err);
	if (rc)
		return rc;
	u->chip.dt = (struct fdt_irqchip){ .kind = is_plic ? FDT_PLIC : FDT_APLIC,
		.num_sources = IRQ_SOURCES };
	if (is_plic)
		plic_init(&u->plic, IRQ_SOURCES, env->nvcpus, line_out, u);
	else
		aplic_init(&u->aplic, IRQ_SOURCES, env->nvcpus, APLIC_DIRECT, &out);
	snprintf(u->chip.name, sizeof(u->chip.name), "%s", is_plic ? "plic" : "aplic");
	return 0;
}

int irqchip_user_new(struct irqchip **out, struct irqchip_env *env, enum vm_irqchip mode,
	struct err *err)
{
	struct user_chip *u = calloc(1, sizeof(*u));
	bool is_plic = mode == VM_IRQCHIP_PLIC, is_split = mode == VM_IRQCHIP_SPLIT;
	int rc;

	if (!u)
		return fail(err, -ENOMEM, "set up the interrupt controller");
	u->chip.ops = &user_ops;
	u->chip.kvm = env->kvm;
	u->chip.gpa = is_plic ? MAP_PLIC : MAP_APLIC;
	u->chip.size = is_plic ? PLIC_SIZE(env->nvcpus)
		: is_split     ? MAP_APLIC_SIZE
			       : MAP_APLIC_WIDE;
	u->vcpu = env->vcpu;
	u->loop = env->loop;
	u->chip.aia = -1;
	pthread_mutex_init(&u->lock, NULL);
	for (unsigned i = 0; i <= IRQ_SOURCES; i++)
		u->wire[i].chip = u;
	rc = is_split ? split_up(u, env, err) : lines_up(u, env, is_plic, err);
	if (rc) {
		user_free(&u->chip);
		return rc;
	}
	*out = &u->chip;
	return 0;
}
