/*
 * The extensions that KVM can give to a guest, in the canonical order of the ISA string: X(KVM's
 * name, ours, profile, need). The profile is the first of RVA20, RVA22, RVA23 that has it (P20,
 * P22, P23, or NO); need says whether the profile is not there without it (MUST), or it is an aid,
 * an implied part, or newer in KVM than the profile (MAY). H is missing: KVM gives it to no guest.
 */
#ifndef SAMPAN_RISCV_ISA_EXTS_H
#define SAMPAN_RISCV_ISA_EXTS_H

/* clang-format off: a table */
#define ISA_EXTS(X)                                                                                \
	X(I, "i", P20, MUST)                                                                       \
	X(M, "m", P20, MUST)                                                                       \
	X(A, "a", P20, MUST)                                                                       \
	X(F, "f", P20, MUST)                                                                       \
	X(D, "d", P20, MUST)                                                                       \
	X(C, "c", P20, MUST)                                                                       \
	X(V, "v", P23, MUST)                                                                       \
	X(ZICBOM, "zicbom", P22, MUST)                                                             \
	X(ZICBOP, "zicbop", P22, MAY)                                                              \
	X(ZICBOZ, "zicboz", P22, MUST)                                                             \
	X(ZICCRSE, "ziccrse", P20, MAY)                                                            \
	X(ZICNTR, "zicntr", P20, MUST)                                                             \
	X(ZICOND, "zicond", P23, MUST)                                                             \
	X(ZICSR, "zicsr", P20, MUST)                                                               \
	X(ZIFENCEI, "zifencei", P20, MUST)                                                         \
	X(ZIHINTNTL, "zihintntl", P23, MUST)                                                       \
	X(ZIHINTPAUSE, "zihintpause", P22, MUST)                                                   \
	X(ZIHPM, "zihpm", P22, MUST)                                                               \
	X(ZIMOP, "zimop", P23, MUST)                                                               \
	X(ZAAMO, "zaamo", P20, MAY)                                                                \
	X(ZABHA, "zabha", NO, MAY)                                                                 \
	X(ZACAS, "zacas", NO, MAY)                                                                 \
	X(ZALRSC, "zalrsc", P20, MAY)                                                              \
	X(ZAWRS, "zawrs", P23, MUST)                                                               \
	X(ZFA, "zfa", P23, MUST)                                                                   \
	X(ZFBFMIN, "zfbfmin", NO, MAY)                                                             \
	X(ZFH, "zfh", NO, MAY)                                                                     \
	X(ZFHMIN, "zfhmin", P22, MUST)                                                             \
	X(ZCA, "zca", P20, MAY)                                                                    \
	X(ZCB, "zcb", P23, MUST)                                                                   \
	X(ZCD, "zcd", P20, MAY)                                                                    \
	X(ZCF, "zcf", NO, MAY)                                                                     \
	X(ZCMOP, "zcmop", P23, MUST)                                                               \
	X(ZBA, "zba", P22, MUST)                                                                   \
	X(ZBB, "zbb", P22, MUST)                                                                   \
	X(ZBC, "zbc", NO, MAY)                                                                     \
	X(ZBKB, "zbkb", NO, MAY)                                                                   \
	X(ZBKC, "zbkc", NO, MAY)                                                                   \
	X(ZBKX, "zbkx", NO, MAY)                                                                   \
	X(ZBS, "zbs", P22, MUST)                                                                   \
	X(ZKND, "zknd", NO, MAY)                                                                   \
	X(ZKNE, "zkne", NO, MAY)                                                                   \
	X(ZKNH, "zknh", NO, MAY)                                                                   \
	X(ZKR, "zkr", NO, MAY)                                                                     \
	X(ZKSED, "zksed", NO, MAY)                                                                 \
	X(ZKSH, "zksh", NO, MAY)                                                                   \
	X(ZKT, "zkt", P22, MUST)                                                                   \
	X(ZTSO, "ztso", NO, MAY)                                                                   \
	X(ZVBB, "zvbb", P23, MUST)                                                                 \
	X(ZVBC, "zvbc", NO, MAY)                                                                   \
	X(ZVFBFMIN, "zvfbfmin", NO, MAY)                                                           \
	X(ZVFBFWMA, "zvfbfwma", NO, MAY)                                                           \
	X(ZVFH, "zvfh", NO, MAY)                                                                   \
	X(ZVFHMIN, "zvfhmin", P23, MUST)                                                           \
	X(ZVKB, "zvkb", P23, MAY)                                                                  \
	X(ZVKG, "zvkg", NO, MAY)                                                                   \
	X(ZVKNED, "zvkned", NO, MAY)                                                               \
	X(ZVKNHA, "zvknha", NO, MAY)                                                               \
	X(ZVKNHB, "zvknhb", NO, MAY)                                                               \
	X(ZVKSED, "zvksed", NO, MAY)                                                               \
	X(ZVKSH, "zvksh", NO, MAY)                                                                 \
	X(ZVKT, "zvkt", P23, MUST)                                                                 \
	X(SMNPM, "smnpm", P23, MAY)                                                                \
	X(SMSTATEEN, "smstateen", NO, MAY)                                                         \
	X(SSAIA, "ssaia", NO, MAY)                                                                 \
	X(SSCOFPMF, "sscofpmf", P23, MAY)                                                          \
	X(SSNPM, "ssnpm", P23, MAY)                                                                \
	X(SSTC, "sstc", P23, MUST)                                                                 \
	X(SVADE, "svade", P20, MAY)                                                                \
	X(SVADU, "svadu", NO, MAY)                                                                 \
	X(SVINVAL, "svinval", P22, MUST)                                                           \
	X(SVNAPOT, "svnapot", P23, MUST)                                                           \
	X(SVPBMT, "svpbmt", P22, MUST)                                                             \
	X(SVVPTC, "svvptc", NO, MAY)
/* clang-format on */

#define ISA_ENUM(id, name, profile, need) EXT_##id,
enum isa_ext { ISA_EXTS(ISA_ENUM) ISA_EXT_COUNT };
#undef ISA_ENUM

#endif
