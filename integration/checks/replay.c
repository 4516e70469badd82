/*
 * A fuzz target as a test: gives it every file named on the command line, one after the other, and
 * speaks TAP as cmocka does when told to. Linked with the target in place of libFuzzer, under the
 * unit tests' sanitizers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly the file's size, so that the sanitizer sees a byte too many. NULL when it
 * can't be read. */
static uint8_t *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "re");
	uint8_t *data = NULL;
	long end;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (end = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET)) {
		*size = (size_t)end;
		data = malloc(*size ? *size : 1);
		if (data && fread(data, 1, *size, f) != *size) {
			free(data);
			data = NULL;
		}
	}
	fclose(f);
	return data;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	printf("1..%d\n", argc < 2 ? 1 : argc - 1);
	if (argc < 2)
		printf("not ok 1 - the corpus is empty\n");
	for (int i = 1; i < argc; i++) {
		size_t size = 0;
		uint8_t *data = slurp(argv[i], &size);

		printf("# %s\n", argv[i]);
		fflush(stdout); /* whoever crashes is named last */
		if (data)
			LLVMFuzzerTestOneInput(data, size);
		else
			failed = 1;
		printf("%s %d - %s\n", data ? "ok" : "not ok", i, argv[i]);
		free(data);
	}
	return failed;
}
