/*
 * The in-kernel AIA (RISC-V AIA 1.0; Documentation/virt/kvm/devices/ of KVM's own AIA device): one
 * IMSIC per vCPU and, unless the APLIC is ours, an APLIC that turns wired sources into MSIs.
 *
 * KVM wants its attributes in one order: mode, ids, sources, bits, addresses, init; after init
 * nothing can be changed. Any step can fail on some kernel, so each is named; what has a usable
 * default (number of ids) goes on with that. Without an APLIC the number of sources is not set.
 */
#include "riscv/irqchip.h"

#include <stdio.h>
#include <string.h>

#include <asm/kvm.h>
#include "core/log.h"
#include "riscv/map.h"

#define IDS_WANTED                                                                                 \
	255 /* interrupt identities per hart: plenty for a microVM, and cheap for the guest's      \
	       tables */

static const struct {
	enum vm_irqchip mode;
	uint32_t kvm_mode;
	const char *name;
	bool in_auto;
} modes[] = {
	{ VM_IRQCHIP_AIA, KVM_DEV_RISCV_AIA_MODE_AUTO, "auto", true },
	{ VM_IRQCHIP_AIA_HWACCEL, KVM_DEV_RISCV_AIA_MODE_HWACCEL, "hwaccel", false },
	{ VM_IRQCHIP_AIA_EMUL, KVM_DEV_RISCV_AIA_MODE_EMUL, "emul", true },
};

/* What travels through one bring-up. */
struct bring_up {
	struct irqchip_env *env;
	struct fdt_irqchip *dt;
	int fd;
	bool with_aplic;
	const char *mode;
	struct err *err;
};

static int step(struct bring_up *b, int rc, const char *what)
{
	char text[32];

	snprintf(text, sizeof(text), "%s (%s)", b->with_aplic ? "AIA" : "split AIA", b->mode);
	return irqchip_step(b->env, rc, text, what, b->err);
}

static int set(struct bring_up *b, uint32_t group, uint64_t attr, const void *value,
	const char *what)
{
	return step(b, kvm_device_set(b->fd, group, attr, value), what);
}

static int config(struct bring_up *b, uint64_t attr, uint32_t value, const char *what)
{
	return set(b, KVM_DEV_RISCV_AIA_GRP_CONFIG, attr, &value, what);
}

/* Fewer ids than the kernel's maximum if it lets us; else its default. */
static int choose_ids(struct bring_up *b)
{
	uint32_t ids, wanted = IDS_WANTED;
	int rc = step(b,
		kvm_device_get(b->fd, KVM_DEV_RISCV_AIA_GRP_CONFIG, KVM_DEV_RISCV_AIA_CONFIG_IDS,
			&ids),
		"read the number of interrupt identities");

	if (rc)
		return rc;
	if (ids > wanted &&
		!kvm_device_set(b->fd, KVM_DEV_RISCV_AIA_GRP_CONFIG, KVM_DEV_RISCV_AIA_CONFIG_IDS,
			&wanted))
		ids = wanted;
	b->dt->num_ids = ids;
	return 0;
}

static int configure(struct bring_up *b)
{
	uint32_t hart_bits = 0;
	int rc = choose_ids(b);

	while ((1U << hart_bits) < b->env->nvcpus)
		hart_bits++;
	if (!rc && b->with_aplic)
		rc = config(b, KVM_DEV_RISCV_AIA_CONFIG_SRCS, IRQ_SOURCES,
			"number of wired sources");
	if (!rc)
		rc = config(b, KVM_DEV_RISCV_AIA_CONFIG_HART_BITS, hart_bits, "hart index bits");
	if (!rc)
		rc = config(b, KVM_DEV_RISCV_AIA_CONFIG_GUEST_BITS, 0, "guest index bits");
	b->dt->kind = FDT_AIA;
	b->dt->num_sources = IRQ_SOURCES;
	b->dt->hart_bits = hart_bits;
	return rc;
}

static int addresses(struct bring_up *b)
{
	uint64_t gpa = MAP_APLIC;
	int rc = b->with_aplic ? set(b, KVM_DEV_RISCV_AIA_GRP_ADDR, KVM_DEV_RISCV_AIA_ADDR_APLIC,
					 &gpa, "address of the APLIC")
			       : 0;

	if (rc)
		return rc;
	for (unsigned i = 0; i < b->env->nvcpus && !rc; i++) {
		gpa = MAP_IMSIC + i * MAP_IMSIC_STRIDE;
		rc = kvm_device_set(b->fd, KVM_DEV_RISCV_AIA_GRP_ADDR,
			KVM_DEV_RISCV_AIA_ADDR_IMSIC(i), &gpa);
	}
	return step(b, rc, "addresses of the interrupt files");
}

/*
 * A host without guest interrupt files refuses AUTO and takes EMUL. The device can't be created a
 * second time in one machine, but its mode may be set again until init.
 */
static int choose_mode(struct bring_up *b, enum vm_irqchip want)
{
	struct err *told = b->err, why = { 0 };
	int rc = -EINVAL;

	b->err = &why; /* a refused mode is no error while another one is left */
	for (size_t i = 0; i < ARRAY_SIZE(modes) && rc; i++) {
		if (want == VM_IRQCHIP_AUTO || want == VM_IRQCHIP_SPLIT ? !modes[i].in_auto
									: modes[i].mode != want)
			continue;
		b->mode = modes[i].name;
		rc = config(b, KVM_DEV_RISCV_AIA_CONFIG_MODE, modes[i].kvm_mode, "mode");
		if (rc)
			log_info("%s", why.msg);
	}
	b->err = told;
	return rc ? failx(told, rc, "%s", why.msg) : 0;
}

int aia_device_new(int *fd, struct fdt_irqchip *dt, const char **name, struct irqchip_env *env,
	enum vm_irqchip mode, bool with_aplic, struct err *err)
{
	struct bring_up b = { .env = env,
		.dt = dt,
		.fd = -1,
		.with_aplic = with_aplic,
		.mode = "in kernel",
		.err = err };
	int rc = step(&b, kvm_create_device(env->kvm, KVM_DEV_TYPE_RISCV_AIA, &b.fd), "create");

	if (rc)
		return rc;
	rc = choose_mode(&b, mode);
	if (!rc)
		rc = configure(&b);
	if (!rc)
		rc = addresses(&b);
	if (!rc)
		rc = set(&b, KVM_DEV_RISCV_AIA_GRP_CTRL, KVM_DEV_RISCV_AIA_CTRL_INIT, NULL, "init");
	if (rc) {
		env->spoilt = true;
		close(b.fd);
		return rc;
	}
	*fd = b.fd;
	*name = b.mode;
	return 0;
}

bool aia_is_hardware(const char *name)
{
	return strcmp(name, "emul") != 0;
}

static int wire(struct irqchip *c, unsigned source, int fd, bool on)
{
	return kvm_irqfd(c->kvm, source, fd,
		on); /* KVM's default routing: GSI n is APLIC source n */
}

static int set_level(struct irqchip *c, unsigned source, bool level)
{
	return kvm_irq_line(c->kvm, source, level);
}

static void aia_free(struct irqchip *c)
{
	if (c->aia >= 0)
		close(c->aia);
	free(c);
}

static const struct irqchip_ops aia_ops = { .wire = wire,
	.set_level = set_level,
	.free = aia_free };

int irqchip_aia_new(struct irqchip **out, struct irqchip_env *env, enum vm_irqchip mode,
	struct err *err)
{
	struct irqchip *c = calloc(1, sizeof(*c));
	const char *name = NULL;
	int rc;

	if (!c)
		return fail(err, -ENOMEM, "set up the in-kernel AIA");
	c->ops = &aia_ops;
	c->kvm = env->kvm;
	c->aia = -1;
	rc = aia_device_new(&c->aia, &c->dt, &name, env, mode, true, err);
	if (rc) {
		aia_free(c);
		return rc;
	}
	c->guest_files = aia_is_hardware(name);
	snprintf(c->name, sizeof(c->name), "aia (%s)", name);
	*out = c;
	return 0;
}
