/*
 * pattern write|verify FILE SIZE SEED: fills a file or a disk past the page cache with words that say where they belong
 * (a mix of seed and offset), or says where they differ. SIZE is in bytes, a multiple of 4096.
 * write ends with fsync; verify's status is 1 if anything differs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1024 * 1024)

static void die(const char *what)
{
	fprintf(stderr, "pattern: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* splitmix64's finisher: neighbouring offsets share nothing. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void fill(uint64_t *words, size_t len, uint64_t offset, uint64_t seed)
{
	for (size_t i = 0; i < len / 8; i++)
		words[i] = mix(offset + 8 * i + (seed << 48));
}

static size_t differs(const uint64_t *a, const uint64_t *b, size_t len)
{
	size_t i = 0;

	while (i < len / 8 && a[i] == b[i])
		i++;
	return 8 * i;
}

int main(int argc, char **argv)
{
	int writing = argc == 5 && !strcmp(argv[1], "write");
	uint64_t *want, *found, size, seed;
	int fd;

	if (argc != 5 || (!writing && strcmp(argv[1], "verify"))) {
		fputs("usage: pattern write|verify FILE SIZE SEED\n", stderr);
		return 2;
	}
	size = strtoull(argv[3], NULL, 0);
	seed = strtoull(argv[4], NULL, 0);
	want = aligned_alloc(4096, CHUNK);
	found = aligned_alloc(4096, CHUNK);
	fd = open(argv[2], (writing ? O_RDWR | O_CREAT : O_RDONLY) | O_DIRECT | O_CLOEXEC, 0644);
	if (fd < 0 || !want || !found)
		die(argv[2]);
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len = size - at < CHUNK ? size - at : CHUNK;
		size_t same;

		fill(want, len, at, seed);
		if (writing) {
			if (pwrite(fd, want, len, (off_t)at) != (ssize_t)len)
				die("write");
			continue;
		}
		if (pread(fd, found, len, (off_t)at) != (ssize_t)len)
			die("read");
		same = differs(want, found, len);
		if (same < len) {
			printf("pattern: differs at byte %llu\n", (unsigned long long)(at + same));
			return 1;
		}
	}
	if (writing && fsync(fd))
		die("fsync");
	return 0;
}
