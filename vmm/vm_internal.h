/*
 * What struct vm is made of; for the vm_*.c files only.
 *
 * vm.c has the life cycle, vm_machine.c the KVM half (up and down, so that a reset is a new machine
 * around the same devices), vm_devices.c the devices, vm_disk.c replaceable disks, vm_exit.c what
 * vCPU exits mean, vm_jail.c the sandbox, vm_suspend.c the guest's sleep, vm_wakeups.c what KVM
 * forgets, vm_check.c the look at the host.
 */
#ifndef SAMPAN_VM_INTERNAL_H
#define SAMPAN_VM_INTERNAL_H

#include <sys/utsname.h>
#include "bus.h"
#include "dev/pvpanic.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "jail/opener.h"
#include "kvm/vcpu.h"
#include "riscv/fdt.h"
#include "riscv/image.h"
#include "riscv/irqchip.h"
#include "riscv/isa.h"
#include "riscv/map.h"
#include "riscv/sbi.h"
#include "riscv/wakeups.h"
#include "virtio/devices.h"
#include "virtio/mmio.h"
#include "vm.h"

#define VM_MAX_DEVICES (MAP_VIRTIO_SLOTS + 3)

/* A device as the guest finds it: an address, a wired interrupt, the eventfd that raises it. */
struct vm_device {
	struct vm *vm;
	char id[24];
	const char *kind;
	enum fdt_device_kind fdt_kind;
	uint64_t gpa, size;
	unsigned irq;
	int irqfd; /* the transport's eventfd that raises it; -1: it is moved by irqchip_set_level()
		      alone */
	struct virtio_mmio *mmio; /* NULL: not virtio */
};

/* Bits of vm->posted: what vCPU threads have to tell the loop. */
enum {
	POST_POWEROFF = 1,
	POST_REBOOT = 2,
	POST_PANIC = 4,
	POST_FAILED = 8,
	POST_DEBUG = 16,
	POST_SUSPEND = 32
};

struct vm {
	/* The caller's wishes; strings are ours. */
	char *name, *kernel, *initrd, *append;
	int kernel_fd, initrd_fd;
	unsigned cpus, max_cpus;
	uint64_t mem_size;
	enum vm_irqchip want_irqchip;
	struct cpu_model cpu_model;
	struct sbi_switches sbi_switches;
	unsigned sockets, threads; /* topology: at least 1 */
	bool reset_on_reboot, no_sbi_console;
	void (*on_event)(void *arg, int event, const char *detail);
	void (*on_escape)(void *arg);
	void *arg;

	struct loop *loop;
	enum vm_state state;
	enum vm_end end;

	/* The machine. */
	struct mem mem;
	struct kvm kvm;
	struct vcpu vcpu[VM_MAX_CPUS]; /* max_cpus of them */
	struct vcpu_set vcpus;
	struct irqchip *irqchip;
	struct isa isa;
	struct boot_layout layout;
	struct sbi_env sbi;

	/* The devices. */
	struct bus bus;
	struct mmio_host mmio_host;
	struct vm_device device[VM_MAX_DEVICES];
	unsigned ndevices, nvirtio;
	unsigned ndisks, ndisk_slots; /* the first devices, in this order */
	struct chardev *serial;
	struct uart *uart;
	struct rtc *rtc;
	struct pvpanic *pvpanic;

	/* From vCPU threads to the loop. */
	struct deferred deferred;
	uint32_t posted;   /* atomic */
	char failure[256]; /* written once, before POST_FAILED */
	bool failed;	   /* atomic: failure is taken */
	struct log_limit limit;

	/* The guest's sleep (vm_suspend.c). */
	struct timer look;
	struct {
		unsigned hart; /* that sleeps, and where it will start; written before POST_SUSPEND
				*/
		uint64_t address;
	} suspend;

	/* What KVM forgets (vm_wakeups.c). */
	struct timer nudge;
	unsigned wakeups_lost; /* WAKEUPS_*; set before the vCPUs run */

	/* The debugger. */
	struct vm_gdb *gdb; /* NULL: none may come */
	uint64_t gdb_hit;   /* atomic: vCPUs that came to an ebreak */

	struct utsname host; /* its kernel */

	/* The sandbox. */
	struct vm_jail jail;
	struct opener opener;
	bool confined;
};

static inline bool vm_alive(const struct vm *vm)
{
	return vm->state == VM_RUNNING || vm->state == VM_PAUSED || vm->state == VM_SUSPENDED;
}

/* vm.c */
void vm_tell(struct vm *vm, int event, const char *detail); /* on_event */
/* vm_resume() for some of the vCPUs, a bit each; the others stay parked. */
int vm_resume_only(struct vm *vm, uint64_t only, struct err *err) MUST_USE;

/* vm_devices.c */
int vm_devices_new(struct vm *vm, const struct vm_config *cfg, struct err *err) MUST_USE;
void vm_devices_free(struct vm *vm);
void vm_devices_pause(struct vm *vm);
void vm_devices_resume(struct vm *vm);
void vm_devices_reset(struct vm *vm);

/* vm_machine.c */
int vm_machine_new(struct vm *vm, struct err *err)
	MUST_USE; /* the KVM machine, if it can be as large as is wanted */
int vm_machine_up(struct vm *vm, struct err *err) MUST_USE; /* after devices exist; KVM is open */
int vm_machine_boot(struct vm *vm, struct err *err)
	MUST_USE; /* kernel, device tree, hart 0's registers */
int vm_machine_threads(struct vm *vm, struct err *err) MUST_USE; /* parked */
void vm_machine_down(struct vm *vm); /* vCPUs, interrupt controller, KVM machine; not the threads */

/* vm_suspend.c */
int vm_suspend_new(struct vm *vm, struct err *err) MUST_USE;
void vm_suspend_free(struct vm *vm);
int vm_suspend(struct vm *vm, struct err *err) MUST_USE; /* POST_SUSPEND */
void vm_wake(struct vm *vm);				 /* from SUSPENDED */

/* vm_wakeups.c */
int vm_wakeups_new(struct vm *vm, struct err *err) MUST_USE;
void vm_wakeups_free(struct vm *vm);
void vm_wakeups_up(struct vm *vm); /* the machine is new */
void vm_wakeups_heal(struct vm *vm,
	const struct vcpu *v); /* in its thread, which a signal took out of the guest */

/* vm_gdb.c; all but vm_gdb_hit() do nothing without a debugger's socket */
int vm_gdb_new(struct vm *vm, const char *path, bool wait, struct err *err) MUST_USE;
void vm_gdb_free(struct vm *vm);
bool vm_gdb_waits(const struct vm *vm);			 /* the guest is not to start yet */
int vm_gdb_arm(struct vm *vm, struct err *err) MUST_USE; /* vCPUs are new */
void vm_gdb_hit(struct vm *vm);				 /* POST_DEBUG */
void vm_gdb_ended(struct vm *vm);

/* vm_jail.c */
int vm_jail_prepare(struct vm *vm, const struct vm_config *cfg, struct err *err)
	MUST_USE;					      /* before anything is opened */
int vm_jail_threads(struct vm *vm, struct err *err) MUST_USE; /* all that a confined VM will have */
int vm_jail_close(struct vm *vm, struct err *err) MUST_USE; /* for the calling thread, the loop's */
void vm_jail_end(struct vm *vm);
void vm_jail_vcpu(struct vcpu *v, void *arg); /* the first thing that a vCPU's thread does */

/* vm_exit.c */
extern const struct vcpu_ops vm_vcpu_ops;
void vm_post(struct vm *vm, uint32_t bit); /* any thread */

#endif
