/*
 * A kernel packed by gzip or zstd: expanded into RAM at the usual place, then judged by its Image
 * header (and moved if that asks for another place).
 */
#include "riscv/image_inner.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK (64 * 1024) /* bytes read at a time */

/* Both expanders write to dst; *len is the room before and the size after. */
static int gunzip(const struct source *s, void *dst, uint64_t *len, uint8_t *buf)
{
	z_stream z = { 0 };
	uint64_t off = 0, room = *len;
	int rc = 0, zr = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_out = dst;
	while (zr != Z_STREAM_END && !rc) {
		size_t n = MIN(s->size - off, CHUNK);

		if (!n) {
			rc = -ENODATA;
			break;
		}
		rc = image_read(s, off, buf, n);
		off += n;
		z.next_in = buf;
		z.avail_in = (uInt)n;
		while (!rc && zr == Z_OK && z.avail_in) {
			uint64_t left = room - z.total_out;

			z.avail_out = (uInt)MIN(left, GiB);
			if (!z.avail_out) {
				rc = -E2BIG;
				break;
			}
			zr = inflate(&z, Z_NO_FLUSH);
			if (zr != Z_OK && zr != Z_STREAM_END)
				rc = -EBADMSG;
		}
	}
	*len = z.total_out;
	inflateEnd(&z);
	return rc;
}

static int unzstd(const struct source *s, void *dst, uint64_t *len, uint8_t *buf)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_outBuffer out = { .dst = dst, .size = *len };
	uint64_t off = 0;
	size_t zr = 1;
	int rc = z ? 0 : -ENOMEM;

	while (!rc && zr) {
		size_t n = MIN(s->size - off, CHUNK);
		ZSTD_inBuffer in = { .src = buf, .size = n };

		if (!n) {
			rc = -ENODATA;
			break;
		}
		rc = image_read(s, off, buf, n);
		off += n;
		while (!rc && zr && in.pos < in.size) {
			if (out.pos == out.size)
				rc = -E2BIG;
			else
				zr = ZSTD_decompressStream(z, &out, &in);
			if (ZSTD_isError(zr))
				rc = -EBADMSG;
		}
	}
	*len = out.pos;
	ZSTD_freeDStream(z);
	return rc;
}

static int expand_error(int rc, const struct source *s, const struct target *t, struct err *err)
{
	switch (rc) {
	case -ENODATA:
		return failx(err, rc, "load %s: the compressed file is truncated", s->path);
	case -EBADMSG:
		return failx(err, rc, "load %s: the compressed data is damaged", s->path);
	case -E2BIG:
		return failx(err, rc,
			"load %s: the kernel does not fit in the guest's %llu MiB of memory",
			s->path, (unsigned long long)(t->ram_size / MiB));
	default:
		return fail(err, rc, "read %s", s->path);
	}
}

int image_load_packed(struct boot_layout *l, const struct target *t, const struct source *s,
	enum image_packing packing, struct err *err)
{
	AUTO_FREE uint8_t *buf = malloc(CHUNK);
	uint8_t head[IMAGE_HEADER_SIZE];
	uint64_t len = t->ram_size > IMAGE_OFFSET ? t->ram_size - IMAGE_OFFSET : 0;
	void __guest *p = mem_at(t->mem, t->ram + IMAGE_OFFSET, len);
	struct image im;
	int rc;

	if (!buf || !p)
		return fail(err, -ENOMEM, "load %s", s->path);
	rc = (packing == IMAGE_GZIP ? gunzip : unzstd)(s, mem_iov(p, len).iov_base, &len, buf);
	if (rc)
		return expand_error(rc, s, t, err);
	mem_copy_from(head, p, MIN(len, sizeof(head)));
	rc = image_parse(&im, head, (size_t)MIN(len, sizeof(head)), err);
	if (rc)
		return err_prefix(err, rc, "load %s (expanded)", s->path);
	rc = image_place(l, t, s->path, im, len, err);
	if (!rc && im.text_offset != IMAGE_OFFSET) {
		void __guest *q = mem_at(t->mem, l->entry, len);

		if (!q)
			return fail(err, -ENOMEM, "load %s", s->path);
		memmove(mem_iov(q, len).iov_base, mem_iov(p, len).iov_base, len);
	}
	return rc;
}
