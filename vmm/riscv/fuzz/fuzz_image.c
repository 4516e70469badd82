/* Any bytes as a kernel file: loaded into a small RAM, or refused. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "riscv/image.h"

#define RAM	 0x80000000UL
#define RAM_SIZE (8 * MiB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct boot_layout l;
	struct mem mem = { 0 };
	struct err err;

	if (ram == MAP_FAILED || fd < 0)
		abort();
	if (write(fd, data, size) == (ssize_t)size && !mem_add_borrowed(&mem, RAM, RAM_SIZE, ram) &&
		!image_load(&l, &mem, RAM, RAM_SIZE, size % 2, (struct image_file){ fd, "kernel" },
			(struct image_file){ -1, NULL }, &err) &&
		(l.entry < RAM || l.entry >= RAM + RAM_SIZE || l.kernel_end > RAM + RAM_SIZE))
		abort(); /* a layout outside RAM */
	close(fd);
	munmap(ram, RAM_SIZE);
	return 0;
}
