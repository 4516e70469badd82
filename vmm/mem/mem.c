/*
 * Guest RAM; see mem.h. clang's noderef checking ends here and nowhere else.
 * syscall(setup): mmap, munmap, madvise, memfd_create, ftruncate, fcntl(F_ADD_SEALS): all of it
 */
#define _GNU_SOURCE
#include "mem/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE_PAGE (2 * MiB)

/* The one place where the mark is taken off. */
static void *plain(const void __guest *p)
{
	return (void *)(uintptr_t)p;
}

static int insert(struct mem *mem, struct mem_region r)
{
	uint64_t end;
	unsigned at = 0;

	if (mem->nregions == MEM_REGIONS)
		return -ENOSPC;
	if (!r.size || !add_ok(r.gpa, r.size, &end))
		return -EINVAL;
	while (at < mem->nregions && mem->region[at].gpa < r.gpa)
		at++;
	if (at < mem->nregions && end > mem->region[at].gpa)
		return -EEXIST;
	if (at && mem->region[at - 1].gpa + mem->region[at - 1].size > r.gpa)
		return -EEXIST;
	memmove(&mem->region[at + 1], &mem->region[at], (mem->nregions - at) * sizeof(r));
	mem->region[at] = r;
	mem->nregions++;
	return 0;
}

int mem_add_borrowed(struct mem *mem, uint64_t gpa, uint64_t size, void *hva)
{
	return insert(mem,
		(struct mem_region){ .gpa = gpa, .size = size, .hva = hva, .memfd = -2 });
}

/* An address range aligned to 2 MiB with nothing behind it, so that MAP_FIXED can fill it. */
static void *reserve(uint64_t size)
{
	uint64_t span = size + HUGE_PAGE, start, lead;
	char *p = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	start = ALIGN_UP((uintptr_t)p, HUGE_PAGE);
	lead = start - (uintptr_t)p;
	if (lead)
		munmap(p, lead);
	munmap((char *)(uintptr_t)start + size, span - lead - size);
	return (void *)(uintptr_t)start;
}

/* Sealed: a peer that has it mapped, too, can't take pages away from under the guest and us. */
static int shared_file(uint64_t size, bool huge, struct err *err)
{
	AUTO_FD fd = memfd_create("guest-ram",
		MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));

	if (fd < 0 || ftruncate(fd, (off_t)size) ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fail(err, -errno, "allocate %llu MiB of shared guest memory",
			(unsigned long long)(size / MiB));
	return take_fd(&fd);
}

static int back(struct mem_region *r, const struct mem_opts *opts, struct err *err)
{
	bool huge = opts->pages == MEM_PAGES_HUGETLB;
	int prot = PROT_READ | PROT_WRITE;
	int flags = MAP_FIXED | (huge ? 0 : MAP_NORESERVE);
	int fd = -1;
	void *p;

	if (opts->shared) {
		fd = shared_file(r->size, huge, err);
		if (fd < 0)
			return fd;
		r->memfd = fd;
		flags |= MAP_SHARED;
	} else {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB | MAP_HUGE_2MB : 0);
	}
	p = mmap(r->hva, r->size, prot, flags, fd, 0);
	if (p == MAP_FAILED)
		return huge && errno == ENOMEM
			? failx(err, -ENOMEM,
				  "allocate %llu MiB of guest memory in 2 MiB pages: the host's pool "
				  "(/proc/sys/vm/nr_hugepages) has too few free",
				  (unsigned long long)(r->size / MiB))
			: fail(err, -errno, "allocate %llu MiB of guest memory",
				  (unsigned long long)(r->size / MiB));
	return 0;
}

int mem_add(struct mem *mem, uint64_t gpa, uint64_t size, const struct mem_opts *opts,
	struct err *err)
{
	struct mem_region r = { .gpa = gpa, .size = size, .memfd = -1 };
	uint64_t end;
	int rc;

	if (!size || !add_ok(size, HUGE_PAGE, &end) || !add_ok(gpa, size, &end))
		return fail(err, -EINVAL, "place %llu bytes of guest memory at 0x%llx",
			(unsigned long long)size, (unsigned long long)gpa);
	r.hva = reserve(size);
	if (!r.hva)
		return fail(err, -errno, "reserve %llu MiB of address space for guest memory",
			(unsigned long long)(size / MiB));
	rc = back(&r, opts, err);
	if (!rc && opts->pages == MEM_PAGES_THP)
		madvise(r.hva, size,
			MADV_HUGEPAGE); /* advice: a kernel without THP refuses, no harm */
	if (!rc && opts->mergeable && madvise(r.hva, size, MADV_MERGEABLE))
		rc = fail(err, -errno, "let the host merge equal pages of guest memory");
	if (!rc)
		madvise(r.hva, size, MADV_DONTDUMP);
	if (!rc && opts->prefault && madvise(r.hva, size, MADV_POPULATE_WRITE))
		rc = fail(err, -errno, "prefault %llu MiB of guest memory",
			(unsigned long long)(size / MiB));
	if (!rc) {
		rc = insert(mem, r);
		if (rc)
			rc = fail(err, rc, "place guest memory at 0x%llx", (unsigned long long)gpa);
	}
	if (rc) {
		munmap(r.hva, size);
		if (r.memfd >= 0)
			close(r.memfd);
	}
	return rc;
}

void mem_fini(struct mem *mem)
{
	for (unsigned i = 0; i < mem->nregions; i++) {
		struct mem_region *r = &mem->region[i];

		if (r->memfd == -2)
			continue;
		munmap(r->hva, r->size);
		if (r->memfd >= 0)
			close(r->memfd);
	}
	mem->nregions = 0;
}

void __guest *mem_at(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size && len <= r->size - (gpa - r->gpa))
			return (void __guest *)((char *)r->hva + (gpa - r->gpa));
	}
	return NULL;
}

int mem_read(const struct mem *mem, uint64_t gpa, void *dst, size_t len)
{
	const void __guest *p = mem_at(mem, gpa, len);

	if (!p)
		return -EFAULT;
	mem_copy_from(dst, p, len);
	return 0;
}

int mem_write(const struct mem *mem, uint64_t gpa, const void *src, size_t len)
{
	void __guest *p = mem_at(mem, gpa, len);

	if (!p)
		return -EFAULT;
	mem_copy_to(p, src, len);
	return 0;
}

int mem_zero(const struct mem *mem, uint64_t gpa, size_t len)
{
	void __guest *p = mem_at(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memset(plain(p), 0, len);
	return 0;
}

/* memcpy reads each byte at most once into dst; the compiler can't fold it with later uses of the
 * source, because callers never see the source. */
void mem_copy_from(void *dst, const void __guest *src, size_t len)
{
	memcpy(dst, plain(src), len);
	__asm__ volatile("" ::: "memory");
}

void mem_copy_to(void __guest *dst, const void *src, size_t len)
{
	memcpy(plain(dst), src, len);
	__asm__ volatile("" ::: "memory");
}

uint16_t mem_load16_acquire(const void __guest *p)
{
	return __atomic_load_n((const uint16_t *)plain(p), __ATOMIC_ACQUIRE);
}

uint16_t mem_load16(const void __guest *p)
{
	return __atomic_load_n((const uint16_t *)plain(p), __ATOMIC_RELAXED);
}

void mem_store16_release(void __guest *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)plain(p), v, __ATOMIC_RELEASE);
}

void mem_store16(void __guest *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)plain(p), v, __ATOMIC_RELAXED);
}

struct iovec mem_iov(void __guest *p, size_t len)
{
	return (struct iovec){ .iov_base = plain(p), .iov_len = len };
}
