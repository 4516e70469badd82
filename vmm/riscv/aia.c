/*
 * The in-kernel AIA (RISC-V AIA 1.0; Documentation/virt/kvm/devices/ of KVM's own AIA device): one
 * IMSIC per vCPU and an APLIC that turns wired sources into MSIs, all in KVM.
 *
 * KVM wants its attributes in one order: mode, ids, sources, bits, addresses, init; after init
 * nothing can be changed. Any step can fail on some kernel, so each is named; what has a usable
 * default (number of ids) goes on with that.
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

struct aia {
	struct irqchip chip;
	int fd;
};

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
	struct aia *aia;
	irqchip_trace *trace;
	void *arg;
	const char *mode;
	struct err *err;
};

static int step(struct bring_up *b, int rc, const char *what)
{
	char text[80];

	snprintf(text, sizeof(text), "AIA (%s): %s", b->mode, what);
	if (b->trace)
		b->trace(b->arg, text, rc);
	return rc ? fail(b->err, rc, "set up the in-kernel AIA (%s): %s", b->mode, what) : 0;
}

static int set(struct bring_up *b, uint32_t group, uint64_t attr, const void *value,
	const char *what)
{
	return step(b, kvm_device_set(b->aia->fd, group, attr, value), what);
}

/* Fewer ids than the kernel's maximum if it lets us; else its default. */
static int choose_ids(struct bring_up *b)
{
	uint32_t ids, wanted = IDS_WANTED;
	int rc = kvm_device_get(b->aia->fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
		KVM_DEV_RISCV_AIA_CONFIG_IDS, &ids);

	if (rc)
		return step(b, rc, "read the number of interrupt identities");
	if (ids > wanted &&
		!kvm_device_set(b->aia->fd, KVM_DEV_RISCV_AIA_GRP_CONFIG,
			KVM_DEV_RISCV_AIA_CONFIG_IDS, &wanted))
		ids = wanted;
	b->aia->chip.dt.num_ids = ids;
	return 0;
}

static int config(struct bring_up *b, unsigned nvcpus)
{
	uint32_t srcs = IRQ_SOURCES, hart_bits = 0, guest_bits = 0;
	int rc;

	while ((1U << hart_bits) < nvcpus)
		hart_bits++;
	rc = choose_ids(b);
	if (!rc)
		rc = set(b, KVM_DEV_RISCV_AIA_GRP_CONFIG, KVM_DEV_RISCV_AIA_CONFIG_SRCS, &srcs,
			"number of wired sources");
	if (!rc)
		rc = set(b, KVM_DEV_RISCV_AIA_GRP_CONFIG, KVM_DEV_RISCV_AIA_CONFIG_HART_BITS,
			&hart_bits, "hart index bits");
	if (!rc)
		rc = set(b, KVM_DEV_RISCV_AIA_GRP_CONFIG, KVM_DEV_RISCV_AIA_CONFIG_GUEST_BITS,
			&guest_bits, "guest index bits");
	b->aia->chip.dt.num_sources = srcs;
	b->aia->chip.dt.hart_bits = hart_bits;
	return rc;
}

static int addresses(struct bring_up *b, unsigned nvcpus)
{
	uint64_t gpa = MAP_APLIC;
	int rc = set(b, KVM_DEV_RISCV_AIA_GRP_ADDR, KVM_DEV_RISCV_AIA_ADDR_APLIC, &gpa,
		"address of the APLIC");

	for (unsigned i = 0; i < nvcpus && !rc; i++) {
		gpa = MAP_IMSIC + i * MAP_IMSIC_STRIDE;
		rc = kvm_device_set(b->aia->fd, KVM_DEV_RISCV_AIA_GRP_ADDR,
			KVM_DEV_RISCV_AIA_ADDR_IMSIC(i), &gpa);
	}
	return rc ? rc : step(b, rc, "addresses of the APLIC and the IMSICs");
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
	struct aia *aia = container_of(c, struct aia, chip);

	if (aia->fd >= 0)
		close(aia->fd);
	free(aia);
}

static const struct irqchip_ops aia_ops = { .wire = wire,
	.set_level = set_level,
	.free = aia_free };

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
		if (want == VM_IRQCHIP_AUTO ? !modes[i].in_auto : modes[i].mode != want)
			continue;
		b->mode = modes[i].name;
		rc = set(b, KVM_DEV_RISCV_AIA_GRP_CONFIG, KVM_DEV_RISCV_AIA_CONFIG_MODE,
			&modes[i].kvm_mode, "mode");
		if (rc)
			log_info("%s", why.msg);
	}
	b->err = told;
	return rc ? failx(told, rc, "%s", why.msg) : 0;
}

static int bring_up(struct bring_up *b, unsigned nvcpus, enum vm_irqchip want)
{
	int rc = step(b, kvm_create_device(b->aia->chip.kvm, KVM_DEV_TYPE_RISCV_AIA, &b->aia->fd),
		"create");

	if (!rc)
		rc = choose_mode(b, want);
	if (!rc)
		rc = config(b, nvcpus);
	if (!rc)
		rc = addresses(b, nvcpus);
	if (!rc)
		rc = set(b, KVM_DEV_RISCV_AIA_GRP_CTRL, KVM_DEV_RISCV_AIA_CTRL_INIT, NULL, "init");
	return rc;
}

int irqchip_aia_new(struct irqchip **out, const struct kvm *kvm, unsigned nvcpus,
	enum vm_irqchip want, irqchip_trace *trace, void *arg, struct err *err)
{
	struct aia *aia = calloc(1, sizeof(*aia));
	struct bring_up b = { .aia = aia,
		.trace = trace,
		.arg = arg,
		.mode = "in kernel",
		.err = err };
	int rc;

	if (!aia)
		return fail(err, -ENOMEM, "set up the in-kernel AIA");
	aia->chip.ops = &aia_ops;
	aia->chip.kvm = kvm;
	aia->fd = -1;
	rc = bring_up(&b, nvcpus, want);
	if (rc) {
		aia_free(&aia->chip);
		return rc;
	}
	snprintf(aia->chip.name, sizeof(aia->chip.name), "aia (%s)", b.mode);
	*out = &aia->chip;
	return 0;
}
