/*
 * Putting a kernel (and its initrd) into guest RAM: a RISC-V Linux Image by its header
 * (Documentation/arch/riscv/boot-image-header.rst), bare or compressed by gzip or zstd, in an EFI
 * zboot wrapper, or an ELF vmlinux.
 *
 * The formats are recognised by content. image_parse() and elf_plan() are pure functions over
 * bytes. Main thread, before the guest runs, and again at a machine reset; the descriptors stay
 * open for that.
 */
#ifndef SAMPAN_RISCV_IMAGE_H
#define SAMPAN_RISCV_IMAGE_H

#include "mem/mem.h"

#define IMAGE_HEADER_SIZE 64 /* bytes */

struct image {
	uint64_t text_offset; /* from the start of RAM (2 MiB aligned) */
	uint64_t image_size;  /* bytes of RAM the kernel uses from there, bss included */
};

/* -ENOEXEC with a sentence (without the file's name) when the header is not one of a little-endian
 * RISC-V Image. */
int image_parse(struct image *im, const void *header, size_t len, struct err *err) MUST_USE;

/* Where things ended up, guest-physical. */
struct boot_layout {
	uint64_t entry;		      /* pc of hart 0 */
	uint64_t kernel_end;	      /* first byte after the kernel's memory */
	uint64_t initrd, initrd_size; /* size 0: none */
	uint64_t fdt; /* where the device tree goes: IMAGE_FDT_SIZE bytes are free there */
};

#define IMAGE_FDT_SIZE                                                                             \
	(256 * 1024) /* bytes kept for the device tree: 64 harts with every extension need about   \
			100 KiB */

/* An open regular file; the path is for messages. fd < 0: none. */
struct image_file {
	int fd;
	const char *path;
};

/*
 * Loads the kernel, and the initrd if there is one. Pages of RAM that are not needed are not
 * touched; those of a file's holes aren't either if the RAM is fresh: zero.
 */
int image_load(struct boot_layout *l, const struct mem *mem, uint64_t ram, uint64_t ram_size,
	bool fresh, struct image_file kernel, struct image_file initrd, struct err *err) MUST_USE;

/* Opens a regular file for loading: errors for a missing, empty or irregular one. */
int image_open(int *fd, const char *path, const char *what, struct err *err) MUST_USE;

#endif
