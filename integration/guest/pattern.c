/*
 * Data that can be checked without being kept: each 64-bit word says where it belongs (a mix of
 * seed and offset). Sizes are in bytes; with FILE they and OFFSET are multiples of 4096.
 *   pattern write|verify FILE SIZE SEED   past the page cache, write ends with fsync
 *   pattern send|receive SIZE SEED        to stdout; from stdin up to its end
 *   pattern zero|punch FILE SIZE OFFSET   has the kernel make zeroes there, kept allocated or freed
 *   pattern zeroes FILE SIZE OFFSET       reads past the page cache and expects nothing else
 * The status is 1 if anything differs or fails.
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

static uint64_t *want, *found; /* CHUNK bytes each */

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

static int differs_at(uint64_t at)
{
	printf("pattern: differs at byte %llu\n", (unsigned long long)at);
	return 1;
}

static size_t chunk_at(uint64_t at, uint64_t size)
{
	return size - at < CHUNK ? size - at : CHUNK;
}

static int write_file(int fd, uint64_t size, uint64_t seed)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len = chunk_at(at, size);

		fill(want, len, at, seed);
		if (pwrite(fd, want, len, (off_t)at) != (ssize_t)len)
			die("write");
	}
	if (fsync(fd))
		die("fsync");
	return 0;
}

static int verify_file(int fd, uint64_t size, uint64_t seed)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len = chunk_at(at, size), same;

		fill(want, len, at, seed);
		if (pread(fd, found, len, (off_t)at) != (ssize_t)len)
			die("read");
		same = differs(want, found, len);
		if (same < len)
			return differs_at(at + same);
	}
	return 0;
}

static int verify_zeroes(int fd, uint64_t size, uint64_t offset)
{
	memset(want, 0, CHUNK);
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len = chunk_at(at, size), same;

		if (pread(fd, found, len, (off_t)(offset + at)) != (ssize_t)len)
			die("read");
		same = differs(want, found, len);
		if (same < len)
			return differs_at(offset + at + same);
	}
	return 0;
}

static int make_zeroes(int fd, int mode, uint64_t size, uint64_t offset)
{
	if (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		die("fallocate");
	return 0;
}

static int send_all(uint64_t size, uint64_t seed)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len = chunk_at(at, size);

		fill(want, CHUNK, at, seed);
		for (size_t done = 0; done < len;) {
			ssize_t put = write(1, (char *)want + done, len - done);

			if (put < 0)
				die("write");
			done += (size_t)put;
		}
	}
	return 0;
}

/* A word may arrive in pieces; whole chunks are compared. */
static int receive_all(uint64_t size, uint64_t seed)
{
	uint64_t at = 0;

	for (ssize_t got = 1; got; at += (uint64_t)got) {
		size_t have = at % CHUNK, len = chunk_at(at - have, size);

		got = read(0, (char *)found + have, at < size ? len - have : 1);
		if (got < 0)
			die("read");
		if (at >= size && got) {
			printf("pattern: more than %llu bytes came\n", (unsigned long long)size);
			return 1;
		}
		if (!got || have + (size_t)got < len)
			continue;
		fill(want, CHUNK, at - have, seed);
		for (size_t i = 0; i < len; i++)
			if (((char *)want)[i] != ((char *)found)[i])
				return differs_at(at - have + i);
	}
	if (at == size)
		return 0;
	printf("pattern: %llu bytes came of %llu\n", (unsigned long long)at,
		(unsigned long long)size);
	return 1;
}

static int on_file(const char *verb, const char *path, uint64_t size, uint64_t n)
{
	int reading = !strncmp(verb, "ver", 3) || !strcmp(verb, "zeroes"), fd;

	fd = open(path, (reading ? O_RDONLY : O_RDWR | O_CREAT) | O_DIRECT | O_CLOEXEC, 0644);
	if (fd < 0)
		die(path);
	if (!strcmp(verb, "write"))
		return write_file(fd, size, n);
	if (!strcmp(verb, "verify"))
		return verify_file(fd, size, n);
	if (!strcmp(verb, "zeroes"))
		return verify_zeroes(fd, size, n);
	if (!strcmp(verb, "zero"))
		return make_zeroes(fd, FALLOC_FL_ZERO_RANGE, size, n);
	if (!strcmp(verb, "punch"))
		return make_zeroes(fd, FALLOC_FL_PUNCH_HOLE, size, n);
	return 2;
}

int main(int argc, char **argv)
{
	int status = 2;

	want = aligned_alloc(4096, CHUNK);
	found = aligned_alloc(4096, CHUNK);
	if (!want || !found)
		die("memory");
	if (argc == 5)
		status = on_file(argv[1], argv[2], strtoull(argv[3], NULL, 0),
			strtoull(argv[4], NULL, 0));
	else if (argc == 4 && !strcmp(argv[1], "send"))
		status = send_all(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	else if (argc == 4 && !strcmp(argv[1], "receive"))
		status = receive_all(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	if (status == 2)
		fputs("usage: pattern write|verify FILE SIZE SEED | send|receive SIZE SEED | "
		      "zero|punch|zeroes FILE SIZE OFFSET\n",
			stderr);
	return status;
}
