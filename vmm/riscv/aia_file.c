/* A hart's interrupt file; see aia_file.h. KVM gives its registers by their indirect CSR numbers,
 * as unsigned longs; on rv64 the odd numbers of eip and eie don't exist. */
#include "riscv/aia_file.h"

#include <asm/kvm.h>

#include "kvm/kvm.h"

#define EIDELIVERY  0x70
#define EITHRESHOLD 0x72
#define EIP0	    0x80
#define EIE0	    0xc0

static int get(int device, unsigned hart, unsigned isel, uint64_t *value)
{
	return kvm_device_get(device, KVM_DEV_RISCV_AIA_GRP_IMSIC,
		KVM_DEV_RISCV_AIA_IMSIC_MKATTR(hart, isel), value);
}

static int set(int device, unsigned hart, unsigned isel, uint64_t value)
{
	return kvm_device_set(device, KVM_DEV_RISCV_AIA_GRP_IMSIC,
		KVM_DEV_RISCV_AIA_IMSIC_MKATTR(hart, isel), &value);
}

int aia_file_read(struct aia_file *f, int device, unsigned hart, unsigned ids)
{
	int rc;

	*f = (struct aia_file){ .words = MIN((ids + 1) / 64, AIA_FILE_WORDS) };
	rc = get(device, hart, EIDELIVERY, &f->delivery);
	if (!rc)
		rc = get(device, hart, EITHRESHOLD, &f->threshold);
	for (unsigned i = 0; i < f->words && !rc; i++) {
		rc = get(device, hart, EIP0 + 2 * i, &f->pending[i]);
		if (!rc)
			rc = get(device, hart, EIE0 + 2 * i, &f->enabled[i]);
	}
	return rc;
}

/* Delivery last: what is pending goes out when all is in place. */
int aia_file_write(const struct aia_file *f, int device, unsigned hart)
{
	int rc = set(device, hart, EITHRESHOLD, f->threshold);

	for (unsigned i = 0; i < f->words && !rc; i++) {
		rc = set(device, hart, EIE0 + 2 * i, f->enabled[i]);
		if (!rc)
			rc = set(device, hart, EIP0 + 2 * i, f->pending[i]);
	}
	return rc ? rc : set(device, hart, EIDELIVERY, f->delivery);
}

/* Identities from the threshold on are masked, 0 masks none (§3.8.2). */
bool aia_file_has_interrupt(const struct aia_file *f, int device, unsigned hart)
{
	for (unsigned i = 0; i < f->words && f->delivery == 1; i++) {
		uint64_t pending = 0;

		if (!f->enabled[i] || get(device, hart, EIP0 + 2 * i, &pending))
			continue;
		pending &= f->enabled[i];
		if (pending &&
			(!f->threshold ||
				i * 64 + (unsigned)__builtin_ctzll(pending) < f->threshold))
			return true;
	}
	return false;
}
