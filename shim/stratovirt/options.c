/*
 * The option tables; see options.h. Each option whose value has keys has a table of its own, each
 * device driver too, so what is unknown is refused by the name of the option, the driver and the
 * key.
 */
#include "shim/stratovirt/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define AT(type, field) .offset = offsetof(type, field)
#define CID_MIN		3
#define CID_MAX		UINT64_C(0xfffffffe)
#define APPEND_MAX	1023 /* bytes of command line that a RISC-V kernel keeps, less the NUL */
#define LIST(table, value, into, o, err)                                                           \
	opts_list(table, ARRAY_SIZE(table), value, into, &(o)->texts, err)

/* values */

/* on, off, and the other words that mean them; a key alone is on. */
static int set_switch(const struct opt *o, void *into, const char *value, struct err *err)
{
	static const char *const on[] = { "on", "yes", "true" },
				 *const off[] = { "off", "no", "false" };
	bool *field = (bool *)((char *)into + o->offset);

	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		if (!value || !strcmp(value, on[i]) || !strcmp(value, off[i])) {
			*field = !value || strcmp(value, off[i]);
			return 0;
		}
	return failx(err, -EINVAL, "\"%s\" is neither on nor off", value);
}

/* Says what is so already, or what makes no difference here. */
static int ignore(const struct opt *o UNUSED, void *into UNUSED, const char *value UNUSED,
	struct err *err UNUSED)
{
	return 0;
}

static int set_text(const struct opt *o, void *into, const char *value, struct err *err)
{
	return *value ? opt_text(o, into, value, err) : failx(err, -EINVAL, "the value is empty");
}

static int set_fd(const struct opt *o, void *into, const char *value, struct err *err)
{
	return parse_fd(value, STDERR_FILENO + 1, (int *)((char *)into + o->offset), err);
}

static int set_fds(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct vm_net *net = &((struct sv_netdev *)into)->net;

	return parse_fds(value, STDERR_FILENO + 1, net->fds, VM_MAX_NET_QUEUES, &net->nfds, err);
}

static int set_mac(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	return parse_mac(value, ((struct sv_device *)into)->mac, err);
}

static int set_vhost(const struct opt *o, void *into, const char *value, struct err *err)
{
	bool on;
	struct opt flag = { .offset = 0 };
	int rc = set_switch(&flag, &on, value, err);

	if (!rc)
		*(enum vm_vhost *)((char *)into + o->offset) = on ? VM_VHOST_ON : VM_VHOST_OFF;
	return rc;
}

static int set_uuid(const struct opt *o, void *into, const char *value, struct err *err)
{
	size_t n = 0;

	for (; value[n]; n++)
		if (n == 8 || n == 13 || n == 18 || n == 23 ? value[n] != '-'
							    : !isxdigit((unsigned char)value[n]))
			break;
	if (n != 36 || value[n])
		return failx(err, -EINVAL, "\"%s\" is not a UUID", value);
	return opt_text(o, into, value, err);
}

/* "8", or "cpus=8,maxcpus=16": the first item may go without its key. */
static bool has_key(const char *value)
{
	return value[strcspn(value, "=,")] == '=';
}

/* -machine, -smp, -m */

static const char *const machines[] = { "microvm", NULL };
static const char *const accelerators[] = { "kvm", NULL };

static int set_accelerator(const struct opt *o UNUSED, void *into UNUSED, const char *value,
	struct err *err)
{
	unsigned unused;
	struct opt one = { .choices = accelerators };

	return opt_choice(&one, &unused, value, err);
}

static const struct opt machine_keys[] = {
	{ "", .set = opt_choice, AT(struct sv_options, machine_type), .choices = machines },
	{ "type", .set = opt_choice, AT(struct sv_options, machine_type), .choices = machines },
	{ "accel", .set = set_accelerator },
	{ "dump-guest-core", OPT_MAYBE, .set = set_switch, AT(struct sv_options, dump_guest_core) },
	{ "mem-share", OPT_MAYBE, .set = set_switch, AT(struct sv_options, mem_share) },
	{ "disk-slots", .set = opt_count, AT(struct sv_options, disk_slots), .min = 1,
		.max = VM_MAX_VIRTIO },
};

static int set_machine(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	unsigned skip = has_key(value);

	return opts_list(machine_keys + skip, ARRAY_SIZE(machine_keys) - skip, value, s, &s->texts,
		err);
}

static const struct opt smp_keys[] = {
	{ "", .set = opt_count, AT(struct sv_options, cpus), .min = 1, .max = VM_MAX_CPUS },
	{ "cpus", .set = opt_count, AT(struct sv_options, cpus), .min = 1, .max = VM_MAX_CPUS },
	{ "maxcpus", .set = opt_count, AT(struct sv_options, max_cpus), .min = 1,
		.max = VM_MAX_CPUS },
};

static int set_smp(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	unsigned skip = has_key(value);
	int rc = opts_list(smp_keys + skip, ARRAY_SIZE(smp_keys) - skip, value, s, &s->texts, err);

	if (!rc && s->max_cpus && s->max_cpus < s->cpus)
		return failx(err, -EINVAL, "maxcpus=%u is less than the %u to start with",
			s->max_cpus, s->cpus);
	return rc;
}

/* MiB, unless it has a unit. */
static int set_size(const struct opt *o, void *into, const char *value, struct err *err)
{
	size_t len = strlen(value);
	bool plain = len && isdigit((unsigned char)value[len - 1]);
	uint64_t v;
	int rc = plain ? parse_count(value, 1, UINT32_MAX, &v, err) : parse_size(value, &v, err);

	if (rc)
		return rc;
	if (!plain && (v < MiB || v % MiB))
		return failx(err, -EINVAL, "%s is not a whole number of MiB", value);
	*(uint64_t *)((char *)into + o->offset) = plain ? v : v / MiB;
	return 0;
}

static const struct opt mem_keys[] = {
	{ "", .set = set_size, AT(struct sv_options, mem_mib) },
	{ "size", .set = set_size, AT(struct sv_options, mem_mib) },
};

static int set_mem(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	unsigned skip = has_key(value);

	return opts_list(mem_keys + skip, ARRAY_SIZE(mem_keys) - skip, value, s, &s->texts, err);
}

/* -qmp, -serial */

static const struct opt socket_keys[] = {
	{ "", .set = opt_text, .offset = 0 },
	{ "server", OPT_MAYBE, .set = ignore },
	{ "nowait", OPT_MAYBE, .set = ignore },
	{ "wait", .set = ignore },
};

static int set_qmp(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	const char *address = NULL;
	int rc = LIST(socket_keys, value, &address, s, err);

	if (rc)
		return rc;
	if (strncmp(address, "unix:", 5) || !address[5])
		return failx(err, -EINVAL, "\"%s\" is not unix:PATH", address);
	s->qmp = address + 5;
	return 0;
}

static int set_serial(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	const char *where = NULL;
	int rc = LIST(socket_keys, value, &where, s, err);

	if (rc)
		return rc;
	s->serial = (struct chardev_config){ .fd = -1 };
	if (!strcmp(where, "stdio"))
		s->serial.kind = CHARDEV_STDIO;
	else if (!strncmp(where, "file:", 5) && where[5])
		s->serial = (struct chardev_config){ CHARDEV_FILE, where + 5, -1 };
	else if (!strncmp(where, "unix:", 5) && where[5])
		s->serial = (struct chardev_config){ CHARDEV_SOCKET, where + 5, -1 };
	else if (strcmp(where, "none"))
		return failx(err, -EINVAL, "\"%s\" is none of none, stdio, file:PATH, unix:PATH",
			where);
	return 0;
}

/* parts: -object, -chardev, -drive, -netdev */

/* The next free one of n parts, or NULL: full, or the very same was there before. */
#define NEW_PART(s, parts, count, value, rc, err)                                                  \
	({                                                                                         \
		__typeof__((s)->parts[0]) *part_ = NULL;                                           \
		bool same_ = false;                                                                \
		for (unsigned i_ = 0; i_ < (s)->count && !same_; i_++)                             \
			same_ = !strcmp((s)->parts[i_].raw, value);                                \
		(s)->repeated += same_;                                                            \
		*(rc) = same_ || (s)->count < SV_MAX                                               \
			? 0                                                                        \
			: failx(err, -E2BIG, "more than %d of them", SV_MAX);                      \
		if (!same_ && !*(rc)) {                                                            \
			part_ = &(s)->parts[(s)->count++];                                         \
			part_->raw = value;                                                        \
		}                                                                                  \
		part_;                                                                             \
	})

static const struct opt object_keys[] = {
	{ "", .set = opt_text, AT(struct sv_object, type) },
	{ "id", .set = set_text, AT(struct sv_object, id) },
	{ "filename", .set = set_text, AT(struct sv_object, filename) },
};

static int set_object(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	int rc;
	struct sv_object *part = NEW_PART(s, objects, nobjects, value, &rc, err);

	if (!part)
		return rc;
	rc = LIST(object_keys, value, part, s, err);
	if (rc)
		return rc;
	if (strcmp(part->type, "rng-random"))
		return failx(err, -EINVAL, "unknown type \"%s\"", part->type);
	return part->id ? 0 : failx(err, -EINVAL, "%s: id= is missing", part->type);
}

static const struct opt chardev_keys[] = {
	{ "", .set = opt_text, AT(struct sv_chardev, backend) },
	{ "id", .set = set_text, AT(struct sv_chardev, id) },
	{ "path", .set = set_text, AT(struct sv_chardev, path) },
	{ "server", OPT_MAYBE, .set = set_switch, AT(struct sv_chardev, server) },
	{ "nowait", OPT_MAYBE, .set = ignore },
	{ "wait", .set = ignore },
};

static int set_chardev(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	int rc;
	struct sv_chardev *part = NEW_PART(s, chardevs, nchardevs, value, &rc, err);

	if (!part)
		return rc;
	rc = LIST(chardev_keys, value, part, s, err);
	if (rc)
		return rc;
	if (strcmp(part->backend, "socket"))
		return failx(err, -EINVAL, "unknown back end \"%s\"", part->backend);
	if (!part->id || !part->path)
		return failx(err, -EINVAL, "socket: %s= is missing", part->id ? "path" : "id");
	return 0;
}

static const char *const aio_words[] = { "native", "io_uring", "threads", NULL };
static const char *const formats[] = { "raw", NULL };

static int set_format(const struct opt *o UNUSED, void *into UNUSED, const char *value,
	struct err *err)
{
	unsigned unused;
	struct opt one = { .choices = formats };

	return opt_choice(&one, &unused, value, err);
}

static int set_aio(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	unsigned which;
	struct opt one = { .choices = aio_words };
	int rc = opt_choice(&one, &which, value, err);

	if (!rc)
		((struct sv_drive *)into)->io = which == 2 ? BLOCK_IO_THREADS : BLOCK_IO_AUTO;
	return rc;
}

static const struct opt drive_keys[] = {
	{ "id", .set = set_text, AT(struct sv_drive, id) },
	{ "file", .set = set_text, AT(struct sv_drive, file) },
	{ "readonly", OPT_MAYBE, .set = set_switch, AT(struct sv_drive, readonly) },
	{ "direct", OPT_MAYBE, .set = set_switch, AT(struct sv_drive, direct) },
	{ "serial", .set = set_text, AT(struct sv_drive, serial) },
	{ "format", .set = set_format },
	{ "if", .set = ignore },
	{ "aio", .set = set_aio },
};

static int set_drive(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	int rc;
	struct sv_drive *part = NEW_PART(s, drives, ndrives, value, &rc, err);

	if (!part)
		return rc;
	rc = LIST(drive_keys, value, part, s, err);
	if (rc)
		return rc;
	if (!part->id || !part->file)
		return failx(err, -EINVAL, "%s= is missing", part->id ? "file" : "id");
	return 0;
}

static const struct opt netdev_keys[] = {
	{ "", .set = opt_text, AT(struct sv_netdev, backend) },
	{ "id", .set = set_text, AT(struct sv_netdev, id) },
	{ "ifname", .set = opt_ifname, AT(struct sv_netdev, net.tap) },
	{ "fd", .set = set_fds },
	{ "fds", .set = set_fds },
	{ "queues", .set = opt_count, AT(struct sv_netdev, net.queues), .min = 1,
		.max = VM_MAX_NET_QUEUES },
	{ "vhost", OPT_MAYBE, .set = set_vhost, AT(struct sv_netdev, net.vhost) },
	{ "script", .set = ignore },
	{ "downscript", .set = ignore },
};

static int set_netdev(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	int rc;
	struct sv_netdev *part = NEW_PART(s, netdevs, nnetdevs, value, &rc, err);

	if (!part)
		return rc;
	rc = LIST(netdev_keys, value, part, s, err);
	if (rc)
		return rc;
	if (strcmp(part->backend, "tap"))
		return failx(err, -EINVAL, "unknown back end \"%s\"", part->backend);
	if (!part->id)
		return failx(err, -EINVAL, "tap: id= is missing");
	if (!part->net.tap == !part->net.nfds)
		return failx(err, -EINVAL, "tap: either ifname=NAME or fds=N[:N] must be given");
	if (part->net.nfds && part->net.queues)
		return failx(err, -EINVAL, "tap: queues= goes with ifname=");
	return 0;
}

/* -device */

#define D(field) AT(struct sv_device, field)
#define DRIVER_AND_ID                                                                              \
	{ "", .set = opt_text, D(driver) },                                                        \
	{                                                                                          \
		"id", .set = set_text, D(id)                                                       \
	}

static const struct opt rng_keys[] = {
	DRIVER_AND_ID,
	{ "rng", .set = set_text, D(rng) },
	{ "max-bytes", .set = opt_size, D(max_bytes), .min = 1 },
	{ "period", .set = opt_size, D(period_ms), .min = 1 },
};
static const struct opt serial_keys[] = {
	DRIVER_AND_ID,
	{ "max_ports", .set = ignore },
};
static const struct opt console_keys[] = {
	DRIVER_AND_ID,
	{ "chardev", .set = set_text, D(chardev) },
	{ "nr", .set = opt_count, D(nr), .max = 15 },
};
static const struct opt blk_keys[] = {
	DRIVER_AND_ID,
	{ "drive", .set = set_text, D(drive) },
	{ "serial", .set = opt_name, D(serial), .max = 20 },
	{ "num-queues", .set = opt_count, D(queues), .min = 1, .max = 8 },
	{ "bootindex", .set = ignore },
};
static const struct opt net_keys[] = {
	DRIVER_AND_ID,
	{ "netdev", .set = set_text, D(netdev) },
	{ "mac", .set = set_mac },
	{ "mq", OPT_MAYBE, .set = ignore },
};
static const struct opt vsock_keys[] = {
	DRIVER_AND_ID,
	{ "guest-cid", .set = opt_count, D(cid), .min = CID_MIN, .max = CID_MAX },
	{ "vhostfd", .set = set_fd, D(vhostfd) },
};
static const struct opt fs_keys[] = {
	DRIVER_AND_ID,
	{ "chardev", .set = set_text, D(chardev) },
	{ "tag", .set = set_text, D(tag) },
	{ "num-queues", .set = ignore },
	{ "queue-size", .set = ignore },
};

#define KEYS(table) table, ARRAY_SIZE(table)

static const struct driver {
	const char *name;
	enum sv_kind kind;
	const struct opt *keys;
	size_t nkeys;
} drivers[] = {
	{ "virtio-rng-device", SV_RNG, KEYS(rng_keys) },
	{ "virtio-serial-device", SV_SERIAL, KEYS(serial_keys) },
	{ "virtconsole", SV_CONSOLE, KEYS(console_keys) },
	{ "virtio-blk-device", SV_BLK, KEYS(blk_keys) },
	{ "virtio-net-device", SV_NET, KEYS(net_keys) },
	{ "vhost-vsock-device", SV_VSOCK, KEYS(vsock_keys) },
	{ "vhost-user-fs-device", SV_FS, KEYS(fs_keys) },
};

static const struct driver *find_driver(const char *value)
{
	size_t len = strcspn(value, ",");

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (strlen(drivers[i].name) == len && !memcmp(drivers[i].name, value, len))
			return &drivers[i];
	return NULL;
}

static int set_device(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct sv_options *s = into;
	const struct driver *driver = find_driver(value);
	int rc;
	struct sv_device *part;

	if (!driver)
		return failx(err, -EINVAL, "unknown driver \"%.*s\"", (int)strcspn(value, ","),
			value);
	part = NEW_PART(s, devices, ndevices, value, &rc, err);
	if (!part)
		return rc;
	part->kind = driver->kind;
	part->vhostfd = -1;
	rc = opts_list(driver->keys, driver->nkeys, value, part, &s->texts, err);
	return rc ? err_prefix(err, rc, "%s", driver->name) : 0;
}

/* the words */

static int set_append(const struct opt *o, void *into, const char *value, struct err *err)
{
	if (strlen(value) > APPEND_MAX)
		return failx(err, -E2BIG, "%zu bytes are more than the %d that a kernel keeps",
			strlen(value), APPEND_MAX);
	return opt_text(o, into, value, err);
}

/* -D alone: the log goes where it goes anyway. */
static int set_log(const struct opt *o, void *into, const char *value, struct err *err)
{
	return value ? opt_text(o, into, value, err) : 0;
}

#define R(field) AT(struct sv_options, field)

static const struct opt words[] = {
	{ "name", .set = set_text, R(name), .metavar = "TEXT", .help = "of the VM" },
	{ "uuid", .set = set_uuid, R(uuid), .metavar = "UUID", .help = "for messages only" },
	{ "machine", .set = set_machine, .metavar = "microvm",
		.help = "[,mem-share=on][,dump-guest-core=off][,disk-slots=N]" },
	{ "smp", .set = set_smp, .metavar = "N", .help = "vCPUs, 1 to 64 [,maxcpus=M]" },
	{ "m", .set = set_mem, .metavar = "SIZE", .help = "memory in MiB, or with a unit" },
	{ "kernel", .set = set_text, R(kernel), .metavar = "FILE",
		.help = "Image, plain, gzip or zstd; or vmlinux (ELF)" },
	{ "initrd", .set = set_text, R(initrd), .metavar = "FILE", .help = "initial RAM disk" },
	{ "append", .set = set_append, R(append), .metavar = "TEXT",
		.help = "kernel command line" },
	{ "qmp", .set = set_qmp, .metavar = "unix:PATH",
		.help = "control socket [,server,nowait]" },
	{ "drive", .many = true, .set = set_drive, .metavar = "id=S,file=FILE",
		.help = "[,readonly=on][,serial=S][,aio=native|threads]" },
	{ "chardev", .many = true, .set = set_chardev, .metavar = "socket,id=S,path=P",
		.help = "[,server,nowait]" },
	{ "netdev", .many = true, .set = set_netdev, .metavar = "tap,id=S,fds=N[:N]",
		.help = "or ifname=NAME[,queues=N] [,vhost=on|off]" },
	{ "object", .many = true, .set = set_object, .metavar = "rng-random,id=S",
		.help = "[,filename=/dev/urandom]" },
	{ "device", .many = true, .set = set_device, .metavar = "DRIVER,...",
		.help = "see sampan-stratovirt(1)" },
	{ "serial", .set = set_serial, .metavar = "BACKEND",
		.help = "ttyS0: none, stdio, file:PATH, unix:PATH (none)" },
	{ "D", OPT_MAYBE, .set = set_log, R(log_file), .metavar = "[FILE]",
		.help = "log to FILE, not to standard output" },
	{ "pidfile", .set = set_text, R(pid_file), .metavar = "FILE",
		.help = "holds the process id meanwhile" },
	{ "disable-seccomp", OPT_FLAG, .set = opt_flag, R(no_seccomp),
		.help = "accepted and ignored" },
	{ "help", OPT_FLAG, .set = opt_flag, R(help) },
	{ "h", OPT_FLAG, .set = opt_flag, R(help) },
	{ "-help", OPT_FLAG, .set = opt_flag, R(help) },
	{ "version", OPT_FLAG, .set = opt_flag, R(version) },
	{ "V", OPT_FLAG, .set = opt_flag, R(version) },
	{ "-version", OPT_FLAG, .set = opt_flag, R(version) },
};

_Static_assert(ARRAY_SIZE(words) <= OPTS_MAX, "opts.h tracks them in one word");

int sv_options_parse(struct sv_options *o, int argc, char *const *argv, struct err *err)
{
	int rc;

	*o = (struct sv_options){ .cpus = 1, .mem_mib = 256, .serial = { .fd = -1 } };
	rc = opts_words(words, ARRAY_SIZE(words), "-", argc, argv, o, err);
	if (rc || o->help || o->version)
		return rc;
	return o->kernel ? 0 : failx(err, -EINVAL, "no kernel is given: -kernel FILE");
}

void sv_options_free(struct sv_options *o)
{
	opts_texts_free(&o->texts);
}

void sv_options_help(FILE *to)
{
	fputs("usage: sampan-stratovirt -kernel FILE [OPTION...]    for Kata's [hypervisor.stratovirt]\n",
		to);
	opts_help(to, words, ARRAY_SIZE(words), "-");
}
