/*
 * The Image header (Linux, Documentation/arch/riscv/boot-image-header.rst) and the ways in: hart 0 from the
 * monitor, another from SBI's HSM, both in S-mode with translation off, and a trap, which is the end.
 */
	.section .head, "ax"
	.option norvc
	.globl _start
_start:
	j	begin
	.word	0
	.dword	0x200000	/* text_offset */
	.dword	_end - _start	/* image_size */
	.dword	0		/* flags: little endian */
	.word	2, 0		/* version 0.2 */
	.dword	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\5"
	.word	0

begin:
	csrw	sie, zero
	la	t0, trapped
	csrw	stvec, t0
	la	sp, stack_top
	tail	evil_main	/* a0: the hart, a1: the device tree */

	.globl second_begin
second_begin:
	csrw	sie, zero
	la	t0, trapped
	csrw	stvec, t0
	la	sp, second_stack_top
	tail	second_main

	.balign 4
trapped:
	la	sp, stack_top
	csrr	a0, scause
	csrr	a1, sepc
	csrr	a2, stval
	tail	evil_trap

	.data
	.balign 16
	.skip	65536		/* struct guest is here */
stack_top:
	.skip	16384
second_stack_top:
