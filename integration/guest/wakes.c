/*
 * Sleeps and wakes, many times: a timer interrupt or an inter-processor interrupt that is lost
 * shows as a guest that says no more. Every hundredth of the way it says how far it is.
 *   wakes timers COUNT MICROSECONDS   as many sleeps of that length on each CPU
 *   wakes ring COUNT                  a token goes round, from a thread on each CPU to the next
 * As pid 1 (kernel command line "-- timers 1000 100") it powers off at the end.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS 64

static struct {
	int pipe[MAX_CPUS][2];
	int cpus;
	long count, pause;
} ring;

static void say(const char *what, long n)
{
	char text[64];

	snprintf(text, sizeof(text), "wakes %s %ld\n", what, n);
	write(STDOUT_FILENO, text, strlen(text));
}

static void stay_on(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *sleeper(void *arg)
{
	struct timespec t = { 0, ring.pause * 1000 };

	stay_on((long)arg);
	for (long i = 1; i <= ring.count; i++) {
		nanosleep(&t, NULL);
		if (!arg && i % (ring.count / 100) == 0)
			say("timers", i);
	}
	return NULL;
}

static void *passer(void *arg)
{
	long cpu = (long)arg;
	char token;

	stay_on(cpu);
	for (long i = 1; i <= ring.count; i++) {
		read(ring.pipe[cpu][0], &token, 1);
		if (!cpu && i % (ring.count / 100) == 0)
			say("ring", i);
		write(ring.pipe[(cpu + 1) % ring.cpus][1], &token, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[MAX_CPUS];
	int timers = argc > 1 && !strcmp(argv[1], "timers");

	ring.cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	ring.count = argc > 2 ? atol(argv[2]) : 1000;
	ring.pause = argc > 3 ? atol(argv[3]) : 100;
	say("cpus", ring.cpus);
	for (int i = 0; i < ring.cpus; i++)
		pipe(ring.pipe[i]);
	for (long i = 0; i < ring.cpus; i++)
		pthread_create(&thread[i], NULL, timers ? sleeper : passer, (void *)i);
	write(ring.pipe[0][1], "x", 1);
	for (int i = 0; i < ring.cpus; i++)
		pthread_join(thread[i], NULL);
	say("done", ring.count);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
