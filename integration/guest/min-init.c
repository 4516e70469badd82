/*
 * The smallest init, for benchmarks: says how long the kernel has been up and powers off. Nothing
 * else is in its initrd, so what it measures is the kernel and the monitor.
 */
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	char text[64];
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	snprintf(text, sizeof(text), "uptime %lld.%06ld\n", (long long)up.tv_sec,
		up.tv_nsec / 1000);
	write(STDOUT_FILENO, text, strlen(text));
	reboot(RB_POWER_OFF);
	return 1;
}
