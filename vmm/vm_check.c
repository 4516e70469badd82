/*
 * What this host can do, shown step by step with the real calls of a start: `sampan check` prints
 * it. Nothing is left behind.
 */
#include "vm_internal.h"

#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

struct report {
	void (*emit)(void *arg, int ok, const char *what, const char *detail);
	void *arg;
};

static void PRINTF(4, 5) tell(const struct report *r, int ok, const char *what, const char *fmt,
	...)
{
	char detail[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	r->emit(r->arg, ok, what, detail);
}

static void check_caps(const struct report *r, const struct kvm *kvm)
{
	for (const struct kvm_cap *c = kvm_caps; c->name; c++) {
		int v = kvm_has(kvm, c->cap);

		tell(r,
			v > 0		    ? 1
				: c->needed ? -1
					    : 0,
			"KVM capability", "%s%s", c->name, v > 0 ? "" : ": absent");
	}
	tell(r, 1, "vCPUs per VM", "%u at most, %u recommended", MIN(kvm->max_vcpus, VM_MAX_CPUS),
		kvm->recommended_vcpus);
	if (kvm->gpa_bits)
		tell(r, 1, "guest address bits", "%u", kvm->gpa_bits);
}

/* The model, then what KVM could not take away from any guest: another host's mask can't either. */
static int check_isa(const struct report *r, const struct vcpu *v, const char *cpu)
{
	struct isa *isa = calloc(1, sizeof(*isa));
	struct cpu_model model;
	struct isa_set mask, fixed;
	char text[1200];
	struct err err;
	int rc = isa ? cpu_model_parse(&model, cpu, &err) : fail(&err, -ENOMEM, "look at the ISA");

	tell(r, 1, "CPU model", "%s%s", cpu ? cpu : "host",
		!rc && model.base == CPU_RVA23 ? " (without H, which KVM gives to no guest)" : "");
	if (!rc)
		rc = isa_setup(isa, &model, v, 1, &err);
	if (rc) {
		tell(r, -1, "ISA for guests", "%s", err.msg);
	} else {
		tell(r, 1, "ISA for guests", "%s", isa->isa_string);
		mask = isa->set;
		isa_put(&mask, EXT_SSAIA, false);
		isa_string(&mask, text, sizeof(text));
		tell(r, 1, "migration-safe", "%s (for --cpu, on each host)", text);
		isa_names(&isa->hidden, text, sizeof(text));
		tell(r, 1, "only hidden", "%s", *text ? text : "nothing");
		isa_probe_fixed(v, &fixed);
		isa_names(&fixed, text, sizeof(text));
		tell(r, 1, "never switched off", "%s", text);
		tell(r, 1, "address translation", "%s", isa->dt.mmu_type + strlen("riscv,"));
		tell(r, 1, "time base", "%u Hz", isa->dt.timebase);
	}
	free(isa);
	return rc;
}

static void trace_step(void *arg, const char *step, int rc)
{
	const struct report *r = arg;

	tell(r, rc ? 0 : 1, "interrupt mode step", "%s%s%s", step, rc ? ": " : "",
		rc ? err_text(-rc) : "");
}

/* One interrupt mode, in a machine of its own: a mode once chosen can't be undone. */
static int try_mode(struct report *r, struct kvm *kvm, struct loop *loop, enum vm_irqchip mode,
	irqchip_trace *trace, char *name, size_t size)
{
	struct irqchip *chip = NULL;
	struct vcpu v = { .fd = -1 };
	struct irqchip_env env = { .kvm = kvm,
		.vcpu = &v,
		.nvcpus = 1,
		.loop = loop,
		.trace = trace,
		.arg = r };
	struct err err;
	int rc = kvm->vm < 0 ? kvm_create_vm(kvm, &err) : 0;

	if (!rc)
		rc = vcpu_create(&v, kvm, 0, &err);
	if (!rc)
		rc = irqchip_new(&chip, &env, mode, &err);
	if (!rc)
		snprintf(name, size, "%s", chip->name);
	else
		snprintf(name, size, "%s", err.msg);
	irqchip_free(chip);
	vcpu_close(&v);
	kvm_close_vm(kvm);
	return rc;
}

/* The first mode that --irqchip=auto would come to. */
static int check_auto(struct report *r, struct kvm *kvm, struct loop *loop)
{
	enum vm_irqchip mode;
	char text[512] = "";
	int rc = -ENOTSUP;

	for (unsigned i = 0; rc && irqchip_candidate(VM_IRQCHIP_AUTO, i, &mode); i++)
		rc = try_mode(r, kvm, loop, mode, NULL, text, sizeof(text));
	tell(r, rc ? -1 : 1, "interrupt mode chosen", "%s", text);
	return rc;
}

static int check_irqchip(struct report *r, struct kvm *kvm)
{
	static const struct {
		enum vm_irqchip mode;
		const char *name;
	} modes[] = { { VM_IRQCHIP_AIA, "aia" }, { VM_IRQCHIP_AIA_HWACCEL, "aia-hwaccel" },
		{ VM_IRQCHIP_AIA_EMUL, "aia-emul" }, { VM_IRQCHIP_SPLIT, "split" },
		{ VM_IRQCHIP_APLIC, "aplic" }, { VM_IRQCHIP_PLIC, "plic" } };
	struct loop *loop = NULL;
	char text[512];
	struct err err;
	int rc = loop_new(&loop, &err);

	if (rc) {
		tell(r, -1, "interrupt mode chosen", "%s", err.msg);
		return rc;
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		rc = try_mode(r, kvm, loop, modes[i].mode, trace_step, text, sizeof(text));
		tell(r, rc ? 0 : 1, "interrupt mode", "%s%s%s", modes[i].name, rc ? ": " : "",
			rc ? text : "");
	}
	rc = check_auto(r, kvm, loop);
	loop_free(loop);
	return rc;
}

static void check_open(const struct report *r, const char *what, const char *path)
{
	AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		tell(r, 0, what, "%s: %s", path, err_text(errno));
	else
		tell(r, 1, what, "%s", path);
}

static void check_uring(const struct report *r)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(2, &ring, 0);

	if (rc)
		tell(r, 0, "io_uring", "%s: disks use threads", err_text(-rc));
	else
		io_uring_queue_exit(&ring), tell(r, 1, "io_uring", "disks use it");
}

static void check_huge_pages(const struct report *r)
{
	static const char path[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
	FILE *f = fopen(path, "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	tell(r, pages ? 1 : 0, "2 MiB pages free", "%lu (for --mem SIZE,hugepages)", pages);
}

int vm_check_host(const char *cpu,
	void (*emit)(void *arg, int ok, const char *what, const char *detail), void *arg)
{
	struct report r = { .emit = emit, .arg = arg };
	struct vcpu v = { .fd = -1 };
	struct utsname u;
	struct kvm kvm;
	struct err err;
	int rc;

	if (!uname(&u))
		tell(&r, !strcmp(u.machine, "riscv64") ? 1 : -1, "host", "%s %s on %s", u.sysname,
			u.release, u.machine);
	rc = kvm_open(&kvm, &err);
	if (rc) {
		tell(&r, -1, "KVM", "%s", err.msg);
		return rc;
	}
	tell(&r, 1, "KVM", "/dev/kvm, API version %d", kvm.api_version);
	rc = kvm_create_vm(&kvm, &err);
	if (!rc) {
		tell(&r, 1, "H extension", "a VM can be created");
		check_caps(&r, &kvm);
		rc = vcpu_create(&v, &kvm, 0, &err);
	}
	if (rc) {
		tell(&r, -1, "H extension", "%s", err.msg);
	} else {
		int isa_rc = check_isa(&r, &v, cpu);

		vcpu_close(&v);
		kvm_close_vm(&kvm);
		rc = check_irqchip(&r, &kvm);
		rc = rc ? rc : isa_rc;
	}
	kvm_close(&kvm);
	check_open(&r, "vhost-net", "/dev/vhost-net");
	check_open(&r, "vhost-vsock", "/dev/vhost-vsock");
	check_open(&r, "tap", "/dev/net/tun");
	check_uring(&r);
	check_huge_pages(&r);
	return rc;
}
