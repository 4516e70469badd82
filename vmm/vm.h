/*
 * The one door to the microVM core: what a caller's front (command line, Kata driver, containerd
 * shim) may say and hear.
 *
 * A struct vm is created from a struct vm_config, owned by the caller, and used from the loop
 * thread only. Nothing here knows a protocol. Errors are -errno with a sentence in err.
 *
 * vm_new() opens all that the config names, vm_confine() takes everything else away from the
 * process, vm_start() starts threads and leaves each, the caller's too, the system calls that it
 * needs. So whatever a front opens, it opens before vm_confine(), and it starts no threads before
 * vm_start().
 *
 * Life cycle (enum vm_state): CREATED -start-> RUNNING <-pause/resume-> PAUSED; RUNNING <-the
 * guest's SBI system suspend / an interrupt or resume-> SUSPENDED; the guest's
 * power-off, reboot or panic, a fatal error or vm_stop() lead to STOPPED, from which only vm_free()
 * leads on (a reboot with config.reset_on_reboot stays RUNNING).
 */
#ifndef SAMPAN_VM_H
#define SAMPAN_VM_H

#include <stdio.h>
#include "block/block.h"
#include "dev/chardev.h"
#include "mem/mem.h"

#define VM_MAX_CPUS	  64
#define VM_MAX_NET_QUEUES 16 /* pairs */
#define VM_MAX_VIRTIO	  64 /* virtio devices, disk slots among them */

enum vm_irqchip {
	VM_IRQCHIP_AUTO, /* the best that works here */
	VM_IRQCHIP_AIA,	 /* in kernel, KVM chooses per vCPU between guest files and emulation */
	VM_IRQCHIP_AIA_HWACCEL, /* in kernel, guest interrupt files only */
	VM_IRQCHIP_AIA_EMUL,	/* in kernel, emulated */
	VM_IRQCHIP_SPLIT,	/* interrupt files in kernel, the APLIC that feeds them here */
	VM_IRQCHIP_APLIC,	/* an APLIC here, its lines straight to the harts */
	VM_IRQCHIP_PLIC,	/* a PLIC here */
};

struct vm_disk {
	const char *path; /* opened by the core, unless fd >= 0 */
	int fd;		  /* >= 0: taken over */
	const char *id;	  /* serial number, at most 20 bytes; NULL: none */
	bool readonly;
	unsigned queues; /* 0: one per vCPU, at most 8 */
	enum block_io io;
};

enum vm_vhost { VM_VHOST_AUTO, VM_VHOST_ON, VM_VHOST_OFF };

struct vm_net {
	const char *tap;	    /* name of an existing tap, unless nfds > 0 */
	const char *id;		    /* for messages and QMP; NULL: "netN" */
	int fds[VM_MAX_NET_QUEUES]; /* tap descriptors, one a queue pair; taken over */
	unsigned nfds;
	unsigned queues; /* pairs, for a tap by name; 0: 1 */
	uint8_t mac[6];	 /* all zero: one is derived */
	uint16_t mtu;	 /* 0: not offered */
	enum vm_vhost vhost;
};

struct vm_vsock {
	bool present;
	uint32_t cid;	 /* the guest's, 3..2^32-2; for uds it is what the guest sees (default 3) */
	int vhost_fd;	 /* >= 0: an open /dev/vhost-vsock, taken over; else opened */
	const char *uds; /* hybrid form: the unix socket to listen on; NULL: vhost */
};

struct vm_console {
	const char *name; /* port name; NULL for the first: a plain console (hvc0) */
	struct chardev_config chardev;
};

/* A shared file system: the front end of a vhost-user back end (virtiofsd). Guest RAM is then
 * shared memory. */
struct vm_fs {
	const char
		*socket; /* the back end's unix socket, connected to by the core, unless fd >= 0 */
	int fd;		 /* >= 0: a connected socket, taken over */
	const char *tag; /* what the guest mounts, 1..36 bytes */
};

/* The sandbox that vm_confine() puts around the process; see jail/jail.h. */
struct vm_jail {
	bool off;     /* for developers: there is none */
	uint32_t uid; /* who the process becomes, if it was started as root; 0: VM_JAIL_USER */
	uint32_t gid; /* 0: the same number */
	bool names;   /* the front makes sockets or files after vm_new() that must be removed */
	const char *disk_dirs; /* "DIR:DIR...": vm_disk_open() finds files there, and block devices
				  in /dev; NULL: it opens none */
};

#define VM_JAIL_USER 65534 /* nobody */

struct vm_config {
	const char *name;   /* NULL: "sampan" */
	const char *kernel; /* path; RISC-V Image, gzip, zstd or ELF */
	const char *initrd; /* NULL: none */
	const char *append; /* kernel command line; NULL: "" */
	unsigned cpus;	    /* started; 1..max_cpus */
	unsigned max_cpus;  /* created; 0: cpus */
	uint64_t mem_size;  /* bytes; a multiple of 2 MiB */
	struct mem_opts mem;
	enum vm_irqchip irqchip;
	const char *cpu; /* as vm_check_cpu() takes; NULL: "host" */
	const char *sbi; /* SBI extensions on and off, "+sta,-pmu"; NULL: as KVM has them */
	const char *gdb; /* unix socket for a debugger; NULL: none */
	bool gdb_wait;	 /* the guest starts when the debugger lets it */
	unsigned cpu_sockets, cpu_threads; /* topology that the guest is told; a socket's CPUs and a
					      core's threads; 0: 1 */
	bool reset_on_reboot; /* the guest's reboot restarts the machine instead of stopping it */
	struct chardev_config serial; /* ttyS0 */
	bool no_sbi_console; /* no console by SBI calls: hvc0 is the first virtio console */
	const struct vm_console *consoles; /* virtio-console ports */
	unsigned nconsoles;
	const struct vm_disk *disks;
	unsigned ndisks;
	unsigned disk_slots; /* replaceable disks after them, empty at first; see vm_disk_plug() */
	const struct vm_net *nets;
	unsigned nnets;
	const struct vm_fs *filesystems;
	unsigned nfilesystems;
	struct vm_vsock vsock;
	bool no_rng;
	uint64_t rng_rate; /* bytes per second; 0: 1 MiB/s */
	struct vm_jail jail;
	void (*on_event)(void *arg, int event, const char *detail); /* enum vm_event; loop thread */
	void (*on_escape)(void *arg); /* Ctrl-A X on a terminal console; loop thread */
	void *arg;
};

enum vm_state { VM_CREATED, VM_RUNNING, VM_PAUSED, VM_STOPPED, VM_SUSPENDED };

enum vm_event {
	VM_EVENT_SHUTDOWN, /* the guest powered off, or vm_stop(); state is STOPPED */
	VM_EVENT_RESET,	   /* the guest rebooted: STOPPED, or RUNNING with reset_on_reboot */
	VM_EVENT_PANIC,	   /* the guest told of a kernel panic (pvpanic) */
	VM_EVENT_PAUSED,
	VM_EVENT_RESUMED,
	VM_EVENT_SUSPENDED, /* the guest sleeps (SBI system suspend) */
	VM_EVENT_WAKEUP,    /* by an interrupt or vm_resume() */
	VM_EVENT_FAILED,    /* KVM can't go on; detail says why; STOPPED */
};

/* Why a stopped machine stopped. */
enum vm_end {
	VM_END_NONE,
	VM_END_POWEROFF,
	VM_END_REBOOT,
	VM_END_PANIC,
	VM_END_HOST,
	VM_END_FAILED
};

struct vm;

struct vm_cpu_info {
	unsigned index;
	int thread_id; /* 0 before start */
};

struct vm_device_info {
	const char *id;	  /* "disk0", "net0", ... or the user's */
	const char *kind; /* "virtio-blk", "ns16550a", ... */
	uint64_t gpa;
	unsigned irq; /* wired interrupt source; 0: none */
};

struct vm_info {
	enum vm_state state;
	enum vm_end end;
	const char *name;
	unsigned cpus, max_cpus, ndevices;
	uint64_t mem_size;
	const char *irqchip; /* "aia (auto)", ... */
};

int vm_new(struct vm **out, const struct vm_config *cfg, struct loop *loop, struct err *err)
	MUST_USE;
void vm_free(struct vm *vm);

/* Once, before vm_start(). An error leaves the process half confined: it must end. */
int vm_confine(struct vm *vm, struct err *err) MUST_USE;

int vm_start(struct vm *vm, struct err *err) MUST_USE;
int vm_pause(struct vm *vm, struct err *err)
	MUST_USE; /* returns when no vCPU runs and no request is in flight */
int vm_resume(struct vm *vm, struct err *err) MUST_USE;
int vm_reset(struct vm *vm, struct err *err) MUST_USE;
void vm_stop(struct vm *vm); /* ends the guest at once; disks are flushed; VM_EVENT_SHUTDOWN follows
				unless already stopped */

/* Opens a disk for vm_disk_plug(), as block_open_file() does; in a confined process by its opener.
 */
int vm_disk_open(struct vm *vm, int *fd, const char *path, bool readonly, struct err *err) MUST_USE;

/*
 * Replaceable disks. Slots are counted with the disks of the start, in the order of the guest's vdX
 * names: ndisks .. ndisks + disk_slots - 1. The guest sees an empty one as a disk of no capacity
 * and hears of each change. Running or paused. Refused: a slot that is not there (-ENOENT), one
 * that holds a disk of the start (-EPERM), one that is full (plug, -EBUSY) or empty (unplug,
 * -ENOENT). disk->queues and disk->io are not looked at, disk->fd is taken over on success.
 * Unplugging waits for requests in flight; later ones fail in the guest.
 */
int vm_disk_plug(struct vm *vm, unsigned slot, const struct vm_disk *disk, struct err *err)
	MUST_USE;
int vm_disk_unplug(struct vm *vm, unsigned slot, struct err *err) MUST_USE;

/* "the guest ..." */
const char *vm_end_text(enum vm_end end);

void vm_query(const struct vm *vm, struct vm_info *info);
int vm_query_cpu(const struct vm *vm, unsigned index, struct vm_cpu_info *info);
int vm_query_device(const struct vm *vm, unsigned index, struct vm_device_info *info);

/* What a confined process may still do: every system call of every kind of thread, and why. */
void vm_print_policy(FILE *to);

/* Whether a config's cpu, or sbi, is well-formed; what of it the host has is not asked. 0 or
 * -EINVAL.
 */
int vm_check_cpu(const char *text, struct err *err) MUST_USE;
int vm_check_sbi(const char *text, struct err *err) MUST_USE;

/*
 * What this host can do, tried step by step, a line each, for `sampan check`: emit(arg, ok, what,
 * detail) with ok 1 yes, 0 no but not needed, -1 no and needed. cpu is as in struct vm_config.
 * Returns 0 when a VM could be started here.
 */
int vm_check_host(const char *cpu,
	void (*emit)(void *arg, int ok, const char *what, const char *detail), void *arg);

#endif
