/*
 * The machine's devices: made from the caller's description, given an address, a wired interrupt
 * and a place in the device tree. The order of virtio slots is the order of the guest's vdX and
 * ethX names.
 */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

static struct vm_device *add_device(struct vm *vm, const char *id, const char *kind)
{
	struct vm_device *d = &vm->device[vm->ndevices++];

	*d = (struct vm_device){ .vm = vm, .kind = kind, .irqfd = -1 };
	snprintf(d->id, sizeof(d->id), "%s", id);
	return d;
}

/* the wired ones */

static void set_irq(void *arg, bool level)
{
	struct vm_device *d = arg;
	int rc = d->vm->irqchip ? irqchip_set_level(d->vm->irqchip, d->irq, level) : 0;

	if (rc)
		log_limited(&d->vm->limit, "%s: set its interrupt line: %s", d->id, err_text(-rc));
}

static void uart_bus_read(void *arg, uint64_t off, void *data, unsigned len)
{
	uart_read(arg, off, data, len);
}

static void uart_bus_write(void *arg, uint64_t off, const void *data, unsigned len)
{
	uart_write(arg, off, data, len);
}

static void rtc_bus_read(void *arg, uint64_t off, void *data, unsigned len)
{
	rtc_read(arg, off, data, len);
}

static void rtc_bus_write(void *arg, uint64_t off, const void *data, unsigned len)
{
	rtc_write(arg, off, data, len);
}

static void pvpanic_bus_read(void *arg, uint64_t off, void *data, unsigned len)
{
	pvpanic_read(arg, off, data, len);
}

static void pvpanic_bus_write(void *arg, uint64_t off, const void *data, unsigned len)
{
	pvpanic_write(arg, off, data, len);
}

static void on_panic(void *arg)
{
	vm_post(arg, POST_PANIC);
}

static void console_write(void *arg, const void *data, size_t len)
{
	struct vm *vm = arg;

	uart_put(vm->uart, data, len);
}

static int place(struct vm *vm, struct vm_device *d, enum fdt_device_kind kind,
	struct bus_range range, unsigned irq, struct err *err)
{
	d->fdt_kind = kind;
	d->gpa = range.gpa;
	d->size = range.size;
	d->irq = irq;
	return bus_add(&vm->bus, range, err);
}

static int add_serial(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	struct vm_device *d = add_device(vm, "serial0", "ns16550a");
	int rc = chardev_new(&vm->serial, &cfg->serial, vm->loop, err);
	if (rc)
		return rc;
	if (vm->on_escape)
		chardev_on_escape(vm->serial, vm->on_escape, vm->arg);
	rc = uart_new(&vm->uart, vm->serial, vm->loop, set_irq, d, err);
	if (rc)
		return rc;
	vm->sbi = (struct sbi_env){ .mem = &vm->mem, .console_write = console_write, .arg = vm };
	return place(vm, d, FDT_UART,
		(struct bus_range){ MAP_UART, MAP_UART_SIZE, uart_bus_read, uart_bus_write,
			vm->uart },
		IRQ_UART, err);
}

static int add_rtc(struct vm *vm, struct err *err)
{
	struct vm_device *d = add_device(vm, "rtc0", "goldfish-rtc");
	int rc = rtc_new(&vm->rtc, vm->loop, set_irq, d, err);
	if (rc)
		return rc;
	return place(vm, d, FDT_RTC,
		(struct bus_range){ MAP_RTC, MAP_RTC_SIZE, rtc_bus_read, rtc_bus_write, vm->rtc },
		IRQ_RTC, err);
}

static int add_pvpanic(struct vm *vm, struct err *err)
{
	struct vm_device *d = add_device(vm, "pvpanic0", "pvpanic");
	int rc = pvpanic_new(&vm->pvpanic, on_panic, vm, err);

	if (rc)
		return rc;
	return place(vm, d, FDT_PVPANIC,
		(struct bus_range){ MAP_PVPANIC, MAP_PVPANIC_SIZE, pvpanic_bus_read,
			pvpanic_bus_write, vm->pvpanic },
		0, err);
}

/* virtio */

static void mmio_bus_read(void *arg, uint64_t off, void *data, unsigned len)
{
	virtio_mmio_read(arg, off, data, len);
}

static void mmio_bus_write(void *arg, uint64_t off, const void *data, unsigned len)
{
	virtio_mmio_write(arg, off, data, len);
}

static int host_ioeventfd(void *ctx, uint64_t gpa, uint32_t value, int fd, bool on)
{
	struct vm *vm = ctx;

	return kvm_ioeventfd(&vm->kvm, gpa, value, fd, on);
}

static void host_lower(void *ctx, uint64_t gpa)
{
	struct vm *vm = ctx;

	if (vm->irqchip &&
		irqchip_set_level(vm->irqchip,
			IRQ_VIRTIO + (unsigned)((gpa - MAP_VIRTIO) / MAP_VIRTIO_STRIDE), false))
		log_limited(&vm->limit, "lower a virtio interrupt line: %s", err_text(errno));
}

/* Plugs dev, made by a constructor, into the next slot. Takes it over, also on failure. */
static int plug(struct vm *vm, struct virtio_dev *dev, const char *id, const char *kind,
	struct err *err)
{
	unsigned slot = vm->nvirtio;
	uint64_t gpa = MAP_VIRTIO + slot * MAP_VIRTIO_STRIDE;
	struct virtio_mmio *m = NULL;
	struct vm_device *d;
	int rc = slot < MAP_VIRTIO_SLOTS
		? virtio_mmio_new(&m, dev, &vm->mmio_host, gpa, err)
		: failx(err, -ENOSPC, "add %s: all %d virtio slots are taken", id,
			  MAP_VIRTIO_SLOTS);

	if (rc) {
		dev->ops->free(dev);
		return rc;
	}
	d = add_device(vm, id, kind);
	d->mmio = m;
	d->irqfd = m->irqfd;
	vm->nvirtio++;
	return place(vm, d, FDT_VIRTIO_MMIO,
		(struct bus_range){ gpa, VIRTIO_MMIO_SIZE, mmio_bus_read, mmio_bus_write, m },
		IRQ_VIRTIO + slot, err);
}

static struct virtio_env env(struct vm *vm, const char *label)
{
	return (struct virtio_env){ .mem = &vm->mem,
		.loop = vm->loop,
		.label = label,
		.cpus = vm->max_cpus };
}

/* The first of all devices: vm_disk.c finds them by their index. */
static int add_disks(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	vm->ndisks = cfg->ndisks;
	vm->ndisk_slots = cfg->disk_slots;
	for (unsigned i = 0; i < cfg->ndisks + cfg->disk_slots; i++) {
		struct virtio_dev *dev = NULL;
		struct virtio_env e;
		char id[24];
		int rc;

		snprintf(id, sizeof(id), "disk%u", i);
		e = env(vm, id);
		rc = i < cfg->ndisks ? virtio_blk_new(&dev, &cfg->disks[i], &e, err)
				     : virtio_blk_slot_new(&dev, &e, err);
		if (!rc)
			rc = plug(vm, dev, id, "virtio-blk", err);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_nets(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	for (unsigned i = 0; i < cfg->nnets; i++) {
		struct virtio_dev *dev = NULL;
		struct virtio_env e;
		char id[24];
		int rc;

		snprintf(id, sizeof(id), "net%u", i);
		e = env(vm, cfg->nets[i].id ? cfg->nets[i].id : id);
		rc = virtio_net_new(&dev, &cfg->nets[i], &e, err);
		if (!rc)
			rc = plug(vm, dev, e.label, "virtio-net", err);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_filesystems(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	for (unsigned i = 0; i < cfg->nfilesystems; i++) {
		struct virtio_dev *dev = NULL;
		struct virtio_env e;
		char id[24];
		int rc;

		snprintf(id, sizeof(id), "fs%u", i);
		e = env(vm, id);
		rc = virtio_fs_new(&dev, &cfg->filesystems[i], &e, err);
		if (!rc)
			rc = plug(vm, dev, id, "virtio-fs", err);
		if (rc)
			return rc;
	}
	return 0;
}

static int dial(void *arg, uint32_t port)
{
	struct vm *vm = arg;

	return opener_dial(&vm->opener, port);
}

static int add_vsock(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	struct virtio_env e = env(vm, "vsock0");
	struct virtio_dev *dev = NULL;
	int rc;

	if (!cfg->vsock.present)
		return 0;
	if (vm->opener.fd >= 0) {
		e.dial = dial;
		e.dial_arg = vm;
	}
	rc = cfg->vsock.uds ? virtio_hvsock_new(&dev, &cfg->vsock, &e, err)
			    : virtio_vsock_new(&dev, &cfg->vsock, &e, err);
	return rc ? rc : plug(vm, dev, "vsock0", "virtio-vsock", err);
}

static int add_consoles(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	struct virtio_env e = env(vm, "console0");
	struct virtio_dev *dev = NULL;
	int rc;

	if (!cfg->nconsoles)
		return 0;
	rc = virtio_console_new(&dev, cfg->consoles, cfg->nconsoles, &e, vm->on_escape, vm->arg,
		err);
	return rc ? rc : plug(vm, dev, "console0", "virtio-console", err);
}

static int add_rng(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	struct virtio_env e = env(vm, "rng0");
	struct virtio_dev *dev = NULL;
	int rc;

	if (cfg->no_rng)
		return 0;
	rc = virtio_rng_new(&dev, cfg->rng_rate ? cfg->rng_rate : MiB, &e, err);
	return rc ? rc : plug(vm, dev, "rng0", "virtio-rng", err);
}

int vm_devices_new(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	int rc;

	vm->mmio_host = (struct mmio_host){ .ctx = vm,
		.ioeventfd = host_ioeventfd,
		.lower = host_lower };
	rc = add_disks(vm, cfg, err);
	if (!rc)
		rc = add_nets(vm, cfg, err);
	if (!rc)
		rc = add_filesystems(vm, cfg, err);
	if (!rc)
		rc = add_vsock(vm, cfg, err);
	if (!rc)
		rc = add_rng(vm, cfg, err);
	if (!rc)
		rc = add_rtc(vm, err);
	if (!rc)
		rc = add_pvpanic(vm, err);
	if (!rc)
		rc = add_consoles(vm, cfg, err);
	if (!rc) /* last: from here on a terminal is in raw mode */
		rc = add_serial(vm, cfg, err);
	return rc;
}

void vm_devices_free(struct vm *vm)
{
	for (unsigned i = 0; i < vm->ndevices; i++)
		virtio_mmio_free(vm->device[i].mmio);
	uart_free(vm->uart);
	rtc_free(vm->rtc);
	pvpanic_free(vm->pvpanic);
	chardev_free(vm->serial);
}

void vm_devices_pause(struct vm *vm)
{
	for (unsigned i = 0; i < vm->ndevices; i++)
		if (vm->device[i].mmio)
			virtio_mmio_pause(vm->device[i].mmio);
	uart_flush(vm->uart);
}

void vm_devices_resume(struct vm *vm)
{
	for (unsigned i = 0; i < vm->ndevices; i++)
		if (vm->device[i].mmio)
			virtio_mmio_resume(vm->device[i].mmio);
}

void vm_devices_reset(struct vm *vm)
{
	for (unsigned i = 0; i < vm->ndevices; i++)
		if (vm->device[i].mmio)
			virtio_mmio_reset(vm->device[i].mmio);
	uart_reset(vm->uart);
	rtc_reset(vm->rtc);
	pvpanic_reset(vm->pvpanic);
}
