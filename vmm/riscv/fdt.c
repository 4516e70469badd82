/*
 * Device tree by libfdt's sequential-write calls, node by node as the bindings of Linux ask
 * (riscv/cpus, riscv,imsics, riscv,aplic, sifive,plic, virtio,mmio, serial/8250, ...). libfdt keeps
 * the first error of a failed call chain only if it is looked at: struct out does that.
 */
#include "riscv/fdt.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "riscv/map.h"
#include "riscv/plic.h"

#define IRQ_S_EXT	   9 /* of a hart's local controller: supervisor external */
#define LEVEL_HIGH	   4
#define PHANDLE_IMSIC	   1
#define PHANDLE_WIRED	   2 /* the controller of wired sources */
#define PHANDLE_INTC(hart) (16 + (hart))
#define PHANDLE_CPU(hart)  (256 + (hart))

/* The first error sticks; every call after it does nothing. */
struct out {
	void *fdt;
	int rc;
};

static void begin(struct out *o, const char *name)
{
	if (!o->rc)
		o->rc = fdt_begin_node(o->fdt, name);
}

static void PRINTF(3, 4) begin_at(struct out *o, uint64_t gpa, const char *fmt, ...)
{
	char name[64];
	int n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	snprintf(name + n, sizeof(name) - (size_t)n, "@%llx", (unsigned long long)gpa);
	begin(o, name);
}

static void end(struct out *o)
{
	if (!o->rc)
		o->rc = fdt_end_node(o->fdt);
}

static void prop(struct out *o, const char *name, const void *value, size_t len)
{
	if (!o->rc)
		o->rc = fdt_property(o->fdt, name, value, (int)len);
}

static void flag(struct out *o, const char *name)
{
	prop(o, name, NULL, 0);
}

static void str(struct out *o, const char *name, const char *value)
{
	prop(o, name, value, strlen(value) + 1);
}

/* n strings, one after the other. */
static void strs(struct out *o, const char *name, const char *const *values, unsigned n)
{
	size_t len = 0;
	char *p = NULL;

	for (unsigned i = 0; i < n; i++)
		len += strlen(values[i]) + 1;
	if (!o->rc)
		o->rc = fdt_property_placeholder(o->fdt, name, (int)len, (void **)&p);
	for (unsigned i = 0; i < n && !o->rc; i++) {
		strcpy(p, values[i]);
		p += strlen(values[i]) + 1;
	}
}

#define compatible(o, ...)                                                                         \
	strs(o, "compatible", (const char *const[]){ __VA_ARGS__ },                                \
		ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

static void u32(struct out *o, const char *name, uint32_t value)
{
	if (!o->rc)
		o->rc = fdt_property_u32(o->fdt, name, value);
}

static void u64(struct out *o, const char *name, uint64_t value)
{
	if (!o->rc)
		o->rc = fdt_property_u64(o->fdt, name, value);
}

static void cells(struct out *o, const char *name, const uint32_t *values, unsigned n)
{
	fdt32_t *p = NULL;

	if (!o->rc)
		o->rc = fdt_property_placeholder(o->fdt, name, (int)(n * sizeof(*p)), (void **)&p);
	for (unsigned i = 0; i < n && !o->rc; i++)
		p[i] = cpu_to_fdt32(values[i]);
}

static void reg(struct out *o, uint64_t gpa, uint64_t size)
{
	cells(o, "reg",
		(uint32_t[]){ (uint32_t)(gpa >> 32), (uint32_t)gpa, (uint32_t)(size >> 32),
			(uint32_t)size },
		4);
}

static void chosen(struct out *o, const struct fdt_machine *m)
{
	char path[64];

	begin(o, "chosen");
	if (*m->bootargs)
		str(o, "bootargs", m->bootargs);
	if (m->stdout_gpa) {
		snprintf(path, sizeof(path), "/soc/serial@%llx", (unsigned long long)m->stdout_gpa);
		str(o, "stdout-path", path);
	}
	if (m->initrd_size) {
		u64(o, "linux,initrd-start", m->initrd);
		u64(o, "linux,initrd-end", m->initrd + m->initrd_size);
	}
	prop(o, "rng-seed", m->rng_seed, sizeof(m->rng_seed));
	u64(o, "kaslr-seed", m->kaslr_seed);
	end(o);
}

static void cpu(struct out *o, const struct fdt_isa *isa, unsigned hart)
{
	begin_at(o, hart, "cpu");
	str(o, "device_type", "cpu");
	compatible(o, "riscv");
	u32(o, "reg", hart);
	str(o, "status", "okay");
	str(o, "mmu-type", isa->mmu_type);
	str(o, "riscv,isa", isa->isa);
	str(o, "riscv,isa-base", "rv64i");
	strs(o, "riscv,isa-extensions", isa->exts, isa->nexts);
	if (isa->cbom_block)
		u32(o, "riscv,cbom-block-size", isa->cbom_block);
	if (isa->cboz_block)
		u32(o, "riscv,cboz-block-size", isa->cboz_block);
	if (isa->cbop_block)
		u32(o, "riscv,cbop-block-size", isa->cbop_block);
	u32(o, "phandle", PHANDLE_CPU(hart));
	begin(o, "interrupt-controller");
	compatible(o, "riscv,cpu-intc");
	flag(o, "interrupt-controller");
	u32(o, "#interrupt-cells", 1);
	u32(o, "phandle", PHANDLE_INTC(hart));
	end(o);
	end(o);
}

static void PRINTF(2, 3) begin_numbered(struct out *o, const char *fmt, ...)
{
	char name[24];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	begin(o, name);
}

/* A socket, where there are several, of one cluster of cores, of threads where there are several.
 */
static void cpu_map(struct out *o, unsigned ncpus, unsigned sockets, unsigned threads)
{
	unsigned cores = ncpus / sockets / threads, hart = 0;

	begin(o, "cpu-map");
	for (unsigned s = 0; s < sockets; s++) {
		if (sockets > 1)
			begin_numbered(o, "socket%u", s);
		begin(o, "cluster0");
		for (unsigned c = 0; c < cores; c++) {
			begin_numbered(o, "core%u", c);
			for (unsigned t = 0; t < threads && threads > 1; t++) {
				begin_numbered(o, "thread%u", t);
				u32(o, "cpu", PHANDLE_CPU(hart++));
				end(o);
			}
			if (threads == 1)
				u32(o, "cpu", PHANDLE_CPU(hart++));
			end(o);
		}
		end(o);
		if (sockets > 1)
			end(o);
	}
	end(o);
}

static void cpus(struct out *o, const struct fdt_machine *m)
{
	begin(o, "cpus");
	u32(o, "#address-cells", 1);
	u32(o, "#size-cells", 0);
	u32(o, "timebase-frequency", m->isa.timebase);
	for (unsigned i = 0; i < m->ncpus; i++)
		cpu(o, &m->isa, i);
	cpu_map(o, m->ncpus, MAX(m->sockets, 1U), MAX(m->threads, 1U));
	end(o);
}

static void memory(struct out *o, const struct fdt_machine *m)
{
	begin_at(o, m->ram, "memory");
	str(o, "device_type", "memory");
	reg(o, m->ram, m->ram_size);
	end(o);
}

/* Every hart's external interrupt, in the order of hart ids. */
static void to_harts(struct out *o, unsigned ncpus)
{
	fdt32_t *p = NULL;

	if (!o->rc)
		o->rc = fdt_property_placeholder(o->fdt, "interrupts-extended", (int)(ncpus * 8),
			(void **)&p);
	for (unsigned i = 0; i < ncpus && !o->rc; i++) {
		p[2 * i] = cpu_to_fdt32(PHANDLE_INTC(i));
		p[2 * i + 1] = cpu_to_fdt32(IRQ_S_EXT);
	}
}

static void imsic(struct out *o, const struct fdt_machine *m)
{
	begin_at(o, MAP_IMSIC, "interrupt-controller");
	compatible(o, "qemu,imsics", "riscv,imsics");
	reg(o, MAP_IMSIC, m->ncpus * MAP_IMSIC_STRIDE);
	flag(o, "interrupt-controller");
	u32(o, "#interrupt-cells", 0);
	flag(o, "msi-controller");
	u32(o, "#msi-cells", 0);
	u32(o, "riscv,num-ids", m->irqchip.num_ids);
	if (m->irqchip.hart_bits)
		u32(o, "riscv,hart-index-bits", m->irqchip.hart_bits);
	to_harts(o, m->ncpus);
	u32(o, "phandle", PHANDLE_IMSIC);
	end(o);
}

static void aplic(struct out *o, const struct fdt_machine *m)
{
	begin_at(o, MAP_APLIC, "interrupt-controller");
	compatible(o, "qemu,aplic", "riscv,aplic");
	reg(o, MAP_APLIC, m->irqchip.kind == FDT_AIA ? MAP_APLIC_SIZE : MAP_APLIC_WIDE);
	flag(o, "interrupt-controller");
	u32(o, "#interrupt-cells", 2);
	u32(o, "riscv,num-sources", m->irqchip.num_sources);
	if (m->irqchip.kind == FDT_AIA)
		u32(o, "msi-parent", PHANDLE_IMSIC);
	else
		to_harts(o, m->ncpus);
	u32(o, "phandle", PHANDLE_WIRED);
	end(o);
}

static void plic(struct out *o, const struct fdt_machine *m)
{
	begin_at(o, MAP_PLIC, "interrupt-controller");
	compatible(o, "sifive,plic-1.0.0", "riscv,plic0");
	reg(o, MAP_PLIC, PLIC_SIZE(m->ncpus));
	flag(o, "interrupt-controller");
	u32(o, "#address-cells", 0);
	u32(o, "#interrupt-cells", 1);
	u32(o, "riscv,ndev", m->irqchip.num_sources);
	to_harts(o, m->ncpus);
	u32(o, "phandle", PHANDLE_WIRED);
	end(o);
}

static void irqchip(struct out *o, const struct fdt_machine *m)
{
	if (m->irqchip.kind == FDT_PLIC) {
		plic(o, m);
		return;
	}
	if (m->irqchip.kind == FDT_AIA)
		imsic(o, m);
	aplic(o, m);
}

static void device(struct out *o, const struct fdt_device *d, enum fdt_irqchip_kind irqchip_kind)
{
	static const struct {
		const char *node, *compatible;
	} kinds[] = {
		[FDT_VIRTIO_MMIO] = { "virtio_mmio", "virtio,mmio" },
		[FDT_UART] = { "serial", "ns16550a" },
		[FDT_RTC] = { "rtc", "google,goldfish-rtc" },
		[FDT_PVPANIC] = { "pvpanic", "qemu,pvpanic-mmio" },
	};

	begin_at(o, d->gpa, "%s", kinds[d->kind].node);
	compatible(o, kinds[d->kind].compatible);
	reg(o, d->gpa, d->size);
	if (d->irq)
		cells(o, "interrupts", (uint32_t[]){ d->irq, LEVEL_HIGH },
			irqchip_kind == FDT_PLIC ? 1
						 : 2); /* a PLIC's sources know no other sense */
	if (d->kind == FDT_UART)
		u32(o, "clock-frequency", 3686400);
	end(o);
}

static void soc(struct out *o, const struct fdt_machine *m)
{
	begin(o, "soc");
	compatible(o, "simple-bus");
	u32(o, "#address-cells", 2);
	u32(o, "#size-cells", 2);
	flag(o, "ranges");
	u32(o, "interrupt-parent", PHANDLE_WIRED);
	irqchip(o, m);
	for (unsigned i = 0; i < m->ndevices; i++)
		device(o, &m->devices[i], m->irqchip.kind);
	end(o);
}

size_t fdt_size_bound(const struct fdt_machine *m)
{
	size_t per_cpu = 1664 + strlen(m->isa.isa);

	for (unsigned i = 0; i < m->isa.nexts; i++)
		per_cpu += strlen(m->isa.exts[i]) + 1;
	return 4096 + strlen(m->bootargs) + m->ncpus * per_cpu + m->ndevices * 384;
}

int fdt_build(void *buf, size_t size, const struct fdt_machine *m, struct err *err)
{
	struct out o = { .fdt = buf };

	o.rc = fdt_create_with_flags(buf, (int)size,
		FDT_CREATE_FLAG_NO_NAME_DEDUP); /* 1 ms of a boot is spent looking for equal names
						 */
	if (!o.rc)
		o.rc = fdt_finish_reservemap(buf);
	begin(&o, "");
	u32(&o, "#address-cells", 2);
	u32(&o, "#size-cells", 2);
	compatible(&o, "linux,dummy-virt");
	str(&o, "model", "linux,dummy-virt");
	chosen(&o, m);
	memory(&o, m);
	cpus(&o, m);
	soc(&o, m);
	end(&o);
	if (!o.rc)
		o.rc = fdt_finish(buf);
	if (o.rc)
		return failx(err, -ENOSPC, "build the device tree: %s", fdt_strerror(o.rc));
	return 0;
}
