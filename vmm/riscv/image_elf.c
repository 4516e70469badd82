/*
 * A kernel as an ELF file (vmlinux): its PT_LOAD segments, checked and placed.
 */
#include "riscv/image_inner.h"

#include <elf.h>
#include <string.h>

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

#define MAX_PHDR 64

static int elf_check(const Elf64_Ehdr *eh, struct err *err)
{
	if (eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return failx(err, -ENOEXEC, "it is a big-endian ELF file");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64)
		return failx(err, -ENOEXEC, "it is a 32-bit ELF file");
	if (eh->e_machine != EM_RISCV)
		return failx(err, -ENOEXEC,
			"it is an ELF file for machine %u, not for riscv64 (%u)", eh->e_machine,
			EM_RISCV);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > MAX_PHDR)
		return failx(err, -ENOEXEC, "its ELF header makes no sense");
	return 0;
}

static bool entry_in(const Elf64_Phdr *ph, uint64_t entry)
{
	return ph->p_type == PT_LOAD && entry >= ph->p_vaddr && entry - ph->p_vaddr < ph->p_memsz;
}

/*
 * A vmlinux is linked to physical addresses that start at 0 (it runs anywhere): it goes to the
 * usual offset. One that names addresses in RAM gets those.
 */
static int elf_segments(struct boot_layout *l, const struct target *t, const struct source *s,
	const Elf64_Ehdr *eh, const Elf64_Phdr *ph, struct err *err)
{
	uint64_t low = UINT64_MAX, base;

	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_memsz)
			low = MIN(low, ph[i].p_paddr);
	base = low >= t->ram ? 0 : t->ram + IMAGE_OFFSET - low;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		uint64_t gpa, end;
		int rc;

		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (!add_ok(base, ph[i].p_paddr, &gpa) || !add_ok(gpa, ph[i].p_memsz, &end) ||
			ph[i].p_filesz > ph[i].p_memsz || !mem_at(t->mem, gpa, ph[i].p_memsz))
			return failx(err, -ENOMEM,
				"load %s: a segment of %llu bytes does not fit in the guest's memory",
				s->path, (unsigned long long)ph[i].p_memsz);
		rc = image_read_range(s, t, ph[i].p_offset, gpa, ph[i].p_filesz, err);
		if (rc)
			return rc;
		if (entry_in(&ph[i], eh->e_entry))
			l->entry = gpa + (eh->e_entry - ph[i].p_vaddr);
		l->kernel_end = MAX(l->kernel_end, end);
	}
	if (!l->entry)
		return failx(err, -ENOEXEC, "load %s: its entry point lies in no segment", s->path);
	return 0;
}

int image_load_elf(struct boot_layout *l, const struct target *t, const struct source *s,
	struct err *err)
{
	AUTO_FREE Elf64_Phdr *ph = calloc(MAX_PHDR, sizeof(*ph));
	Elf64_Ehdr eh;
	int rc;

	if (!ph)
		return fail(err, -ENOMEM, "load %s", s->path);
	rc = s->size < sizeof(eh) ? -ENODATA : image_read(s, 0, &eh, sizeof(eh));
	if (rc)
		return failx(err, rc, "load %s: the file is truncated", s->path);
	rc = elf_check(&eh, err);
	if (rc)
		return err_prefix(err, rc, "load %s", s->path);
	rc = eh.e_phoff > s->size ? -ENODATA
				  : image_read(s, eh.e_phoff, ph, eh.e_phnum * sizeof(*ph));
	if (rc)
		return failx(err, rc, "load %s: the file is truncated", s->path);
	return elf_segments(l, t, s, &eh, ph, err);
}
