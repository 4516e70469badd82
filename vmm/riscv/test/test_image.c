/* Kernel loading from files made here: each format, and everything that can be wrong with one. */
#define _GNU_SOURCE
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>
#include "core/test/check.h"

#include "riscv/image.h"

#define RAM	 0x80000000UL
#define RAM_SIZE (16 * MiB)
#define TEXT	 (64 * KiB) /* bytes of the kernels made here */

struct fixture {
	struct mem mem;
	char *ram;
	uint8_t file[TEXT * 2];
	size_t size;
	struct boot_layout l;
	struct err err;
};

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

/* A RISC-V Image of TEXT bytes with a recognisable content. */
static void make_image(struct fixture *f, uint64_t offset, uint64_t image_size, uint64_t flags)
{
	for (size_t i = 0; i < TEXT; i++)
		f->file[i] = (uint8_t)(i * 7);
	memset(f->file, 0, IMAGE_HEADER_SIZE);
	put64(f->file + 8, offset);
	put64(f->file + 16, image_size);
	put64(f->file + 24, flags);
	memcpy(f->file + 48, "RISCV\0\0\0", 8);
	memcpy(f->file + 56, "RSC\x05", 4);
	f->size = TEXT;
}

static struct fixture *new_fixture(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(f->ram != MAP_FAILED);
	assert_int_equal(mem_add_borrowed(&f->mem, RAM, RAM_SIZE, f->ram), 0);
	make_image(f, 2 * MiB, MiB / 8, 0);
	return f;
}

static void free_fixture(struct fixture *f)
{
	munmap(f->ram, RAM_SIZE);
	free(f);
}

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

static int load_with_initrd(struct fixture *f, size_t initrd_size)
{
	char *initrd = calloc(1, initrd_size + 1);
	int kernel = file_of(f->file, f->size), rd = -1, rc;

	memset(initrd, 'i', initrd_size);
	if (initrd_size)
		rd = file_of(initrd, initrd_size);
	rc = image_load(&f->l, &f->mem, RAM, RAM_SIZE, true, (struct image_file){ kernel, "K" },
		(struct image_file){ rd, "I" }, &f->err);
	close(kernel);
	if (rd >= 0)
		close(rd);
	free(initrd);
	return rc;
}

static int load(struct fixture *f)
{
	return load_with_initrd(f, 0);
}

static void check_content(struct fixture *f, uint64_t at)
{
	assert_int_equal(f->l.entry, RAM + at);
	for (size_t i = IMAGE_HEADER_SIZE; i < TEXT; i++)
		if ((uint8_t)f->ram[at + i] != (uint8_t)(i * 7))
			fail_msg("byte %zu is wrong", i);
	assert_true(f->l.fdt >= f->l.kernel_end && !(f->l.fdt % (2 * MiB)));
}

static void bare_image(void **state UNUSED)
{
	struct fixture *f = new_fixture();

	assert_int_equal(load(f), 0);
	check_content(f, 2 * MiB);
	assert_int_equal(f->l.kernel_end, RAM + 2 * MiB + MiB / 8);
	make_image(f, 4 * MiB, TEXT, 0);
	assert_int_equal(load(f), 0);
	check_content(f, 4 * MiB);
	free_fixture(f);
}

/* Fresh RAM is zero where the file has holes; RAM that a guest has used is made so. */
static void holes(void **state UNUSED)
{
	static const size_t page = 4096, data[][2] = { { 0, 1 }, { 5, 2 }, { 15, 1 } };
	struct fixture *f = new_fixture();
	const char *text = f->ram + 2 * MiB;

	for (int fresh = 0; fresh < 2; fresh++) {
		int fd = memfd_create("test", MFD_CLOEXEC);
		bool filled[TEXT / 4096] = { false };

		assert_int_equal(ftruncate(fd, TEXT), 0);
		for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
			size_t at = data[i][0] * page, len = data[i][1] * page;

			assert_int_equal(pwrite(fd, f->file + at, len, (off_t)at), (ssize_t)len);
			for (size_t j = 0; j < data[i][1]; j++)
				filled[data[i][0] + j] = true;
		}
		memset(f->ram, 0x55, RAM_SIZE);
		assert_int_equal(image_load(&f->l, &f->mem, RAM, RAM_SIZE, fresh,
					 (struct image_file){ fd, "K" },
					 (struct image_file){ -1, NULL }, &f->err),
			0);
		close(fd);
		for (size_t i = 0; i < TEXT; i++) {
			char hole = fresh ? 0x55 : 0;

			assert_int_equal(text[i], filled[i / page] ? (char)f->file[i] : hole);
		}
		assert_int_equal(text[TEXT], 0x55);
	}
	free_fixture(f);
}

static void initrd_behind_everything(void **state UNUSED)
{
	struct fixture *f = new_fixture();

	assert_int_equal(load_with_initrd(f, 100001), 0);
	assert_int_equal(f->l.initrd_size, 100001);
	assert_true(f->l.initrd >= f->l.fdt + IMAGE_FDT_SIZE);
	assert_int_equal(f->l.initrd % 4096, 0);
	assert_int_equal(f->ram[f->l.initrd - RAM], 'i');
	assert_int_equal(f->ram[f->l.initrd - RAM + 100000], 'i');
	assert_int_equal(load_with_initrd(f, RAM_SIZE - 2 * MiB), -ENOMEM);
	assert_non_null(strstr(f->err.msg, "initrd I"));
	free_fixture(f);
}

static void gzip_file(struct fixture *f)
{
	z_stream z = { 0 };
	uint8_t *in = malloc(f->size);

	memcpy(in, f->file, f->size);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = in;
	z.avail_in = (uInt)f->size;
	z.next_out = f->file;
	z.avail_out = sizeof(f->file);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	f->size = z.total_out;
	deflateEnd(&z);
	free(in);
}

static void zstd_file(struct fixture *f)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	uint8_t *in = malloc(f->size);

	memcpy(in, f->file, f->size);
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
	f->size = ZSTD_compress2(z, f->file, sizeof(f->file), in, f->size);
	assert_false(ZSTD_isError(f->size));
	ZSTD_freeCCtx(z);
	free(in);
}

/* The EFI stub's self-extracting form: a header in front of the compressed file. */
static void zboot_file(struct fixture *f)
{
	gzip_file(f);
	memmove(f->file + 512, f->file, f->size);
	memset(f->file, 0, 512);
	memcpy(f->file, "MZ\0\0zimg", 8);
	put32(f->file + 8, 512);
	put32(f->file + 12, (uint32_t)f->size);
	memcpy(f->file + 24, "gzip", 4);
	f->size += 512;
}

static void compressed(void **state UNUSED)
{
	static void (*const forms[])(struct fixture *) = { gzip_file, zstd_file, zboot_file };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct fixture *f = new_fixture();

		forms[i](f);
		assert_int_equal(load(f), 0);
		check_content(f, 2 * MiB);
		make_image(f, 6 * MiB, TEXT, 0); /* not at the usual offset: moved there */
		forms[i](f);
		assert_int_equal(load(f), 0);
		check_content(f, 6 * MiB);
		for (size_t cut = 1; cut < f->size;
			cut += 977) { /* truncated anywhere: refused, never half used */
			size_t whole = f->size;

			f->size -= cut;
			assert_true(load(f) < 0);
			f->size = whole;
		}
		f->file[f->size / 2] ^= 0xff; /* damaged */
		f->file[f->size / 2 + 1] ^= 0xff;
		assert_true(load(f) < 0);
		free_fixture(f);
	}
}

static void make_elf(struct fixture *f, uint64_t paddr)
{
	Elf64_Ehdr eh = { .e_type = ET_EXEC,
		.e_machine = 243,
		.e_version = 1,
		.e_entry = 0xffffffff80000040,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1 };
	Elf64_Phdr ph = { .p_type = PT_LOAD,
		.p_offset = 4096,
		.p_vaddr = 0xffffffff80000000,
		.p_paddr = paddr,
		.p_filesz = TEXT - 4096,
		.p_memsz = TEXT };

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	memset(f->file, 0x5a, TEXT);
	memcpy(f->file, &eh, sizeof(eh));
	memcpy(f->file + sizeof(eh), &ph, sizeof(ph));
	f->size = TEXT;
}

static void elf(void **state UNUSED)
{
	static const struct {
		uint64_t paddr, at;
	} cases[] = { { 0, 2 * MiB }, { RAM + 8 * MiB, 8 * MiB }, { 0x1000, 2 * MiB } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = new_fixture();

		make_elf(f, cases[i].paddr);
		assert_int_equal(load(f), 0);
		assert_int_equal(f->l.entry, RAM + cases[i].at + 0x40);
		assert_int_equal(f->ram[cases[i].at], 0x5a);
		assert_int_equal(f->l.kernel_end, RAM + cases[i].at + TEXT);
		free_fixture(f);
	}
}

static void expect_refusal(struct fixture *f, const char *why)
{
	assert_true(load(f) < 0);
	if (!strstr(f->err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", f->err.msg, why);
	assert_non_null(strstr(f->err.msg, "K"));
}

static void wrong_files(void **state UNUSED)
{
	struct fixture *f = new_fixture();

	make_image(f, 2 * MiB, TEXT, 1);
	expect_refusal(f, "big-endian");
	make_image(f, MiB, TEXT, 0);
	expect_refusal(f, "2 MiB aligned");
	make_image(f, 2 * MiB, 10 * GiB, 0);
	expect_refusal(f, "memory");
	make_image(f, UINT64_MAX - 2 * MiB + 1, TEXT, 0);
	expect_refusal(f, "memory");
	make_image(f, 2 * MiB, TEXT, 0);
	f->size = 40;
	expect_refusal(f, "too short");
	make_image(f, 2 * MiB, 4 * TEXT, 0);
	expect_refusal(f, "truncated");
	make_image(f, 2 * MiB, TEXT, 0);
	memcpy(f->file + 56, "ARM\x64", 4);
	expect_refusal(f, "arm64");
	memset(f->file, 0, TEXT);
	memcpy(f->file + 510, "\x55\xaaxxHdrS", 8);
	expect_refusal(f, "x86");
	memset(f->file, 'x', TEXT);
	expect_refusal(f, "no RISC-V kernel");
	free_fixture(f);
}

static void wrong_elf_files(void **state UNUSED)
{
	static const struct {
		size_t off;
		uint8_t value;
		const char *why;
	} cases[] = {
		{ EI_DATA, ELFDATA2MSB, "big-endian" },
		{ EI_CLASS, ELFCLASS32, "32-bit" },
		{ offsetof(Elf64_Ehdr, e_machine), EM_X86_64, "machine 62" },
		{ offsetof(Elf64_Ehdr, e_phnum), 0, "no sense" },
		{ offsetof(Elf64_Ehdr, e_phnum) + 1, 0xff, "no sense" },
		{ offsetof(Elf64_Ehdr, e_phoff) + 5, 1, "truncated" },
		{ offsetof(Elf64_Ehdr, e_entry) + 3, 0, "entry point" },
		{ sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz) + 4, 1, "memory" },
		{ sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz) + 4, 1, "memory" },
		{ sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_offset) + 4, 1, "truncated" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = new_fixture();

		make_elf(f, 0);
		f->file[cases[i].off] = cases[i].value;
		expect_refusal(f, cases[i].why);
		free_fixture(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bare_image),
		cmocka_unit_test(holes),
		cmocka_unit_test(initrd_behind_everything),
		cmocka_unit_test(compressed),
		cmocka_unit_test(elf),
		cmocka_unit_test(wrong_files),
		cmocka_unit_test(wrong_elf_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
