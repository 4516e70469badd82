/*
 * The machine's address map and wired interrupt sources. Everything that has an address or an
 * interrupt number has it here.
 *
 * Low 2 GiB: devices. RAM from 2 GiB on, one region. Wired sources are APLIC source numbers (source
 * 0 does not exist).
 */
#ifndef SAMPAN_RISCV_MAP_H
#define SAMPAN_RISCV_MAP_H

#define MAP_RTC		  0x00101000UL
#define MAP_RTC_SIZE	  0x1000UL
#define MAP_PVPANIC	  0x00102000UL
#define MAP_PVPANIC_SIZE  0x2UL
#define MAP_PLIC	  0x0c000000UL /* PLIC_SIZE() */
#define MAP_APLIC	  0x0d000000UL
#define MAP_APLIC_SIZE	  0x4000UL /* KVM_DEV_RISCV_APLIC_SIZE */
#define MAP_APLIC_WIDE	  0x5000UL /* with the harts' registers for direct delivery */
#define MAP_UART	  0x10000000UL
#define MAP_UART_SIZE	  0x100UL
#define MAP_VIRTIO	  0x10001000UL /* slot n at + n * MAP_VIRTIO_STRIDE */
#define MAP_VIRTIO_STRIDE 0x1000UL
#define MAP_VIRTIO_SLOTS  64
#define MAP_IMSIC	  0x28000000UL /* hart n at + n * 0x1000 */
#define MAP_IMSIC_STRIDE  0x1000UL
#define MAP_RAM		  0x80000000UL

#define IRQ_RTC	    1
#define IRQ_UART    2
#define IRQ_VIRTIO  8  /* slot n: IRQ_VIRTIO + n */
#define IRQ_SOURCES 95 /* highest source number; the next multiple of 32, less one */

#endif
