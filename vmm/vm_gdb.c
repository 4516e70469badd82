/*
 * The machine under a debugger: a unix socket for one GDB at a time, and the stub's target over
 * vCPUs and guest memory (gdb/stub.h).
 *
 * While a debugger is there, a guest's ebreak leaves the guest (KVM_SET_GUEST_DEBUG). The vCPU
 * posts it and parks, the loop pauses the machine as vm_pause() does, and looks whose ebreak it
 * was: the debugger's, that of a single step, or the guest's own, which is given back to the guest.
 * KVM offers no single step: temporary breakpoints at all places where the instruction can lead,
 * and only that vCPU runs. The debugger is as powerful as the one who may open the socket (mode
 * 0600).
 */
#define _GNU_SOURCE
#include "vm_internal.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/socket.h>

#include "core/sock.h"
#include "gdb/stub.h"
#include "riscv/gdb_regs.h"
#include "riscv/step.h"
#include "riscv/walk.h"

#define SIGNAL_INT  2 /* GDB's numbers */
#define SIGNAL_TRAP 5
#define PAGE	    4096U

struct vm_gdb {
	struct vm *vm;
	struct sock_listener listener;
	struct watch listening, talking;
	int client; /* -1: nobody */
	bool wait;  /* the guest starts when the debugger says so */
	bool owes_close;
	struct stub stub;
	struct stub_target target;
	char *xml;
	uint64_t threads; /* that the debugger has set going, a bit each */
	/* The step under way. */
	struct {
		unsigned cpu, n;
		uint64_t addr[STEP_TARGETS];
		uint32_t was[STEP_TARGETS];
	} step;
};

/* Somebody else may have set the machine going: a running vCPU can't be asked, KVM would wait for
 * it. */
static bool stopped(const struct vm *vm)
{
	return vm->state == VM_PAUSED;
}

/* memory, as a vCPU sees it */

static int each_page(struct vm *vm, unsigned cpu, uint64_t addr, void *data, size_t len, bool write)
{
	uint64_t satp = 0;
	uint8_t *p = data;

	if (!stopped(vm))
		return -EBUSY;
	if (gdb_reg_read(&vm->vcpu[cpu], GDB_REG_CSR + GDB_CSR_SATP, &satp) < 0)
		return -EIO;
	while (len) {
		size_t n = MIN(len, PAGE - addr % PAGE);
		uint64_t gpa;

		if (walk(&vm->mem, satp, addr, &gpa) ||
			(write ? mem_write(&vm->mem, gpa, p, n) : mem_read(&vm->mem, gpa, p, n)))
			return -EFAULT;
		if (write) { /* it may be code */
			char *code = mem_iov(mem_at(&vm->mem, gpa, n), n).iov_base;

			/* syscall(loop): riscv_flush_icache: code that a debugger has written */
			__builtin___clear_cache(code, code + n);
		}
		addr += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int read_mem(void *arg, unsigned thread, uint64_t addr, void *data, size_t len)
{
	struct vm_gdb *g = arg;

	return each_page(g->vm, thread, addr, data, len, false);
}

static int write_mem(void *arg, unsigned thread, uint64_t addr, const void *data, size_t len)
{
	struct vm_gdb *g = arg;
	uint8_t copy[RSP_PACKET];

	if (len > sizeof(copy))
		return -EINVAL;
	memcpy(copy, data, len);
	return each_page(g->vm, thread, addr, copy, len, true);
}

static int read_reg(void *arg, unsigned thread, unsigned reg, void *value)
{
	struct vm_gdb *g = arg;

	return stopped(g->vm) ? gdb_reg_read(&g->vm->vcpu[thread], reg, value) : -1;
}

static int write_reg(void *arg, unsigned thread, unsigned reg, const void *value, size_t len)
{
	struct vm_gdb *g = arg;

	return stopped(g->vm) ? gdb_reg_write(&g->vm->vcpu[thread], reg, value, len) : -EBUSY;
}

/* running and stopping */

static int pause_vm(struct vm *vm)
{
	struct err err;

	return vm->state == VM_RUNNING ? vm_pause(vm, &err) : 0;
}

static int run_vm(struct vm_gdb *g, uint64_t only)
{
	struct err err;

	if (g->vm->state == VM_RUNNING && only == VCPUS_ALL)
		return 0;
	/* all are parked; who came to an ebreak and was not told comes to it again, if it is there
	 */
	__atomic_store_n(&g->vm->gdb_hit, 0, __ATOMIC_SEQ_CST);
	return vm_resume_only(g->vm, only, &err);
}

static int resume(void *arg, uint64_t threads)
{
	struct vm_gdb *g = arg;

	g->threads = threads;
	return run_vm(g, threads);
}

static bool fetch(void *arg, uint64_t addr, uint16_t *half)
{
	struct vm_gdb *g = arg;

	return !each_page(g->vm, g->step.cpu, addr, half, sizeof(*half), false);
}

static void end_step(struct vm_gdb *g)
{
	for (unsigned i = 0; i < g->step.n; i++)
		if (each_page(g->vm, g->step.cpu, g->step.addr[i], &g->step.was[i],
			    step_insn_len((uint16_t)g->step.was[i]), true))
			log_limited(&g->vm->limit, "take back the breakpoint of a step at 0x%llx",
				(unsigned long long)g->step.addr[i]);
	g->step.n = 0;
}

/* What a target was, and an ebreak of its length over it. */
static int step_breakpoint(struct vm_gdb *g, uint64_t addr)
{
	uint32_t was = 0, code;
	uint16_t half;
	unsigned len;
	int rc;

	if (!fetch(g, addr, &half))
		return -EFAULT;
	len = step_insn_len(half);
	code = len == 2 ? 0x9002 : 0x00100073;
	rc = each_page(g->vm, g->step.cpu, addr, &was, len, false);
	if (!rc)
		rc = each_page(g->vm, g->step.cpu, addr, &code, len, true);
	if (rc)
		return rc;
	g->step.addr[g->step.n] = addr;
	g->step.was[g->step.n++] = was;
	return 0;
}

static int step(void *arg, unsigned thread)
{
	struct vm_gdb *g = arg;
	const struct vcpu *v = &g->vm->vcpu[thread];
	struct step_env env = { .fetch = fetch, .arg = g };
	uint64_t target[STEP_TARGETS];
	unsigned n;
	int rc = 0;

	if (!stopped(g->vm))
		return -EBUSY;
	g->step.cpu = thread;
	for (unsigned i = 0; i < 32; i++)
		if (gdb_reg_read(v, GDB_REG_X + i, &env.x[i]) < 0)
			return -EIO;
	if (gdb_reg_read(v, GDB_REG_PC, &env.pc) < 0 ||
		gdb_reg_read(v, GDB_REG_CSR + GDB_CSR_SEPC, &env.sepc) < 0)
		return -EIO;
	n = step_targets(&env, target);
	for (unsigned i = 0; i < n && !rc; i++)
		rc = step_breakpoint(g, target[i]);
	if (!n)
		rc = -EFAULT;
	g->threads = UINT64_C(1) << thread;
	if (!rc)
		rc = run_vm(g, g->threads);
	if (rc)
		end_step(g);
	return rc;
}

static int stop(void *arg)
{
	struct vm_gdb *g = arg;

	pause_vm(g->vm);
	end_step(g);
	stub_stopped(&g->stub, g->stub.thread, SIGNAL_INT, false);
	return 0;
}

static bool is_ebreak(struct vm_gdb *g, unsigned cpu, uint64_t pc)
{
	uint16_t half[2] = { 0, 0 };

	if (each_page(g->vm, cpu, pc, half, sizeof(*half), false))
		return false;
	if (half[0] == 0x9002)
		return true;
	return half[0] == 0x0073 &&
		!each_page(g->vm, cpu, pc + 2, &half[1], sizeof(*half), false) && half[1] == 0x0010;
}

/* Whose ebreak it was. True: the debugger has been told. */
static bool sort_out(struct vm_gdb *g, unsigned cpu)
{
	const struct vcpu *v = &g->vm->vcpu[cpu];
	bool stepped = false;
	uint64_t pc = 0;

	if (gdb_reg_read(v, GDB_REG_PC, &pc) < 0)
		return false;
	for (unsigned i = 0; i < g->step.n; i++)
		stepped |= g->step.addr[i] == pc && g->step.cpu == cpu;
	if (stepped || (g->client >= 0 && stub_has_breakpoint(&g->stub, pc))) {
		end_step(g);
		stub_stopped(&g->stub, cpu, SIGNAL_TRAP, !stepped);
		return true;
	}
	/* one that has been taken out meanwhile is nobody's */
	if (is_ebreak(g, cpu, pc) && gdb_reflect_ebreak(v))
		log_limited(&g->vm->limit, "give vCPU %u its breakpoint exception back", cpu);
	return false;
}

/* Several vCPUs may have come to one at a time: the first is told, the others come to theirs again.
 */
void vm_gdb_hit(struct vm *vm)
{
	uint64_t hit = __atomic_exchange_n(&vm->gdb_hit, 0, __ATOMIC_SEQ_CST);
	struct vm_gdb *g = vm->gdb;
	bool told = false;

	if (!g || !hit || pause_vm(vm) || (g->client >= 0 && !g->stub.running))
		return; /* the debugger has been told of another, and has the machine in its hands
			 */
	for (unsigned i = 0; i < vm->cpus && !told; i++)
		if (hit >> i & 1)
			told = sort_out(g, i);
	if (!told && run_vm(g, g->client >= 0 ? g->threads : VCPUS_ALL))
		log_limited(&vm->limit, "go on after the guest's own breakpoint");
}

/* the debugger comes and goes */

int vm_gdb_arm(struct vm *vm, struct err *err)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE };
	bool on = vm->gdb && vm->gdb->client >= 0;

	if (!vm->gdb)
		return 0;
	/* what was put into memory is no longer there, or about to be overwritten */
	vm->gdb->step.n = 0;
	memset(vm->gdb->stub.bp, 0, sizeof(vm->gdb->stub.bp));
	if (!on)
		debug.control = 0;
	for (unsigned i = 0; i < vm->max_cpus; i++) {
		int rc = vcpu_guest_debug(&vm->vcpu[i], &debug);

		if (rc)
			return fail(err, rc, "debug vCPU %u (KVM_SET_GUEST_DEBUG)", i);
	}
	return 0;
}

static void hang_up(struct vm_gdb *g)
{
	struct err err;
	struct vm *vm = g->vm;
	bool alive = vm->state == VM_RUNNING || vm->state == VM_PAUSED;

	if (g->client < 0)
		return;
	loop_remove(vm->loop, &g->talking);
	close(g->client);
	g->client = -1;
	g->owes_close = false;
	if (!alive)
		return;
	pause_vm(vm);
	end_step(g);
	stub_clear(&g->stub);
	if (vm_gdb_arm(vm, &err))
		log_warn("%s", err.msg);
	if (run_vm(g, VCPUS_ALL))
		log_warn("go on without the debugger");
}

/* Called by the stub, which is still to return: the socket is closed afterwards. */
static void detach(void *arg)
{
	struct vm_gdb *g = arg;

	g->owes_close = true;
}

static void kill_vm(void *arg)
{
	struct vm_gdb *g = arg;

	g->owes_close = true;
	vm_stop(g->vm);
}

/* Answers are short, and each is asked for: one who does not take them is no debugger. */
static void send_bytes(void *arg, const void *data, size_t len)
{
	struct vm_gdb *g = arg;

	if (g->client >= 0 && sock_send(g->client, data, len) != (ssize_t)len)
		g->owes_close = true;
}

static void heard(struct watch *w, uint32_t events UNUSED)
{
	struct vm_gdb *g = container_of(w, struct vm_gdb, talking);
	char buf[RSP_PACKET];
	/* syscall(loop): read: what the debugger asks */
	ssize_t n = read(g->client, buf, sizeof(buf));

	if (n > 0)
		stub_feed(&g->stub, buf, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || g->owes_close)
		hang_up(g);
}

static int attach(struct vm_gdb *g, int fd, struct err *err)
{
	int rc = pause_vm(g->vm);

	if (rc)
		return fail(err, rc, "stop for the debugger");
	g->client = fd;
	rc = vm_gdb_arm(g->vm, err);
	if (!rc)
		rc = loop_add(g->vm->loop, &g->talking, fd, EPOLLIN, heard);
	if (rc)
		g->client = -1;
	else
		stub_init(&g->stub, &g->target, send_bytes, g);
	return rc;
}

static void knocked(struct watch *w, uint32_t events UNUSED)
{
	struct vm_gdb *g = container_of(w, struct vm_gdb, listening);
	/* syscall(loop): accept4: the debugger */
	AUTO_FD fd = accept4(g->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	bool alive = g->vm->state == VM_RUNNING || g->vm->state == VM_PAUSED;
	struct err err = { 0 };

	if (fd < 0 || g->client >= 0 || !alive)
		return; /* one at a time, and only while there is a guest */
	if (attach(g, fd, &err)) {
		log_warn("%s", err.msg);
		return;
	}
	(void)take_fd(&fd);
}

void vm_gdb_ended(struct vm *vm)
{
	if (vm->gdb && vm->gdb->client >= 0)
		stub_exited(&vm->gdb->stub, 0);
}

bool vm_gdb_waits(const struct vm *vm)
{
	return vm->gdb && vm->gdb->wait;
}

int vm_gdb_new(struct vm *vm, const char *path, bool wait, struct err *err)
{
	struct vm_gdb *g;
	int rc;

	if (!path)
		return 0;
	if (kvm_has(&vm->kvm, KVM_CAP_SET_GUEST_DEBUG) <= 0)
		return failx(err, -ENOTSUP,
			"this kernel's KVM can't debug guests (KVM_SET_GUEST_DEBUG)");
	g = calloc(1, sizeof(*g));
	if (!g)
		return fail(err, -ENOMEM, "listen for a debugger");
	vm->gdb = g;
	g->vm = vm;
	g->client = g->listener.fd = -1;
	g->wait = wait;
	rc = gdb_reg_xml(&vm->vcpu[0], &vm->isa.set, &g->xml);
	if (rc)
		return fail(err, rc, "describe the registers to a debugger");
	g->target = (struct stub_target){ .nthreads = vm->cpus,
		.read_reg = read_reg,
		.write_reg = write_reg,
		.read_mem = read_mem,
		.write_mem = write_mem,
		.resume = resume,
		.step = step,
		.stop = stop,
		.detach = detach,
		.kill = kill_vm,
		.xml = g->xml,
		.xml_len = strlen(g->xml),
		.nregs = GDB_REG_PC + 1,
		.arg = g };
	rc = sock_listen(&g->listener, path, "the debugger's socket", err);
	if (!rc)
		rc = loop_add(vm->loop, &g->listening, g->listener.fd, EPOLLIN, knocked);
	return rc;
}

void vm_gdb_free(struct vm *vm)
{
	struct vm_gdb *g = vm->gdb;

	if (!g)
		return;
	loop_remove(vm->loop, &g->listening);
	loop_remove(vm->loop, &g->talking);
	if (g->client >= 0)
		close(g->client);
	sock_unlisten(&g->listener);
	free(g->xml);
	free(g);
	vm->gdb = NULL;
}
