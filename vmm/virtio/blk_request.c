/*
 * What a block request asks for (virtio 1.2 §5.2.6), checked before anything is done: its type, its
 * place on the disk, the shape of its data. Every number of the driver's is copied once and used
 * from the copy.
 */
#include "virtio/blk_inner.h"

static bool in_capacity(const struct blk *blk, uint64_t sector, uint64_t sectors)
{
	uint64_t end;

	return add_ok(sector, sectors, &end) && end <= blk->capacity / BLK_SECTOR;
}

/* §5.2.6.2: with neither CONFIG_WCE nor FLUSH the driver counts on a write-through cache. */
static bool write_through(const struct blk *blk)
{
	if (virtio_has(&blk->dev, VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->dev.config[offsetof(struct virtio_blk_config, wce)];
	return !virtio_has(&blk->dev, VIRTIO_BLK_F_FLUSH);
}

static int transfer(struct blk *blk, const struct chain *c, uint64_t sector, struct blk_slot *s,
	bool in)
{
	uint32_t head = in ? 0 : sizeof(struct virtio_blk_outhdr);
	uint32_t len = in ? s->reply.room : c->out_len - head;
	size_t got;

	if (len % BLK_SECTOR || !in_capacity(blk, sector, len / BLK_SECTOR))
		return -EINVAL;
	if (in)
		s->reply.fill = len;
	if (!len)
		return 0;
	s->req.op = in ? BLOCK_READ : BLOCK_WRITE;
	s->req.offset = sector * BLK_SECTOR;
	s->req.len = len;
	s->req.iov = s->iov;
	s->req.niov = chain_iov(c, in, head, len, s->iov, BLK_SEGMENTS, &got);
	return got == len ? 1 : -EINVAL;
}

static int flush(const struct blk *blk, struct blk_slot *s)
{
	if (block_info(blk->block)->readonly)
		return 0;
	s->req.op = BLOCK_FLUSH;
	s->req.offset = s->req.len = 0;
	return 1;
}

static int get_id(const struct blk *blk, const struct chain *c, struct blk_slot *s)
{
	size_t len = MIN(s->reply.room, sizeof(blk->serial));

	s->reply.fill = (uint32_t)chain_write(c, 0, blk->serial, len);
	return 0;
}

static int check_range(const struct blk *blk, const struct virtio_blk_discard_write_zeroes *r,
	bool discard)
{
	uint32_t flags = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	if (r->flags & ~flags) /* §5.2.6.2: unknown ones, and unmap in a DISCARD */
		return -EOPNOTSUPP;
	if (r->num_sectors > (discard ? BLK_MAX_DISCARD : BLK_MAX_ZEROES))
		return -EINVAL;
	return in_capacity(blk, r->sector, r->num_sectors) ? 0 : -EINVAL;
}

bool blk_next_range(struct blk_slot *s)
{
	while (s->range_at < s->nranges) {
		const struct virtio_blk_discard_write_zeroes *r = &s->range[s->range_at++];

		if (!r->num_sectors)
			continue;
		if (s->req.op != BLOCK_DISCARD)
			s->req.op = r->flags ? BLOCK_ZERO_UNMAP : BLOCK_ZERO;
		s->req.offset = r->sector * BLK_SECTOR;
		s->req.len = (uint64_t)r->num_sectors * BLK_SECTOR;
		return true;
	}
	return false;
}

/* All ranges are copied and checked before the first is carried out. */
static int ranges(struct blk *blk, const struct chain *c, struct blk_slot *s, bool discard)
{
	uint32_t len = c->out_len - sizeof(struct virtio_blk_outhdr), n = len / sizeof(s->range[0]);

	if (discard && !block_info(blk->block)->can_discard)
		return -EOPNOTSUPP;
	if (!n || len % sizeof(s->range[0]) || n > BLK_RANGES)
		return -EINVAL;
	if (chain_read(c, sizeof(struct virtio_blk_outhdr), s->range, len) != len)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		int rc = check_range(blk, &s->range[i], discard);

		if (rc)
			return rc;
	}
	s->nranges = n;
	s->req.op = discard ? BLOCK_DISCARD : BLOCK_ZERO;
	return blk_next_range(s);
}

int blk_request(struct blk *blk, const struct chain *c, struct blk_slot *s)
{
	struct virtio_blk_outhdr h;
	bool readonly = block_info(blk->block)->readonly;

	chain_read(c, 0, &h, sizeof(h));
	s->req.durable = write_through(blk);
	switch (h.type) {
	case VIRTIO_BLK_T_IN:
		return transfer(blk, c, h.sector, s, true);
	case VIRTIO_BLK_T_OUT:
		return readonly ? -EROFS : transfer(blk, c, h.sector, s, false);
	case VIRTIO_BLK_T_FLUSH:
		return flush(blk, s);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(blk, c, s);
	case VIRTIO_BLK_T_DISCARD:
		return readonly ? -EROFS : ranges(blk, c, s, true);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return readonly ? -EROFS : ranges(blk, c, s, false);
	default:
		return -EOPNOTSUPP;
	}
}
