/*
 * The device tree that tells the guest what machine it is on, made with libfdt from a plain
 * description. A pure function: it is tested natively, and its output checked against the kernel's
 * bindings (dt-schema).
 */
#ifndef SAMPAN_RISCV_FDT_H
#define SAMPAN_RISCV_FDT_H

#include "core/err.h"

struct fdt_isa {
	const char *isa;	 /* riscv,isa: "rv64imafdc_..." */
	const char *const *exts; /* riscv,isa-extensions */
	unsigned nexts;
	const char *mmu_type;			     /* "riscv,sv57" */
	uint32_t timebase;			     /* Hz */
	uint32_t cbom_block, cboz_block, cbop_block; /* bytes; 0: not there */
};

enum fdt_irqchip_kind {
	FDT_AIA,   /* interrupt files and an APLIC that sends MSIs to them */
	FDT_APLIC, /* an APLIC with lines to the harts */
	FDT_PLIC,
};

struct fdt_irqchip {
	enum fdt_irqchip_kind kind;
	uint32_t num_sources;
	uint32_t num_ids, hart_bits; /* of interrupt files */
};

enum fdt_device_kind { FDT_VIRTIO_MMIO, FDT_UART, FDT_RTC, FDT_PVPANIC };

struct fdt_device {
	enum fdt_device_kind kind;
	uint64_t gpa, size;
	unsigned irq; /* wired source; 0: none */
};

struct fdt_machine {
	unsigned ncpus;
	unsigned sockets, threads; /* of the topology; they divide ncpus; 0: 1 */
	struct fdt_isa isa;
	struct fdt_irqchip irqchip;
	uint64_t ram, ram_size;
	uint64_t initrd, initrd_size; /* size 0: none */
	const char *bootargs;
	uint64_t stdout_gpa; /* of the UART that is /chosen's stdout-path */
	uint8_t rng_seed[64];
	uint64_t kaslr_seed;
	const struct fdt_device *devices;
	unsigned ndevices;
};

/* Bytes that are always enough for this machine's tree. (libfdt clears all it is given: less is
 * faster.) */
size_t fdt_size_bound(const struct fdt_machine *m);

/* Writes the tree into buf; its size is in the header. -ENOSPC with a sentence when size bytes are
 * too few. */
int fdt_build(void *buf, size_t size, const struct fdt_machine *m, struct err *err) MUST_USE;

#endif
