/*
 * The disk that a block device shows: what the driver reads of it (virtio 1.2 §5.2.4), and how it
 * comes and goes in a replaceable slot.
 *
 * A slot is there from boot with capacity 0, so the guest knows it by a stable name. Its features,
 * sector sizes and limits are read once by the driver and can't follow the disk: they are those of
 * a writable file, and what the disk in it can't do is answered with an error (a write to a
 * read-only one) or as unsupported (a discard). Only the capacity changes, with a configuration
 * change interrupt each time (§5.2.6); a disk that leaves takes its requests with it: those begun
 * are waited for, later ones fail.
 */
#include "virtio/blk_inner.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define CONFIG_SIZE offsetof(struct virtio_blk_config, max_secure_erase_sectors)
#define BIT(n)	    (UINT64_C(1) << (n))

void blk_describe(struct blk *blk, const struct block_info *info)
{
	uint32_t ratio = info->physical_size / info->logical_size;
	struct virtio_blk_config cfg = {
		.capacity = blk->capacity / BLK_SECTOR,
		.seg_max = BLK_SEGMENTS - 2,
		.blk_size = info->logical_size,
		.physical_block_exp = (uint8_t)__builtin_ctz(ratio),
		.min_io_size = (uint16_t)ratio,
		.wce = 1,
		.num_queues = (uint16_t)blk->dev.nqueues,
	};
	uint64_t features = BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
		BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_FLUSH) |
		BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_BLK_F_MQ) | BIT(VIRTIO_RING_F_EVENT_IDX) |
		BIT(VIRTIO_RING_F_INDIRECT_DESC);

	if (info->readonly) {
		features |= BIT(VIRTIO_BLK_F_RO);
	} else {
		features |= BIT(VIRTIO_BLK_F_WRITE_ZEROES);
		cfg.max_write_zeroes_sectors = BLK_MAX_ZEROES;
		cfg.max_write_zeroes_seg = BLK_RANGES;
		cfg.write_zeroes_may_unmap = info->can_discard;
	}
	if (info->can_discard) {
		features |= BIT(VIRTIO_BLK_F_DISCARD);
		cfg.max_discard_sectors = BLK_MAX_DISCARD;
		cfg.max_discard_seg = BLK_RANGES;
		cfg.discard_sector_alignment = info->physical_size / BLK_SECTOR;
	}
	blk->dev.features = features;
	memcpy(blk->dev.config, &cfg, CONFIG_SIZE);
	blk->dev.config_size = CONFIG_SIZE;
	blk->dev.config_writable_off = offsetof(struct virtio_blk_config, wce);
	blk->dev.config_writable_len = sizeof(cfg.wce);
}

int blk_check(const struct blk *blk, const struct vm_disk *cfg, struct err *err)
{
	if (cfg->id && strlen(cfg->id) > VIRTIO_BLK_ID_BYTES)
		return failx(err, -EINVAL, "%s: the serial number %s is longer than %u bytes",
			blk->dev.label, cfg->id, VIRTIO_BLK_ID_BYTES);
	return 0;
}

void blk_show(struct blk *blk, const struct vm_disk *cfg)
{
	uint64_t sectors;

	memset(blk->serial, 0, sizeof(blk->serial));
	if (cfg && cfg->id)
		memcpy(blk->serial, cfg->id, strlen(cfg->id));
	blk->capacity = blk->block ? ALIGN_UP(block_info(blk->block)->size, BLK_SECTOR) : 0;
	sectors = blk->capacity / BLK_SECTOR;
	memcpy(blk->dev.config + offsetof(struct virtio_blk_config, capacity), &sectors,
		sizeof(sectors));
}

/* slots */

int virtio_blk_slot_new(struct virtio_dev **out, const struct virtio_env *env, struct err *err)
{
	static const struct block_info any = { .logical_size = BLK_SECTOR,
		.physical_size = 4096,
		.can_discard = true };
	struct blk *blk;
	int rc = blk_new(&blk, env, 1, err);

	if (rc)
		return rc;
	rc = block_new(&blk->place, env->label, BLOCK_IO_AUTO, env->loop, &blk->owner, err);
	if (rc) {
		blk->dev.ops->free(&blk->dev);
		return rc;
	}
	blk_describe(blk, &any);
	*out = &blk->dev;
	return 0;
}

/* With the lock held. A driver that is about to start may have read the capacity before. */
static void tell_driver(struct blk *blk)
{
	blk->unheard = !(blk->dev.status & VIRTIO_CONFIG_S_DRIVER_OK);
	virtio_config_changed(&blk->dev);
}

int virtio_blk_plug(struct virtio_dev *dev, const struct vm_disk *cfg, struct err *err)
{
	struct blk *blk = container_of(dev, struct blk, dev);
	int rc;

	if (blk->block)
		return failx(err, -EBUSY, "%s: a disk is in already", dev->label);
	rc = blk_check(blk, cfg, err);
	if (!rc)
		rc = block_insert(blk->place, cfg->path, cfg->fd, cfg->readonly, err);
	if (rc)
		return rc;
	virtio_lock(dev);
	blk->block = blk->place;
	blk_show(blk, cfg);
	tell_driver(blk);
	virtio_unlock(dev);
	return 0;
}

int virtio_blk_unplug(struct virtio_dev *dev, struct err *err)
{
	struct blk *blk = container_of(dev, struct blk, dev);
	struct block *block = blk->block;
	bool was_draining = blk->draining;

	if (!block)
		return failx(err, -ENOENT, "%s: no disk is in", dev->label);
	virtio_lock(dev);
	blk->draining = true;
	block_drain(block);
	blk->block = NULL;
	blk->starved = 0;
	blk_show(blk, NULL);
	blk->draining = was_draining;
	tell_driver(blk);
	for (unsigned q = 0; q < dev->nqueues; q++) /* what waited for a request to end */
		if (virtio_live(dev) && dev->queue[q].ready)
			dev->ops->kick(dev, q);
	virtio_unlock(dev);
	block_eject(block);
	return 0;
}
