/*
 * Kernel loading; see image.h. The file is recognised by its first bytes, expanded if it is
 * compressed, and then judged by the Image header; text goes straight from the file into guest RAM,
 * without the file's holes.
 * syscall(setup): openat: a kernel is opened once
 * syscall(loop): fstat, lseek: how large the initrd is and where its holes are, at a reset
 */
#define _GNU_SOURCE
#include "riscv/image_inner.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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

int image_read(const struct source *s, uint64_t off, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		/* syscall(loop): pread64: the kernel and the initrd again, at a reset */
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

/* How far from off on the file is a hole, or 0 where it has data or can't tell; off lies in the
 * file. */
static uint64_t hole_at(const struct source *s, uint64_t off, uint64_t len)
{
	off_t from = (off_t)(s->offset + off), data = lseek(s->fd, from, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? len : 0;
	return MIN((uint64_t)(data - from), len);
}

static uint64_t data_at(const struct source *s, uint64_t off, uint64_t len)
{
	off_t from = (off_t)(s->offset + off), hole = lseek(s->fd, from, SEEK_HOLE);

	return hole <= from ? len : MIN((uint64_t)(hole - from), len);
}

/* Holes stay untouched: a kernel is a third padding, and RAM is zero unless a guest has used it. */
static int read_sparse(const struct source *s, const struct target *t, uint64_t off, uint64_t gpa,
	uint64_t len)
{
	int rc = 0;

	while (len && !rc) {
		uint64_t n = hole_at(s, off, len);
		void __guest *p;

		if (n && !t->fresh)
			rc = mem_zero(t->mem, gpa, n);
		if (!n) {
			n = data_at(s, off, len);
			p = mem_at(t->mem, gpa, n);
			rc = p ? image_read(s, off, mem_iov(p, n).iov_base, n) : -EFAULT;
		}
		off += n;
		gpa += n;
		len -= n;
	}
	return rc;
}

int image_read_range(const struct source *s, const struct target *t, uint64_t off, uint64_t gpa,
	uint64_t len, struct err *err)
{
	uint64_t end;
	int rc = -ENODATA;

	if (!mem_at(t->mem, gpa, len))
		return failx(err, -ENOMEM,
			"load %s: %llu bytes don't fit in the guest's %llu MiB of memory", s->path,
			(unsigned long long)len, (unsigned long long)(t->ram_size / MiB));
	if (!len || (add_ok(off, len, &end) && end <= s->size))
		rc = read_sparse(s, t, off, gpa, len);
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
int image_place(struct boot_layout *l, const struct target *t, const char *path, struct image im,
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
	rc = image_place(l, t, s->path, im, s->size, err);
	if (!rc && s->size < file_size_at_least(&im, head, head_len))
		return failx(err, -ENOEXEC,
			"load %s: the file is truncated (%llu bytes of a kernel of %llu)", s->path,
			(unsigned long long)s->size, (unsigned long long)im.image_size);
	return rc ? rc : image_read_range(s, t, 0, l->entry, s->size, err);
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
	int rc = image_read(&s, 0, head, n);

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
		rc = image_read(&s, 0, head, n);
		if (rc)
			return fail(err, rc, "read %s", s.path);
	}
	if (n >= 2 && !memcmp(head, "\x1f\x8b", 2))
		return image_load_packed(l, t, &s, IMAGE_GZIP, err);
	if (n >= 4 && !memcmp(head, "\x28\xb5\x2f\xfd", 4))
		return image_load_packed(l, t, &s, IMAGE_ZSTD, err);
	if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
		return image_load_elf(l, t, &s, err);
	return load_image(l, t, &s, head, n, err);
}

static int file_source(struct source *s, const struct image_file *f, struct err *err)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return fail(err, -errno, "look at %s", f->path);
	*s = (struct source){ .fd = f->fd, .path = f->path, .size = (uint64_t)st.st_size };
	return 0;
}

/*
 * Device tree and initrd come right behind the kernel, so that few huge pages are touched; but not
 * in its last 2 MiB: a kernel with strict page permissions keeps all of that to itself.
 */
int image_load(struct boot_layout *l, const struct mem *mem, uint64_t ram, uint64_t ram_size,
	bool fresh, struct image_file kernel, struct image_file initrd, struct err *err)
{
	struct target t = { .mem = mem, .ram = ram, .ram_size = ram_size, .fresh = fresh };
	struct source s;
	uint64_t end;
	int rc;

	*l = (struct boot_layout){ 0 };
	rc = file_source(&s, &kernel, err);
	if (!rc)
		rc = load_kernel(l, &t, &s, err);
	if (rc)
		return rc;
	l->fdt = ALIGN_UP(l->kernel_end, 2 * MiB);
	end = l->fdt + IMAGE_FDT_SIZE;
	if (initrd.fd >= 0) {
		rc = file_source(&s, &initrd, err);
		if (rc)
			return rc;
		l->initrd = end;
		l->initrd_size = s.size;
		if (!add_ok(end, s.size, &end) || end > ram + ram_size)
			return failx(err, -ENOMEM,
				"load initrd %s: its %llu MiB and the kernel don't fit in the guest's %llu MiB of memory",
				initrd.path, (unsigned long long)(s.size / MiB + 1),
				(unsigned long long)(ram_size / MiB));
		return image_read_range(&s, &t, 0, l->initrd, s.size, err);
	}
	if (end > ram + ram_size)
		return failx(err, -ENOMEM,
			"load %s: no room for the device tree in the guest's %llu MiB of memory",
			kernel.path, (unsigned long long)(ram_size / MiB));
	return 0;
}
