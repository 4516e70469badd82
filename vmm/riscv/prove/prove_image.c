/* The header of a kernel's Image, of any bytes and length. */
#define _GNU_SOURCE
#include "integration/checks/prove.h"

#include "riscv/image.c"

int failx(struct err *err, int code, const char *fmt, ...)
{
	(void)err, (void)fmt;
	return code;
}

/* prove: image_parse unwind=9 */
void prove_image_parse(void)
{
	uint8_t header[520];
	size_t len = nondet_size();
	struct image im;

	assume(len <= sizeof(header));
	if (!image_parse(&im, header, len, NULL)) {
		prove(len >= IMAGE_HEADER_SIZE, "a header is there");
		prove(!(im.text_offset % (2 * MiB)), "the offset is one that KVM maps well");
	}
}
