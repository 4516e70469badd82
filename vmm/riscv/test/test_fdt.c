/*
 * The device tree for several shapes of machine: read back with libfdt here, and written to
 * $SAMPAN_DTB_DIR for dt-validate (`make lint`) when that is set.
 */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "riscv/fdt.h"
#include "riscv/map.h"

static const char *const exts_small[] = { "i", "m", "a", "f", "d", "c", "zicsr", "zifencei" };
static const char *const exts_big[] = { "i", "m", "a", "f", "d", "c", "v", "zicbom", "zicboz",
	"zicntr", "zicond", "zicsr", "zifencei", "zihintpause", "zihpm", "zba", "zbb", "zbs",
	"smstateen", "ssaia", "sscofpmf", "sstc", "svinval", "svnapot", "svpbmt" };

static struct fdt_machine machine(unsigned ncpus, bool big, const struct fdt_device *devices,
	unsigned ndevices)
{
	struct fdt_machine m = {
		.ncpus = ncpus,
		.isa = { .isa = "rv64imafdc_zicsr_zifencei",
			.exts = exts_small,
			.nexts = ARRAY_SIZE(exts_small),
			.mmu_type = "riscv,sv39",
			.timebase = 10000000 },
		.irqchip = { .num_ids = 255, .num_sources = IRQ_SOURCES },
		.ram = MAP_RAM,
		.ram_size = 256 * MiB,
		.bootargs = "",
		.stdout_gpa = MAP_UART,
		.devices = devices,
		.ndevices = ndevices,
	};

	while ((1U << m.irqchip.hart_bits) < ncpus)
		m.irqchip.hart_bits++;
	if (big) {
		m.isa = (struct fdt_isa){ .isa = "rv64imafdcv_zicbom_zicboz",
			.exts = exts_big,
			.nexts = ARRAY_SIZE(exts_big),
			.mmu_type = "riscv,sv57",
			.timebase = 1000000000,
			.cbom_block = 64,
			.cboz_block = 64 };
		m.ram_size = 64 * GiB;
		m.initrd = MAP_RAM + 32 * MiB;
		m.initrd_size = 12345678;
		m.bootargs = "console=ttyS0 root=/dev/vda ro";
	}
	return m;
}

static unsigned all_devices(struct fdt_device *d, unsigned nvirtio)
{
	unsigned n = 0;

	d[n++] = (struct fdt_device){ FDT_UART, MAP_UART, MAP_UART_SIZE, IRQ_UART };
	d[n++] = (struct fdt_device){ FDT_RTC, MAP_RTC, MAP_RTC_SIZE, IRQ_RTC };
	d[n++] = (struct fdt_device){ FDT_PVPANIC, MAP_PVPANIC, MAP_PVPANIC_SIZE, 0 };
	for (unsigned i = 0; i < nvirtio; i++)
		d[n++] = (struct fdt_device){ FDT_VIRTIO_MMIO, MAP_VIRTIO + i * MAP_VIRTIO_STRIDE,
			0x1000, IRQ_VIRTIO + i };
	return n;
}

static void dump(const void *fdt, const char *name)
{
	const char *dir = getenv("SAMPAN_DTB_DIR");
	char path[512];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.dtb", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(fdt, 1, fdt_totalsize(fdt), f), fdt_totalsize(fdt));
	assert_int_equal(fclose(f), 0);
}

static void *build(const struct fdt_machine *m, const char *name)
{
	size_t size = fdt_size_bound(m);
	void *fdt = malloc(size);
	struct err err;

	assert_non_null(fdt);
	assert_int_equal(fdt_build(fdt, size, m, &err), 0);
	assert_int_equal(fdt_check_full(fdt, size), 0);
	dump(fdt, name);
	return fdt;
}

static uint32_t prop_u32(const void *fdt, const char *path, const char *name)
{
	int len = 0, node = fdt_path_offset(fdt, path);
	const fdt32_t *p = node < 0 ? NULL : fdt_getprop(fdt, node, name, &len);

	assert_non_null(p);
	assert_true(len >= 4);
	return fdt32_to_cpu(*p);
}

static const char *prop_str(const void *fdt, const char *path, const char *name)
{
	int node = fdt_path_offset(fdt, path);

	return node < 0 ? NULL : fdt_getprop(fdt, node, name, NULL);
}

static void smallest_machine(void **state UNUSED)
{
	struct fdt_device d[8];
	struct fdt_machine m = machine(1, false, d, all_devices(d, 0));
	void *fdt = build(&m, "smallest");

	assert_string_equal(prop_str(fdt, "/cpus/cpu@0", "mmu-type"), "riscv,sv39");
	assert_null(prop_str(fdt, "/chosen", "bootargs"));
	assert_null(prop_str(fdt, "/chosen", "linux,initrd-start"));
	assert_null(prop_str(fdt, "/cpus/cpu@0", "riscv,cboz-block-size"));
	assert_string_equal(prop_str(fdt, "/chosen", "stdout-path"), "/soc/serial@10000000");
	assert_true(fdt_path_offset(fdt, "/soc/serial@10000000") > 0);
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@1") < 0);
	free(fdt);
}

static void many_cpus_and_devices(void **state UNUSED)
{
	struct fdt_device d[MAP_VIRTIO_SLOTS + 4];
	struct fdt_machine m = machine(64, true, d, all_devices(d, MAP_VIRTIO_SLOTS));
	void *fdt = build(&m, "largest");
	int len, node;

	assert_int_equal(prop_u32(fdt, "/cpus", "timebase-frequency"), 1000000000);
	assert_int_equal(prop_u32(fdt, "/cpus/cpu@3f", "reg"), 63);
	assert_int_equal(prop_u32(fdt, "/cpus/cpu@3f", "riscv,cboz-block-size"), 64);
	assert_int_equal(prop_u32(fdt, "/soc/interrupt-controller@28000000", "riscv,num-ids"), 255);
	assert_int_equal(prop_u32(fdt, "/soc/interrupt-controller@28000000", "#msi-cells"), 0);
	assert_int_equal(prop_u32(fdt, "/soc/interrupt-controller@28000000",
				 "riscv,hart-index-bits"),
		6);
	assert_int_equal(prop_u32(fdt, "/soc/interrupt-controller@d000000", "riscv,num-sources"),
		IRQ_SOURCES);
	node = fdt_path_offset(fdt, "/cpus/cpu@0");
	assert_int_equal(fdt_stringlist_count(fdt, node, "riscv,isa-extensions"),
		ARRAY_SIZE(exts_big));
	node = fdt_path_offset(fdt, "/soc/interrupt-controller@28000000");
	fdt_getprop(fdt, node, "interrupts-extended", &len);
	assert_int_equal(len, 64 * 8);
	node = fdt_path_offset(fdt, "/soc/virtio_mmio@10040000");
	assert_true(node > 0);
	assert_int_equal(fdt32_to_cpu(*(const fdt32_t *)fdt_getprop(fdt, node, "interrupts", NULL)),
		IRQ_VIRTIO + 63);
	free(fdt);
}

/* Each shape that stories boot; the tree of each is validated by `make lint`. */
static void usual_machines(void **state UNUSED)
{
	static const struct {
		const char *name;
		unsigned cpus, nvirtio;
		bool big;
	} shapes[] = { { "one-disk", 1, 2, false }, { "two-cpus", 2, 5, true },
		{ "four-cpus", 4, 6, true }, { "eight-cpus", 8, 3, false } };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct fdt_device d[MAP_VIRTIO_SLOTS + 4];
		struct fdt_machine m = machine(shapes[i].cpus, shapes[i].big, d,
			all_devices(d, shapes[i].nvirtio));

		free(build(&m, shapes[i].name));
	}
}

static void topology(void **state UNUSED)
{
	static const struct {
		const char *name;
		unsigned cpus, sockets, threads;
		const char *last, *beyond; /* nodes */
	} shapes[] = {
		{ "topology-flat", 4, 0, 0, "/cpus/cpu-map/cluster0/core3",
			"/cpus/cpu-map/cluster0/core4" },
		{ "topology-sockets", 8, 2, 1, "/cpus/cpu-map/socket1/cluster0/core3",
			"/cpus/cpu-map/socket2" },
		{ "topology-threads", 8, 1, 2, "/cpus/cpu-map/cluster0/core3/thread1",
			"/cpus/cpu-map/cluster0/core4" },
		{ "topology-64", 64, 4, 2, "/cpus/cpu-map/socket3/cluster0/core7/thread1",
			"/cpus/cpu-map/socket3/cluster0/core8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct fdt_device d[8];
		struct fdt_machine m = machine(shapes[i].cpus, false, d, all_devices(d, 1));
		char last_cpu[32];
		void *fdt;

		m.sockets = shapes[i].sockets;
		m.threads = shapes[i].threads;
		fdt = build(&m, shapes[i].name);
		snprintf(last_cpu, sizeof(last_cpu), "/cpus/cpu@%x", shapes[i].cpus - 1);
		assert_int_equal(prop_u32(fdt, shapes[i].last, "cpu"),
			prop_u32(fdt, last_cpu, "phandle"));
		assert_true(fdt_path_offset(fdt, shapes[i].beyond) < 0);
		free(fdt);
	}
}

/* Controllers in user space: harts' lines instead of interrupt files. */
static void lines_to_harts(void **state UNUSED)
{
	static const struct {
		const char *name, *path;
		enum fdt_irqchip_kind kind;
		unsigned cpus, cells;
	} shapes[] = {
		{ "aplic-1", "/soc/interrupt-controller@d000000", FDT_APLIC, 1, 2 },
		{ "aplic-64", "/soc/interrupt-controller@d000000", FDT_APLIC, 64, 2 },
		{ "plic-1", "/soc/interrupt-controller@c000000", FDT_PLIC, 1, 1 },
		{ "plic-64", "/soc/interrupt-controller@c000000", FDT_PLIC, 64, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct fdt_device d[MAP_VIRTIO_SLOTS + 4];
		struct fdt_machine m = machine(shapes[i].cpus, true, d, all_devices(d, 3));
		const fdt32_t *p;
		void *fdt;
		int len, node;

		m.irqchip = (struct fdt_irqchip){ .kind = shapes[i].kind,
			.num_sources = IRQ_SOURCES };
		fdt = build(&m, shapes[i].name);
		assert_int_equal(prop_u32(fdt, shapes[i].path, "#interrupt-cells"),
			shapes[i].cells);
		assert_int_equal(prop_u32(fdt, shapes[i].path,
					 shapes[i].kind == FDT_PLIC ? "riscv,ndev"
								    : "riscv,num-sources"),
			IRQ_SOURCES);
		assert_null(prop_str(fdt, shapes[i].path, "msi-parent"));
		assert_true(fdt_path_offset(fdt, "/soc/interrupt-controller@28000000") < 0);
		node = fdt_path_offset(fdt, shapes[i].path);
		p = fdt_getprop(fdt, node, "interrupts-extended", &len);
		assert_int_equal(len, shapes[i].cpus * 8);
		assert_int_equal(fdt32_to_cpu(p[len / 4 - 2]),
			prop_u32(fdt,
				shapes[i].cpus == 64 ? "/cpus/cpu@3f/interrupt-controller"
						     : "/cpus/cpu@0/interrupt-controller",
				"phandle"));
		assert_int_equal(fdt32_to_cpu(p[len / 4 - 1]), 9);
		node = fdt_path_offset(fdt, "/soc/serial@10000000");
		fdt_getprop(fdt, node, "interrupts", &len);
		assert_int_equal(len, shapes[i].cells * 4);
		assert_int_equal(prop_u32(fdt, "/soc", "interrupt-parent"),
			prop_u32(fdt, shapes[i].path, "phandle"));
		free(fdt);
	}
}

static void too_small_a_buffer_is_an_error(void **state UNUSED)
{
	struct fdt_device d[8];
	struct fdt_machine m = machine(2, true, d, all_devices(d, 1));

	for (size_t size = 0; size < 1024; size += 8) {
		char *buf = malloc(size + 1);
		struct err err = { 0 };

		assert_int_equal(fdt_build(buf, size, &m, &err), -ENOSPC);
		assert_non_null(strstr(err.msg, "device tree"));
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_machine),
		cmocka_unit_test(many_cpus_and_devices),
		cmocka_unit_test(usual_machines),
		cmocka_unit_test(topology),
		cmocka_unit_test(lines_to_harts),
		cmocka_unit_test(too_small_a_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
