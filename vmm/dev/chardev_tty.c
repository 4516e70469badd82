/*
 * Raw mode and its end; see chardev_tty.h. The handler of a fatal signal only calls what POSIX
 * allows there (tcsetattr, raise), and only in the process that set raw mode. A signal that has a
 * handler already, or is ignored, is not taken.
 *
 * syscall(setup): rt_sigaction, eventfd2, ioctl(TCGETS), tgkill: raw mode, and a way to die of
 * a signal
 */
#define _GNU_SOURCE
#include "dev/chardev_tty.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>

#define CTRL_A 1

static struct {
	bool claimed;
	bool hooked; /* exit() and the signals know */
	volatile sig_atomic_t raw;
	int fd, resized;
	struct termios saved;
} terminal = { .resized = -1 };

static const int fatal_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
	SIGFPE, SIGSEGV, SIGTERM, SIGSYS, SIGXCPU };

int tty_claim(struct err *err)
{
	if (terminal.claimed)
		return failx(err, -EBUSY,
			"stdin and stdout are already used by another console or serial port");
	terminal.claimed = true;
	return 0;
}

void tty_release(void)
{
	terminal.claimed = false;
}

/* A background process that sets a terminal is stopped by SIGTTOU unless it blocks it. */
static void restore(void)
{
	sigset_t ttou, old;

	if (!terminal.raw)
		return;
	terminal.raw = 0;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	/* syscall(loop): rt_sigprocmask: the terminal is restored, in the background too */
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	/* syscall(loop): ioctl(TCSETS), ioctl(TCGETS): the terminal is restored, and the C library
	 * looks whether it is */
	tcsetattr(terminal.fd, TCSANOW, &terminal.saved);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* SA_RESETHAND has put the default back. */
static void fatal(int sig)
{
	restore();
	raise(sig);
}

static void winch(int sig UNUSED)
{
	uint64_t one = 1;
	int saved = errno, fd = terminal.resized;

	/* syscall(loop): write: from the handler of SIGWINCH */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		errno = 0; /* the counter is full: told already */
	errno = saved;
}

/* A child that exits leaves the terminal alone. */
static void disown(void)
{
	terminal.raw = 0;
}

static void hook(void)
{
	struct sigaction sa = { .sa_handler = fatal, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) },
			 old;

	if (!terminal.hooked) {
		atexit(restore);
		pthread_atfork(NULL, NULL, disown);
	}
	terminal.hooked = true;
	for (size_t i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		if (!sigaction(fatal_signals[i], NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
			old.sa_handler == SIG_DFL)
			sigaction(fatal_signals[i], &sa, NULL);
	sa = (struct sigaction){ .sa_handler = winch, .sa_flags = SA_RESTART };
	sigaction(SIGWINCH, &sa, NULL);
}

int tty_raw(int fd, int *resized, struct err *err)
{
	AUTO_FD event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct termios raw;

	if (event < 0 || tcgetattr(fd, &terminal.saved))
		return fail(err, -errno, "set up the terminal");
	raw = terminal.saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	terminal.fd = fd;
	hook();
	terminal.raw = 1; /* before: a signal in between restores what is there already */
	if (tcsetattr(fd, TCSANOW, &raw)) {
		terminal.raw = 0;
		return fail(err, -errno, "put the terminal in raw mode");
	}
	*resized = terminal.resized = take_fd(&event);
	return 0;
}

void tty_restore(void)
{
	int fd = terminal.resized;

	restore();
	if (fd < 0)
		return;
	terminal.resized = -1; /* the handler of SIGWINCH stays, and does nothing */
	close(fd);
}

bool tty_size(int fd, uint16_t *columns, uint16_t *rows)
{
	struct winsize ws;

	/* syscall(loop): ioctl(TIOCGWINSZ): the terminal's size changes */
	if (ioctl(fd, TIOCGWINSZ, &ws) || !ws.ws_col || !ws.ws_row)
		return false;
	*columns = ws.ws_col;
	*rows = ws.ws_row;
	return true;
}

size_t tty_filter(struct tty_keys *k, uint8_t *buf, size_t len, unsigned *asked)
{
	size_t left = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t key = buf[i];

		if (!k->prefix) {
			k->prefix = key == CTRL_A;
			if (!k->prefix)
				buf[left++] = key;
			continue;
		}
		k->prefix = false;
		if (key == CTRL_A || key == 'a' || key == 'A')
			buf[left++] = CTRL_A;
		else if (key == 'x' || key == 'X')
			*asked |= TTY_LEAVE;
		else if (key == 'h' || key == 'H' || key == '?')
			*asked |= TTY_HELP;
	}
	return left;
}
