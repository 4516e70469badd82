/*
 * Guest RAM, and the only code that touches it.
 *
 * A struct mem is a short sorted table of regions. A guest-physical address becomes usable only
 * through mem_at(), which checks that the whole range lies in one region; the pointer it gives is
 * marked __guest (clang: noderef), so that reading it behind mem_copy's back does not compile.
 * Other vCPUs change these bytes at any moment: copy once, check the copy, use the copy.
 *
 * Owner: struct vm. Regions are added before vCPUs run; look-ups are lock-free from any thread.
 */
#ifndef SAMPAN_MEM_MEM_H
#define SAMPAN_MEM_MEM_H

#include <sys/uio.h>
#include "core/err.h"

#if defined(__clang__)
#define __guest __attribute__((noderef))
#else
#define __guest
#endif

#define MEM_REGIONS 8

struct mem_region {
	uint64_t gpa, size; /* bytes; both multiples of 4 KiB */
	void *hva;
	int memfd; /* -1: private anonymous memory */
};

struct mem {
	struct mem_region region[MEM_REGIONS]; /* sorted by gpa, never overlapping */
	unsigned nregions;
};

enum mem_pages { MEM_PAGES_THP, MEM_PAGES_HUGETLB };

struct mem_opts {
	bool shared; /* memfd, MAP_SHARED: a vhost-user peer maps it too */
	enum mem_pages
		pages;	/* HUGETLB: 2 MiB pages of the host's pool, an error when they run out */
	bool prefault;	/* every page is there before the guest starts */
	bool mergeable; /* MADV_MERGEABLE (KSM) */
};

/* Maps size bytes at gpa. Aligned to 2 MiB in the host so that KVM can map 2 MiB at a time. */
int mem_add(struct mem *mem, uint64_t gpa, uint64_t size, const struct mem_opts *opts,
	struct err *err) MUST_USE;
/* For tests and fuzzers: memory that the caller owns. */
int mem_add_borrowed(struct mem *mem, uint64_t gpa, uint64_t size, void *hva) MUST_USE;
void mem_fini(struct mem *mem);

/* A pointer to len bytes at gpa, or NULL when any of them is not RAM (or the sum wraps). len 0 is
 * allowed at any RAM address. */
void __guest *mem_at(const struct mem *mem, uint64_t gpa, uint64_t len);

/* Copies; -EFAULT when the range is not RAM (nothing is copied then). */
int mem_read(const struct mem *mem, uint64_t gpa, void *dst, size_t len) MUST_USE;
int mem_write(const struct mem *mem, uint64_t gpa, const void *src, size_t len) MUST_USE;
int mem_zero(const struct mem *mem, uint64_t gpa, size_t len) MUST_USE;

/* Copies from and to a range that mem_at() gave. */
void mem_copy_from(void *dst, const void __guest *src, size_t len);
void mem_copy_to(void __guest *dst, const void *src, size_t len);

/* Aligned single accesses to ring fields, with the ordering that virtio's rings ask for. p is
 * 2-byte aligned. */
uint16_t mem_load16_acquire(const void __guest *p);
uint16_t mem_load16(const void __guest *p);
void mem_store16_release(void __guest *p, uint16_t v);
void mem_store16(void __guest *p, uint16_t v);

/* Hands a checked range to the host kernel (readv, io_uring), which may touch it. */
struct iovec mem_iov(void __guest *p, size_t len);

#endif
