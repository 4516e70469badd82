/*
 * Kernel loading; see image.h. The file is recognised by its first bytes, expanded if it is
 * compressed, and then judged by the Image header; text goes straight from the file into guest RAM.
 */
#include "riscv/image.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

#define DEFAULT_OFFSET                                                                             \
	(2 * MiB) /* of the kernel in RAM: where Linux asks to be, one huge page up */
#define CHUNK (64 * 1024)

struct source {
	int fd;
	const char *path;
	uint64_t offset, size; /* bytes of the file that matter */
};

struct target {
	const struct mem *mem;
	uint64_t ram, ram_size;
};

int image_open(int *out, const char *path, const char *what, struct err *err)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return fail(err, -errno, "open %s %s", what, path);
	if (fstat(fd, &st))
		return fail(err, -errno, "look at %s %s", what, path);
	if (S_ISDIR(st.st_mode))
		return fail(err, -EISDIR, "open %s %s", what, path);
	if (!S_ISREG(st.st_mode))
		return failx(err, -EINVAL, "open %s %s: it is not a regular file", what, path);
	if (!st.st_size)
		return failx(err, -EINVAL, "open %s %s: the file is empty", what, path);
	*out = take_fd(&fd);
	return 0;
}

/* Exactly len bytes, or an error: the file was shortened meanwhile. */
static int read_all(const struct source *s, uint64_t off, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(s->fd, (char *)buf + done, len - done,
			(off_t)(s->offset + off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

/* Straight from the file into RAM; no copy of ours. */
static int load_range(const struct source *s, const struct target *t, uint64_t off, uint64_t gpa,
	uint64_t len, struct err *err)
{
	void __guest *p = mem_at(t->mem, gpa, len);
	int rc;

	if (!p)
		return failx(err, -ENOMEM,
			"load %s: %llu bytes don't fit in the guest's %llu MiB of memory", s->path,
			(unsigned long long)len, (unsigned long long)(t->ram_size / MiB));
	rc = read_all(s, off, mem_iov(p, len).iov_base, len);
	if (rc == -ENODATA)
		return failx(err, rc, "load %s: the file is truncated", s->path);
	return rc ? fail(err, rc, "read %s", s->path) : 0;
}

/* the Image header */

struct image_header {
	uint32_t code0, code1;
	uint64_t text_offset, image_size, flags;
	uint32_t version, res1;
	uint64_t res2;
	char magic[8];	/* "RISCV\0\0\0"; deprecated */
	char magic2[4]; /* "RSC\x05" */
	uint32_t res3;
};
_Static_assert(sizeof(struct image_header) == IMAGE_HEADER_SIZE, "boot-image-header.rst");

#define FLAG_BIG_ENDIAN 1

int image_parse(struct image *im, const void *header, size_t len, struct err *err)
{
	struct image_header h;

	if (len < sizeof(h))
		return failx(err, -ENOEXEC, "the file is too short for a kernel");
	memcpy(&h, header, sizeof(h));
	if (!memcmp((const char *)header + 56, "ARM\x64", 4))
		return failx(err, -ENOEXEC, "it is a kernel for arm64, not for riscv64");
	if (memcmp(h.magic2, "RSC\x05", 4)) {
		if (len >= 514 && !memcmp((const char *)header + 510, "\x55\xaa", 2))
			return failx(err, -ENOEXEC, "it is a kernel for x86, not for riscv64");
		return failx(err, -ENOEXEC, "it is no RISC-V kernel Image, gzip, zstd or ELF file");
	}
	if (h.flags & FLAG_BIG_ENDIAN)
		return failx(err, -ENOEXEC, "it is a big-endian kernel");
	if (h.text_offset % (2 * MiB))
		return failx(err, -ENOEXEC,
			"its header asks for a text offset of 0x%llx, which is not 2 MiB aligned",
			(unsigned long long)h.text_offset);
	im->text_offset = h.text_offset;
	im->image_size = h.image_size;
	return 0;
}

/* The kernel's memory must fit behind its offset, and hold at least what the file brings. */
static int place(struct boot_layout *l, const struct target *t, const char *path, struct image im,
	uint64_t file_size, struct err *err)
{
	uint64_t end, size = MAX(im.image_size, file_size);

	if (!add_ok(im.text_offset, size, &end) || end > t->ram_size)
		return failx(err, -ENOMEM,
			"load %s: the kernel needs %llu MiB from offset %llu MiB on, the guest has %llu MiB of memory",
			path, (unsigned long long)(size / MiB + 1),
			(unsigned long long)(im.text_offset / MiB),
			(unsigned long long)(t->ram_size / MiB));
	l->entry = t->ram + im.text_offset;
	l->kernel_end = t->ram + end;
	return 0;
}

static uint32_t le32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/*
 * The header tells the size in memory only. A kernel with an EFI stub is a PE file too, whose
 * section table says where its data ends; of another one all that is known is that its bss is never
 * larger than the rest.
 */
static uint64_t file_size_at_least(const struct image *im, const uint8_t *head, size_t len)
{
	uint64_t least = im->image_size / 2, pe = le32_at(head + 60), table;

	if (memcmp(head, "MZ", 2) || pe + 24 > len || memcmp(head + pe, "PE\0\0", 4))
		return least;
	table = pe + 24 + (le32_at(head + pe + 20) & 0xffff); /* SizeOfOptionalHeader */
	for (unsigned i = 0; i < (le32_at(head + pe + 6) & 0xffff) && table + 40 <= len;
		i++, table += 40)
		least = MAX(least,
			(uint64_t)le32_at(head + table + 16) + le32_at(head + table + 20));
	return least;
}

static int load_image(struct boot_layout *l, const struct target *t, const struct source *s,
	const uint8_t *head, size_t head_len, struct err *err)
{
	struct image im;
	int rc = image_parse(&im, head, head_len, err);

	if (rc)
		return err_prefix(err, rc, "load %s", s->path);
	rc = place(l, t, s->path, im, s->size, err);
	if (!rc && s->size < file_size_at_least(&im, head, head_len))
		return failx(err, -ENOEXEC,
			"load %s: the file is truncated (%llu bytes of a kernel of %llu)", s->path,
			(unsigned long long)s->size, (unsigned long long)im.image_size);
	return rc ? rc : load_range(s, t, 0, l->entry, s->size, err);
}

/* compressed kernels: expanded into RAM at the usual place, then judged */

/* Both expanders read CHUNK bytes at a time and write to dst; *len is room before and size after.
 */
static int gunzip(const struct source *s, void *dst, uint64_t *len, uint8_t *buf)
{
	z_stream z = { 0 };
	uint64_t off = 0, room = *len;
	int rc = 0, zr = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_out = dst;
	while (zr != Z_STREAM_END && !rc) {
		size_t n = MIN(s->size - off, CHUNK);

		if (!n) {
			rc = -ENODATA;
			break;
		}
		rc = read_all(s, off, buf, n);
		off += n;
		z.next_in = buf;
		z.avail_in = (uInt)n;
		while (!rc && zr == Z_OK && z.avail_in) {
			uint64_t left = room - z.total_out;

			z.avail_out = (uInt)MIN(left, GiB);
			if (!z.avail_out) {
				rc = -E2BIG;
				break;
			}
			zr = inflate(&z, Z_NO_FLUSH);
			if (zr != Z_OK && zr != Z_STREAM_END)
				rc = -EBADMSG;
		}
	}
	*len = z.total_out;
	inflateEnd(&z);
	return rc;
}

static int unzstd(const struct source *s, void *dst, uint64_t *len, uint8_t *buf)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_outBuffer out = { .dst = dst, .size = *len };
	uint64_t off = 0;
	size_t zr = 1;
	int rc = z ? 0 : -ENOMEM;

	while (!rc && zr) {
		size_t n = MIN(s->size - off, CHUNK);
		ZSTD_inBuffer in = { .src = buf, .size = n };

		if (!n) {
			rc = -ENODATA;
			break;
		}
		rc = read_all(s, off, buf, n);
		off += n;
		while (!rc && zr && in.pos < in.size) {
			if (out.pos == out.size)
				rc = -E2BIG;
			else
				zr = ZSTD_decompressStream(z, &out, &in);
			if (ZSTD_isError(zr))
				rc = -EBADMSG;
		}
	}
	*len = out.pos;
	ZSTD_freeDStream(z);
	return rc;
}

typedef int expander(const struct source *s, void *dst, uint64_t *len, uint8_t *buf);

static int expand_error(int rc, const struct source *s, const struct target *t, struct err *err)
{
	switch (rc) {
	case -ENODATA:
		return failx(err, rc, "load %s: the compressed file is truncated", s->path);
	case -EBADMSG:
		return failx(err, rc, "load %s: the compressed data is damaged", s->path);
	case -E2BIG:
		return failx(err, rc,
			"load %s: the kernel does not fit in the guest's %llu MiB of memory",
			s->path, (unsigned long long)(t->ram_size / MiB));
	default:
		return fail(err, rc, "read %s", s->path);
	}
}

static int load_compressed(struct boot_layout *l, const struct target *t, const struct source *s,
	expander *expand, struct err *err)
{
	AUTO_FREE uint8_t *buf = malloc(CHUNK);
	uint8_t head[IMAGE_HEADER_SIZE];
	uint64_t len = t->ram_size > DEFAULT_OFFSET ? t->ram_size - DEFAULT_OFFSET : 0;
	void __guest *p = mem_at(t->mem, t->ram + DEFAULT_OFFSET, len);
	struct image im;
	int rc;

	if (!buf || !p)
		return fail(err, -ENOMEM, "load %s", s->path);
	rc = expand(s, mem_iov(p, len).iov_base, &len, buf);
	if (rc)
		return expand_error(rc, s, t, err);
	mem_copy_from(head, p, MIN(len, sizeof(head)));
	rc = image_parse(&im, head, (size_t)MIN(len, sizeof(head)), err);
	if (rc)
		return err_prefix(err, rc, "load %s (expanded)", s->path);
	rc = place(l, t, s->path, im, len, err);
	if (!rc && im.text_offset != DEFAULT_OFFSET) {
		void __guest *q = mem_at(t->mem, l->entry, len);

		if (!q)
			return fail(err, -ENOMEM, "load %s", s->path);
		memmove(mem_iov(q, len).iov_base, mem_iov(p, len).iov_base, len);
	}
	return rc;
}

/* ELF */

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
	base = low >= t->ram ? 0 : t->ram + DEFAULT_OFFSET - low;
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
		rc = load_range(s, t, ph[i].p_offset, gpa, ph[i].p_filesz, err);
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

static int load_elf(struct boot_layout *l, const struct target *t, const struct source *s,
	struct err *err)
{
	AUTO_FREE Elf64_Phdr *ph = calloc(MAX_PHDR, sizeof(*ph));
	Elf64_Ehdr eh;
	int rc;

	if (!ph)
		return fail(err, -ENOMEM, "load %s", s->path);
	rc = s->size < sizeof(eh) ? -ENODATA : read_all(s, 0, &eh, sizeof(eh));
	if (rc)
		return failx(err, rc, "load %s: the file is truncated", s->path);
	rc = elf_check(&eh, err);
	if (rc)
		return err_prefix(err, rc, "load %s", s->path);
	rc = eh.e_phoff > s->size ? -ENODATA
				  : read_all(s, eh.e_phoff, ph, eh.e_phnum * sizeof(*ph));
	if (rc)
		return failx(err, rc, "load %s: the file is truncated", s->path);
	return elf_segments(l, t, s, &eh, ph, err);
}

/* recognising, and the rest of the layout */

/* An EFI zboot file: a PE header whose first words say where the compressed Image lies
 * (include/linux/pe.h). */
struct zboot {
	char mz[4], zimg[4];
	uint32_t offset, size, reserved[2];
	char type[8];
};

static bool is_zboot(const uint8_t *head, size_t n)
{
	return n >= sizeof(struct zboot) && !memcmp(head, "MZ", 2) && !memcmp(head + 4, "zimg", 4);
}

static int load_kernel(struct boot_layout *l, const struct target *t, const struct source *whole,
	struct err *err)
{
	struct source s = *whole;
	uint8_t head[1024];
	size_t n = (size_t)MIN(s.size, sizeof(head));
	int rc = read_all(&s, 0, head, n);

	if (rc)
		return fail(err, rc, "read %s", s.path);
	if (is_zboot(head, n)) {
		struct zboot z;

		memcpy(&z, head, sizeof(z));
		if (z.offset > s.size || z.size > s.size - z.offset)
			return failx(err, -ENOEXEC, "load %s: the file is truncated", s.path);
		s.offset = z.offset;
		s.size = z.size;
		n = (size_t)MIN(s.size, sizeof(head));
		rc = read_all(&s, 0, head, n);
		if (rc)
			return fail(err, rc, "read %s", s.path);
	}
	if (n >= 2 && !memcmp(head, "\x1f\x8b", 2))
		return load_compressed(l, t, &s, gunzip, err);
	if (n >= 4 && !memcmp(head, "\x28\xb5\x2f\xfd", 4))
		return load_compressed(l, t, &s, unzstd, err);
	if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
		return load_elf(l, t, &s, err);
	return load_image(l, t, &s, head, n, err);
}

static int file_source(struct source *s, int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail(err, -errno, "look at %s", path);
	*s = (struct source){ .fd = fd, .path = path, .size = (uint64_t)st.st_size };
	return 0;
}

/*
 * Device tree and initrd come right behind the kernel, so that few huge pages are touched; but not
 * in its last 2 MiB: a kernel with strict page permissions keeps all of that to itself.
 */
int image_load(struct boot_layout *l, const struct mem *mem, uint64_t ram, uint64_t ram_size,
	int kernel_fd, const char *kernel, int initrd_fd, const char *initrd, struct err *err)
{
	struct target t = { .mem = mem, .ram = ram, .ram_size = ram_size };
	struct source s;
	uint64_t end;
	int rc;

	*l = (struct boot_layout){ 0 };
	rc = file_source(&s, kernel_fd, kernel, err);
	if (!rc)
		rc = load_kernel(l, &t, &s, err);
	if (rc)
		return rc;
	l->fdt = ALIGN_UP(l->kernel_end, 2 * MiB);
	end = l->fdt + IMAGE_FDT_SIZE;
	if (initrd_fd >= 0) {
		rc = file_source(&s, initrd_fd, initrd, err);
		if (rc)
			return rc;
		l->initrd = end;
		l->initrd_size = s.size;
		if (!add_ok(end, s.size, &end) || end > ram + ram_size)
			return failx(err, -ENOMEM,
				"load initrd %s: its %llu MiB and the kernel don't fit in the guest's %llu MiB of memory",
				initrd, (unsigned long long)(s.size / MiB + 1),
				(unsigned long long)(ram_size / MiB));
		return load_range(&s, &t, 0, l->initrd, s.size, err);
	}
	if (end > ram + ram_size)
		return failx(err, -ENOMEM,
			"load %s: no room for the device tree in the guest's %llu MiB of memory",
			kernel, (unsigned long long)(ram_size / MiB));
	return 0;
}
