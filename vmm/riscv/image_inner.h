/*
 * What the files of the kernel loader share; see image.h.
 */
#ifndef SAMPAN_RISCV_IMAGE_INNER_H
#define SAMPAN_RISCV_IMAGE_INNER_H

#include "riscv/image.h"

#define IMAGE_OFFSET (2 * MiB) /* of a kernel in RAM: where Linux asks to be, one huge page up */

/* The part of a file that matters. */
struct source {
	int fd;
	const char *path;
	uint64_t offset, size; /* bytes */
};

struct target {
	const struct mem *mem;
	uint64_t ram, ram_size;
	bool fresh; /* no guest has run in it yet: it is zero */
};

/* Exactly len bytes, or -errno; -ENODATA when the file ends before. */
int image_read(const struct source *s, uint64_t off, void *buf, size_t len) MUST_USE;

/* Straight from the file into RAM; no copy of ours. What does not lie in the file is an error. */
int image_read_range(const struct source *s, const struct target *t, uint64_t off, uint64_t gpa,
	uint64_t len, struct err *err) MUST_USE;

/* Fills entry and kernel_end: the kernel's memory must fit behind its offset, and hold at least
 * what the file brings. */
int image_place(struct boot_layout *l, const struct target *t, const char *path, struct image im,
	uint64_t file_size, struct err *err) MUST_USE;

int image_load_elf(struct boot_layout *l, const struct target *t, const struct source *s,
	struct err *err) MUST_USE;

enum image_packing { IMAGE_GZIP, IMAGE_ZSTD };
int image_load_packed(struct boot_layout *l, const struct target *t, const struct source *s,
	enum image_packing packing, struct err *err) MUST_USE;

#endif
