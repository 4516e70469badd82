/*
 * What a debugger asks and hears (GDB manual, appendix "Remote Protocol", Packets): an interpreter
 * of packets over a target of threads, registers and memory. All-stop: nothing is asked while the
 * target runs, but to stop it. Pure but for the target's calls; loop thread.
 */
#ifndef SAMPAN_GDB_STUB_H
#define SAMPAN_GDB_STUB_H

#include "gdb/rsp.h"

#define STUB_BREAKPOINTS 64
#define STUB_REG_MAX	 256 /* bytes of one register at most: VLEN 2048 */

struct stub_target {
	unsigned nthreads; /* at most 64, numbered from 0 here, from 1 in the protocol */
	/* Its length in bytes, 0 when the register can't be had now, -1 when there is none. */
	int (*read_reg)(void *arg, unsigned thread, unsigned reg, void *value);
	int (*write_reg)(void *arg, unsigned thread, unsigned reg, const void *value, size_t len);
	/* Virtual addresses, as the thread sees them. 0 or -errno. */
	int (*read_mem)(void *arg, unsigned thread, uint64_t addr, void *data, size_t len);
	int (*write_mem)(void *arg, unsigned thread, uint64_t addr, const void *data, size_t len);
	/* Runs some threads, a bit each, or steps one by an instruction; stub_stopped() tells its
	 * end. */
	int (*resume)(void *arg, uint64_t threads);
	int (*step)(void *arg, unsigned thread);
	int (*stop)(void *arg); /* stub_stopped() follows */
	void (*detach)(void *arg);
	void (*kill)(void *arg);
	/* The target's description: registers 0..nregs-1 are those of a 'g' packet. */
	const char *xml;
	size_t xml_len;
	unsigned nregs;
	void *arg;
};

struct breakpoint {
	uint64_t addr;
	uint8_t len; /* 2 or 4; 0: free */
	uint8_t was[4];
};

struct stub {
	struct rsp rsp;
	const struct stub_target *t;
	unsigned thread; /* that registers and memory are asked of */
	bool running;
	struct breakpoint bp[STUB_BREAKPOINTS];
};

/* send gets the bytes for the debugger. The target is stopped. */
void stub_init(struct stub *s, const struct stub_target *t,
	void (*send)(void *arg, const void *data, size_t len), void *arg);
void stub_feed(struct stub *s, const void *data, size_t len);

/* Takes breakpoints out of memory and forgets them: when the debugger goes. */
void stub_clear(struct stub *s);

/* The target has stopped: at a breakpoint, or by signal's number (SIGINT, SIGTRAP). */
void stub_stopped(struct stub *s, unsigned thread, int signal, bool breakpoint);
/* It is gone: status is an exit status. */
void stub_exited(struct stub *s, int status);

/* Whether a breakpoint of the debugger's is at addr. */
bool stub_has_breakpoint(const struct stub *s, uint64_t addr);

#endif
