/*
 * The file system device (virtio 1.2 §5.11): a tag to mount by, a queue for what must not wait and
 * one for requests. What is in the queues is FUSE, and the business of the vhost-user back end
 * (virtiofsd) alone, which serves both from DRIVER_OK to reset; nothing here looks at a request.
 *
 * Event indices (VIRTIO_RING_F_EVENT_IDX) are not offered. With them virtiofsd (1.13) looks at
 * a ring again and again until it finds it empty: an avail.idx that no ring can have, or a stop
 * with entries left, keeps it busy for ever, writing megabytes of log a second even when the
 * machine is gone. Without them each kick is one look.
 */
#include "virtio/fs.h"

#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include "core/sock.h"
#include "virtio/vhost_user.h"

#define BIT(n) (UINT64_C(1) << (n))

struct fs {
	struct virtio_dev dev;
	struct vhost_user back;
};

static struct fs *fs_of(struct virtio_dev *dev)
{
	return container_of(dev, struct fs, dev);
}

static int fs_start(struct virtio_dev *dev)
{
	struct err err = { 0 };
	int rc = vhost_user_start(&fs_of(dev)->back, &err);

	if (rc)
		log_limited(&dev->limit, "%s", err.msg);
	return rc;
}

static void fs_stop(struct virtio_dev *dev)
{
	vhost_user_stop(&fs_of(dev)->back);
}

static void fs_kick(struct virtio_dev *dev UNUSED, unsigned q UNUSED)
{
	/* The back end hears the kicks of its queues; one that was not given to it has none. */
}

static void fs_resume(struct virtio_dev *dev)
{
	if (!dev->broken && fs_start(dev))
		virtio_broken(dev, "it could not be resumed");
}

static void fs_free(struct virtio_dev *dev)
{
	struct fs *f = fs_of(dev);

	vhost_user_close(&f->back);
	virtio_fini(dev);
	free(f);
}

static const struct virtio_ops fs_ops = {
	.name = "fs",
	.id = VIRTIO_ID_FS,
	.start = fs_start,
	.stop = fs_stop,
	.kick = fs_kick,
	.pause = fs_stop,
	.resume = fs_resume,
	.free = fs_free,
};

static void set_config(struct virtio_dev *dev, const char *tag)
{
	struct virtio_fs_config config = { .num_request_queues = FS_QUEUES - FS_REQUEST };

	memcpy(config.tag, tag, strlen(tag)); /* no NUL at its end if it fills the field */
	memcpy(dev->config, &config, sizeof(config));
	dev->config_size = sizeof(config);
}

static int check(const char *tag, const struct mem *mem, struct err *err)
{
	if (!tag || !*tag || strlen(tag) > sizeof(((struct virtio_fs_config *)0)->tag))
		return failx(err, -EINVAL, "a tag has 1 to 36 bytes");
	for (unsigned i = 0; i < mem->nregions; i++)
		if (mem->region[i].memfd < 0)
			return failx(err, -EINVAL, "the guest's memory is not shared");
	return 0;
}

int fs_assemble(struct virtio_dev **out, int fd, const char *who, unsigned patience_ms,
	const char *tag, const struct virtio_env *env, struct err *err)
{
	struct fs *f = calloc(1, sizeof(*f));
	char label[32];
	int rc = f ? check(tag, env->mem, err) : fail(err, -ENOMEM, "%s", env->label);

	if (rc)
		close(fd);
	else
		rc = vhost_user_open(&f->back, fd, who, FS_QUEUES, patience_ms, err);
	if (rc) {
		free(f);
		return rc;
	}
	snprintf(label, sizeof(label), "fs %s", env->label);
	virtio_init(&f->dev, &fs_ops, env->mem, env->loop, FS_QUEUES, FS_QUEUE_SIZE, label);
	f->dev.features = f->back.features & BIT(VIRTIO_RING_F_INDIRECT_DESC);
	set_config(&f->dev, tag);
	rc = vhost_user_attach(&f->back, &f->dev, err);
	if (rc)
		fs_free(&f->dev);
	else
		*out = &f->dev;
	return rc;
}

int virtio_fs_new(struct virtio_dev **out, const struct vm_fs *cfg, const struct virtio_env *env,
	struct err *err)
{
	char who[160];
	int fd = cfg->fd, rc = 0;

	if (fd >= 0) {
		snprintf(who, sizeof(who), "the back end on descriptor %d", fd);
	} else if (cfg->socket) {
		snprintf(who, sizeof(who), "the back end at %s", cfg->socket);
		rc = sock_connect(&fd, cfg->socket, err);
	} else {
		rc = failx(err, -EINVAL, "neither a socket nor its descriptor is given");
	}
	if (!rc)
		rc = fs_assemble(out, fd, who, VHOST_USER_PATIENCE_MS, cfg->tag, env, err);
	return rc ? err_prefix(err, rc, "%s", env->label) : 0;
}
