/* Page tables; see walk.h. */
#include "riscv/walk.h"

#define MODE_SHIFT 60 /* of satp */
#define PPN_MASK   ((UINT64_C(1) << 44) - 1)
#define PAGE_SHIFT 12
#define INDEX_BITS 9

#define PTE_V	      UINT64_C(1)
#define PTE_R	      UINT64_C(2)
#define PTE_W	      UINT64_C(4)
#define PTE_X	      UINT64_C(8)
#define PTE_PPN_SHIFT 10
#define PTE_N	      (UINT64_C(1) << 63) /* Svnapot: the low PPN bits tell a size */
#define NAPOT_64K     8			  /* the only size there is */

/* 0: satp's mode is none of the specification's. */
static unsigned levels_of(uint64_t satp)
{
	switch (satp >> MODE_SHIFT) {
	case 8:
		return 3;
	case 9:
		return 4;
	case 10:
		return 5;
	default:
		return 0;
	}
}

/* The bits above the highest translated one are all copies of it. */
static bool canonical(uint64_t va, unsigned levels)
{
	unsigned unused = 64 - (PAGE_SHIFT + INDEX_BITS * levels);

	return (uint64_t)((int64_t)(va << unused) >> unused) == va;
}

static int leaf(uint64_t pte, uint64_t va, unsigned level, uint64_t *gpa)
{
	unsigned shift = PAGE_SHIFT + INDEX_BITS * level;
	uint64_t ppn = pte >> PTE_PPN_SHIFT & PPN_MASK;

	if (pte & PTE_N) {
		if (level || (ppn & 15) != NAPOT_64K)
			return -EFAULT;
		ppn &= ~UINT64_C(15);
		shift += 4;
	}
	if ((ppn << PAGE_SHIFT) & ((UINT64_C(1) << shift) - 1))
		return -EFAULT; /* misaligned superpage */
	*gpa = (ppn << PAGE_SHIFT) | (va & ((UINT64_C(1) << shift) - 1));
	return 0;
}

int walk(const struct mem *mem, uint64_t satp, uint64_t va, uint64_t *gpa)
{
	unsigned levels = levels_of(satp);
	uint64_t table = (satp & PPN_MASK) << PAGE_SHIFT;

	if (!(satp >> MODE_SHIFT)) {
		*gpa = va;
		return 0;
	}
	if (!levels || !canonical(va, levels))
		return -EFAULT;
	while (levels--) {
		uint64_t index = va >> (PAGE_SHIFT + INDEX_BITS * levels) & 511, pte;

		if (mem_read(mem, table + index * sizeof(pte), &pte, sizeof(pte)) ||
			!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W)
			return -EFAULT;
		if (pte & (PTE_R | PTE_X))
			return leaf(pte, va, levels, gpa);
		table = (pte >> PTE_PPN_SHIFT & PPN_MASK) << PAGE_SHIFT;
	}
	return -EFAULT;
}
