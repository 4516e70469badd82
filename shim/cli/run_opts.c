/*
 * The option tables of `sampan run`, and the few rules that hold between options; see run_opts.h.
 *
 * Each option with keys has a table of its own whose entries write into the struct vm_... it
 * describes. Ranges are checked here, where the sentence can use the user's word for it; what
 * depends on the host is checked by the core.
 */
#include "shim/cli/run_opts.h"

#include <string.h>

#define AT(type, field) .offset = offsetof(type, field)
#define CID_MIN		3
#define CID_MAX		UINT64_C(0xfffffffe)

/* values of more than one option */

static int set_fd(const struct opt *o, void *into, const char *value, struct err *err)
{
	return parse_fd(value, 0, (int *)((char *)into + o->offset), err);
}

static int set_path(const struct opt *o, void *into, const char *value, struct err *err)
{
	if (!*value)
		return failx(err, -EINVAL, "the path is empty");
	return opt_text(o, into, value, err);
}

/* stdio, none, file:PATH, socket:PATH, fd:N into a struct chardev_config. */
static int set_backend(const struct opt *o, void *into, const char *value, struct err *err)
{
	static const struct {
		const char *prefix;
		enum chardev_kind kind;
	} kinds[] = { { "stdio", CHARDEV_STDIO }, { "none", CHARDEV_NONE },
		{ "file:", CHARDEV_FILE }, { "socket:", CHARDEV_SOCKET }, { "fd:", CHARDEV_FD } };
	struct chardev_config *c = (struct chardev_config *)((char *)into + o->offset);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);
		bool more = kinds[i].prefix[len - 1] == ':';

		if (strncmp(value, kinds[i].prefix, len) || !more != !value[len])
			continue;
		c->kind = kinds[i].kind;
		if (c->kind == CHARDEV_FD)
			return parse_fd(value + len, 0, &c->fd, err);
		c->path = more ? value + len : NULL;
		return 0;
	}
	return failx(err, -EINVAL, "\"%s\" is none of stdio, none, file:PATH, socket:PATH, fd:N",
		value);
}

/* --cpus, --mem */

static const struct opt cpus_keys[] = {
	{ "", .set = opt_count, AT(struct vm_config, cpus), .min = 1, .max = VM_MAX_CPUS },
	{ "max", .set = opt_count, AT(struct vm_config, max_cpus), .min = 1, .max = VM_MAX_CPUS },
	{ "sockets", .set = opt_count, AT(struct vm_config, cpu_sockets), .min = 1,
		.max = VM_MAX_CPUS },
	{ "threads", .set = opt_count, AT(struct vm_config, cpu_threads), .min = 1,
		.max = VM_MAX_CPUS },
};

static int set_cpus(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	int rc = opts_list(cpus_keys, ARRAY_SIZE(cpus_keys), value, &r->vm, &r->texts, err);

	if (!rc && r->vm.max_cpus && r->vm.max_cpus < r->vm.cpus)
		return failx(err, -EINVAL, "max=%u is less than the %u to start with",
			r->vm.max_cpus, r->vm.cpus);
	return rc;
}

static int set_cpu(const struct opt *o, void *into, const char *value, struct err *err)
{
	int rc = vm_check_cpu(value, err);

	return rc ? rc : opt_text(o, into, value, err);
}

static int set_sbi(const struct opt *o, void *into, const char *value, struct err *err)
{
	int rc = vm_check_sbi(value, err);

	return rc ? rc : opt_text(o, into, value, err);
}

static int set_hugepages(const struct opt *o UNUSED, void *into, const char *value UNUSED,
	struct err *err UNUSED)
{
	((struct vm_config *)into)->mem.pages = MEM_PAGES_HUGETLB;
	return 0;
}

static const struct opt mem_keys[] = {
	{ "", .set = opt_size, AT(struct vm_config, mem_size) },
	{ "hugepages", OPT_FLAG, .set = set_hugepages },
	{ "shared", OPT_FLAG, .set = opt_flag, AT(struct vm_config, mem.shared) },
	{ "prefault", OPT_FLAG, .set = opt_flag, AT(struct vm_config, mem.prefault) },
	{ "mergeable", OPT_FLAG, .set = opt_flag, AT(struct vm_config, mem.mergeable) },
};

static int set_mem(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	int rc = opts_list(mem_keys, ARRAY_SIZE(mem_keys), value, &r->vm, &r->texts, err);

	if (rc)
		return rc;
	if (r->vm.mem_size < 32 * MiB)
		return failx(err, -ERANGE, "%llu bytes are too few: at least 32M",
			(unsigned long long)r->vm.mem_size);
	if (r->vm.mem_size % (2 * MiB))
		return failx(err, -EINVAL, "%llu bytes are not a multiple of 2M",
			(unsigned long long)r->vm.mem_size);
	return 0;
}

/* --gdb */

static const struct opt gdb_keys[] = {
	{ "", .set = opt_text, AT(struct vm_config, gdb) },
	{ "wait", OPT_FLAG, .set = opt_flag, AT(struct vm_config, gdb_wait) },
};

static int set_gdb(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;

	return opts_list(gdb_keys, ARRAY_SIZE(gdb_keys), value, &r->vm, &r->texts, err);
}

/* --disk */

static const char *const io_words[] = { "auto", "uring", "threads", NULL };

static const struct opt disk_keys[] = {
	{ "", .set = opt_text, AT(struct vm_disk, path) },
	{ "ro", OPT_FLAG, .set = opt_flag, AT(struct vm_disk, readonly) },
	{ "id", .set = opt_name, AT(struct vm_disk, id), .max = 20 },
	{ "queues", .set = opt_count, AT(struct vm_disk, queues), .min = 1, .max = 8 },
	{ "io", .set = opt_choice, AT(struct vm_disk, io), .choices = io_words },
};

static int set_disk(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	struct vm_disk *disk = &r->disks[r->vm.ndisks];

	if (r->vm.ndisks == RUN_DISKS)
		return failx(err, -E2BIG, "more than %d disks", RUN_DISKS);
	r->vm.ndisks++;
	disk->fd = -1;
	return opts_list(disk_keys, ARRAY_SIZE(disk_keys), value, disk, &r->texts, err);
}

/* --net */

static int set_tap_fds(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct vm_net *net = into;

	return parse_fds(value, 0, net->fds, VM_MAX_NET_QUEUES, &net->nfds, err);
}

static int set_mac(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	return parse_mac(value, ((struct vm_net *)into)->mac, err);
}

static int set_mtu(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	uint64_t v;
	int rc = parse_count(value, 68, UINT16_MAX, &v, err);

	if (!rc)
		((struct vm_net *)into)->mtu = (uint16_t)v;
	return rc;
}

static const char *const vhost_words[] = { "auto", "on", "off", NULL };

static const struct opt net_keys[] = {
	{ "tap", .set = opt_ifname, AT(struct vm_net, tap) },
	{ "fd", .set = set_tap_fds },
	{ "mac", .set = set_mac },
	{ "mtu", .set = set_mtu },
	{ "queues", .set = opt_count, AT(struct vm_net, queues), .min = 1,
		.max = VM_MAX_NET_QUEUES },
	{ "vhost", .set = opt_choice, AT(struct vm_net, vhost), .choices = vhost_words },
	{ "id", .set = opt_name, AT(struct vm_net, id), .max = 20 },
};

static int set_net(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	struct vm_net *net = &r->nets[r->vm.nnets];
	int rc;

	if (r->vm.nnets == RUN_NETS)
		return failx(err, -E2BIG, "more than %d networks", RUN_NETS);
	r->vm.nnets++;
	rc = opts_list(net_keys, ARRAY_SIZE(net_keys), value, net, &r->texts, err);
	if (rc)
		return rc;
	if (!net->tap == !net->nfds)
		return failx(err, -EINVAL, "either tap=NAME or fd=N must be given");
	if (net->nfds && net->queues)
		return failx(err, -EINVAL,
			"queues= goes with tap=; fd=N:N gives one queue a descriptor");
	return 0;
}

/* --vsock */

static const struct opt vsock_keys[] = {
	{ "cid", .set = opt_count, AT(struct vm_vsock, cid), .min = CID_MIN, .max = CID_MAX },
	{ "fd", .set = set_fd, AT(struct vm_vsock, vhost_fd) },
	{ "uds", .set = set_path, AT(struct vm_vsock, uds) },
};

static int set_vsock(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	struct vm_vsock *v = &r->vm.vsock;
	int rc = opts_list(vsock_keys, ARRAY_SIZE(vsock_keys), value, v, &r->texts, err);

	if (rc)
		return rc;
	if (v->uds && v->vhost_fd >= 0)
		return failx(err, -EINVAL, "fd= and uds= exclude each other");
	if (!v->uds && !v->cid)
		return failx(err, -EINVAL, "cid=N or uds=PATH must be given");
	if (!v->cid)
		v->cid = CID_MIN;
	v->present = true;
	return 0;
}

/* --fs */

static const struct opt fs_keys[] = {
	{ "socket", .set = set_path, AT(struct vm_fs, socket) },
	{ "tag", .set = opt_name, AT(struct vm_fs, tag), .max = 36 },
};

static int set_fs(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	struct vm_fs *fs = &r->filesystems[r->vm.nfilesystems];
	int rc;

	if (r->vm.nfilesystems == RUN_FS)
		return failx(err, -E2BIG, "more than %d file systems", RUN_FS);
	fs->fd = -1;
	rc = opts_list(fs_keys, ARRAY_SIZE(fs_keys), value, fs, &r->texts, err);
	if (rc)
		return rc;
	if (!fs->socket || !fs->tag)
		return failx(err, -EINVAL, "socket=PATH and tag=NAME must be given");
	for (unsigned i = 0; i < r->vm.nfilesystems; i++)
		if (!strcmp(r->filesystems[i].tag, fs->tag))
			return failx(err, -EINVAL, "tag %s is given twice", fs->tag);
	r->vm.nfilesystems++;
	return 0;
}

/* consoles */

static int set_console(const struct opt *o, void *into, const char *value, struct err *err)
{
	((struct run_opts *)into)->console_given = true;
	return set_backend(o, into, value, err);
}

static const struct opt port_keys[] = {
	{ "", .set = set_backend, AT(struct vm_console, chardev) },
	{ "name", .set = opt_name, AT(struct vm_console, name), .max = 63 },
};

static int set_port(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct run_opts *r = into;
	struct vm_console *port = &r->consoles[r->vm.nconsoles];

	if (r->vm.nconsoles == RUN_CONSOLES)
		return failx(err, -E2BIG, "more than %d consoles", RUN_CONSOLES);
	r->vm.nconsoles++;
	port->chardev.fd = -1;
	return opts_list(port_keys, ARRAY_SIZE(port_keys), value, port, &r->texts, err);
}

/* One terminal has one user: the serial port, unless a port asks or --console says otherwise. */
static int share_stdio(struct run_opts *r, struct err *err)
{
	unsigned users = r->console_given && r->vm.serial.kind == CHARDEV_STDIO;

	for (unsigned i = 0; i < r->vm.nconsoles; i++)
		users += r->consoles[i].chardev.kind == CHARDEV_STDIO;
	if (users > 1)
		return failx(err, -EINVAL, "more than one console is to be on stdio");
	if (!r->console_given)
		r->vm.serial.kind = users ? CHARDEV_NONE : CHARDEV_STDIO;
	return 0;
}

/* descriptors */

static int use_fd(int *used, unsigned *n, int fd, struct err *err)
{
	for (unsigned i = 0; i < *n; i++)
		if (used[i] == fd)
			return failx(err, -EINVAL, "descriptor %d is given twice", fd);
	used[(*n)++] = fd;
	return 0;
}

/* Each inherited descriptor is taken over by one device. */
static int check_fds(struct run_opts *r, struct err *err)
{
	int *used = r->fds, rc = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < r->vm.nnets; i++)
		for (unsigned q = 0; !rc && q < r->nets[i].nfds; q++)
			rc = use_fd(used, &n, r->nets[i].fds[q], err);
	for (unsigned i = 0; !rc && i < r->vm.nconsoles; i++)
		if (r->consoles[i].chardev.kind == CHARDEV_FD)
			rc = use_fd(used, &n, r->consoles[i].chardev.fd, err);
	if (!rc && r->vm.serial.kind == CHARDEV_FD)
		rc = use_fd(used, &n, r->vm.serial.fd, err);
	if (!rc && r->vm.vsock.vhost_fd >= 0)
		rc = use_fd(used, &n, r->vm.vsock.vhost_fd, err);
	r->nfds = n;
	return rc;
}

/* the words */

static int set_append(const struct opt *o, void *into, const char *value, struct err *err)
{
	if (strlen(value) > RUN_APPEND)
		return failx(err, -E2BIG, "%zu bytes are more than the %d that a kernel keeps",
			strlen(value), RUN_APPEND);
	return opt_text(o, into, value, err);
}

static int set_log_level(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	int level = log_level_parse(value);

	if (level < 0)
		return failx(err, -EINVAL, "\"%s\" is none of error, warn, info, debug", value);
	((struct run_opts *)into)->log_level = (enum log_level)level;
	return 0;
}

static int set_jail_user(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct vm_jail *jail = &((struct run_opts *)into)->vm.jail;

	return parse_ids(value, &jail->uid, &jail->gid, err);
}

static const char *const irqchip_words[] = { "auto", "aia", "aia-hwaccel", "aia-emul", "split",
	"aplic", "plic", NULL };
static const char *const reboot_words[] = { "exit", "reset", NULL };

#define R(field) AT(struct run_opts, field)

static const struct opt words[] = {
	{ "kernel", .set = set_path, R(vm.kernel), .metavar = "FILE",
		.help = "Image, plain, gzip or zstd; or vmlinux (ELF)" },
	{ "initrd", .set = set_path, R(vm.initrd), .metavar = "FILE", .help = "initial RAM disk" },
	{ "append", .set = set_append, R(vm.append), .metavar = "TEXT",
		.help = "kernel command line" },
	{ "cpus", .set = set_cpus, .metavar = "N",
		.help = "vCPUs, 1 to 64 (1) [,max=M][,sockets=N][,threads=N]" },
	{ "cpu", .set = set_cpu, .metavar = "MODEL", R(vm.cpu),
		.help = "host, max, min, rva20/22/23, rv64... [,+EXT][,-EXT]" },
	{ "sbi", .set = set_sbi, R(vm.sbi) },
	{ "mem", .set = set_mem, .metavar = "SIZE",
		.help = "(256M) [,hugepages][,shared][,prefault][,mergeable]" },
	{ "disk", .many = true, .set = set_disk, .metavar = "FILE",
		.help = "raw disk [,ro][,id=S][,queues=N][,io=uring|threads]" },
	{ "disk-slots", .set = opt_count, .max = VM_MAX_VIRTIO, .metavar = "N", R(vm.disk_slots),
		.help = "places for later disks (0); see sampan ctl plug" },
	{ "net", .many = true, .set = set_net, .metavar = "tap=NAME|fd=N",
		.help = "[,mac=][,mtu=][,queues=N][,vhost=on|off][,id=S]" },
	{ "vsock", .set = set_vsock, .metavar = "cid=N|uds=PATH",
		.help = "cid=N[,fd=N] by vhost; uds=PATH[,cid=N] without" },
	{ "fs", .many = true, .set = set_fs, .metavar = "socket=PATH,tag=S",
		.help = "a directory that virtiofsd shares" },
	{ "console", .set = set_console, R(vm.serial), .metavar = "BACKEND",
		.help = "serial: stdio, none, file:PATH, socket:PATH, fd:N" },
	{ "virtio-console", .many = true, .set = set_port, .metavar = "BACKEND",
		.help = "one more console [,name=S]" },
	{ "api", .set = set_path, .metavar = "PATH", R(api),
		.help = "unix socket for sampan ctl; --name S: of the VM" },
	{ "name", .set = opt_name, .max = 64, R(vm.name) },
	{ "irqchip", .set = opt_choice, .choices = irqchip_words, .metavar = "MODE", R(vm.irqchip),
		.help = "auto, aia, aia-hwaccel, aia-emul, split, aplic, plic" },
	{ "reboot", .set = opt_choice, .choices = reboot_words, .metavar = "exit|reset", R(reboot),
		.help = "what a reboot by the guest does (exit)" },
	{ "no-rng", OPT_FLAG, .set = opt_flag, R(vm.no_rng),
		.help = "no random numbers; --rng-rate SIZE: fewer a second" },
	{ "rng-rate", .set = opt_size, .min = 1, R(vm.rng_rate) },
	{ "gdb", .set = set_gdb, .metavar = "PATH", .help = "unix socket for a debugger [,wait]" },
	{ "log-level", .set = set_log_level, .metavar = "LEVEL",
		.help = "error, warn, info or debug (warn)" },
	{ "log-file", .set = set_path, .metavar = "FILE", R(log_file),
		.help = "log there, not on stderr" },
	{ "pid-file", .set = set_path, .metavar = "FILE", R(pid_file),
		.help = "holds the process id meanwhile" },
	{ "jail-user", .set = set_jail_user, .metavar = "UID[:GID]",
		.help = "what root becomes (65534); --no-jail: no sandbox" },
	{ "no-jail", OPT_FLAG, .set = opt_flag, R(vm.jail.off) },
	{ "help", OPT_FLAG, .set = opt_flag, R(help) },
};

int run_opts_parse(struct run_opts *o, int argc, char *const *argv, struct err *err)
{
	int rc;

	*o = (struct run_opts){ .log_level = LOG_WARN };
	o->vm.cpus = 1;
	o->vm.mem_size = 256 * MiB;
	o->vm.serial.fd = o->vm.vsock.vhost_fd = -1;
	o->vm.disks = o->disks;
	o->vm.nets = o->nets;
	o->vm.consoles = o->consoles;
	o->vm.filesystems = o->filesystems;
	rc = opts_words(words, ARRAY_SIZE(words), "--", argc, argv, o, err);
	if (rc || o->help)
		return rc;
	o->vm.reset_on_reboot = o->reboot == 1;
	if (!o->vm.kernel)
		return failx(err, -EINVAL, "no kernel is given: --kernel FILE");
	rc = share_stdio(o, err);
	return rc ? rc : check_fds(o, err);
}

void run_opts_free(struct run_opts *o)
{
	opts_texts_free(&o->texts);
}

void run_opts_help(FILE *to)
{
	fputs("usage: sampan run --kernel FILE [OPTION...]    Ctrl-A X on the terminal ends it\n",
		to);
	opts_help(to, words, ARRAY_SIZE(words), "--");
}
