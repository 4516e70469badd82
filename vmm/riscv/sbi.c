/* SBI and CSR exits; see sbi.h. A buffer of the guest's is checked by mem_at() and copied piece by
 * piece. */
#include "riscv/sbi.h"

#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXT_PUTCHAR 0x01 /* SBI 2.0 §5.2, legacy */
#define EXT_GETCHAR 0x02
#define EXT_DBCN    0x4442434e /* §12 */

#define DBCN_WRITE	0
#define DBCN_READ	1
#define DBCN_WRITE_BYTE 2

#define SUCCESS		  0UL
#define ERR_NOT_SUPPORTED ((unsigned long)-2)
#define ERR_INVALID_PARAM ((unsigned long)-3)

#define DBCN_AT_ONCE 4096 /* bytes written per call: a hart must not sit in one call for long */

#define CSR_SEED  0x015
#define SEED_ES16 (2UL << 30) /* 16 valid bits (scalar cryptography §4.1) */

/* The guest names a buffer by base address and length; the upper half of the address is 0 on rv64.
 */
static void dbcn_write(const struct sbi_env *env, const unsigned long args[6], unsigned long ret[2])
{
	uint8_t buf[256];
	unsigned long done = 0, len = MIN(args[0], DBCN_AT_ONCE);

	if (args[2] || !mem_at(env->mem, args[1], args[0])) {
		ret[0] = ERR_INVALID_PARAM;
		return;
	}
	while (done < len) {
		size_t n = MIN(len - done, sizeof(buf));

		if (mem_read(env->mem, args[1] + done, buf, n))
			break;
		env->console_write(env->arg, buf, n);
		done += n;
	}
	ret[1] = done;
}

static void dbcn(const struct sbi_env *env, unsigned long function, const unsigned long args[6],
	unsigned long ret[2])
{
	uint8_t byte = (uint8_t)args[0];

	switch (function) {
	case DBCN_WRITE:
		dbcn_write(env, args, ret);
		break;
	case DBCN_READ: /* input goes to the UART: there is never any here */
		if (args[2] || !mem_at(env->mem, args[1], args[0]))
			ret[0] = ERR_INVALID_PARAM;
		break;
	case DBCN_WRITE_BYTE:
		env->console_write(env->arg, &byte, 1);
		break;
	default:
		ret[0] = ERR_NOT_SUPPORTED;
	}
}

void sbi_call(const struct sbi_env *env, unsigned long extension, unsigned long function,
	const unsigned long args[6], unsigned long ret[2])
{
	uint8_t byte = (uint8_t)args[0];

	ret[0] = SUCCESS;
	ret[1] = 0;
	switch (extension) {
	case EXT_PUTCHAR:
		env->console_write(env->arg, &byte, 1);
		break;
	case EXT_GETCHAR:
		ret[0] = (unsigned long)-1; /* nothing typed */
		break;
	case EXT_DBCN:
		dbcn(env, function, args, ret);
		break;
	default:
		ret[0] = ERR_NOT_SUPPORTED;
	}
}

unsigned long csr_read(unsigned long number)
{
	uint16_t entropy;

	if (number != CSR_SEED)
		return 0;
	/* Not the C library's, which maps pages for it where the vDSO has one. */
	/* syscall(vcpu): getrandom: the guest reads the seed CSR */
	if (syscall(SYS_getrandom, &entropy, sizeof(entropy), GRND_NONBLOCK) != sizeof(entropy))
		return 1UL << 30; /* WAIT: try again */
	return SEED_ES16 | entropy;
}
