/* The inside of the file system device: what its tests need to bring a back end of their own. */
#ifndef SAMPAN_VIRTIO_FS_H
#define SAMPAN_VIRTIO_FS_H

#include "virtio/devices.h"

#define FS_HIPRIO     0 /* forgotten inodes, interrupted requests */
#define FS_REQUEST    1
#define FS_QUEUES     2
#define FS_QUEUE_SIZE 1024 /* entries: a request of 1 MiB has 256 pages */

/* virtio_fs_new() with a socket that is connected, taken over in any case; see vhost_user_open().
 */
int fs_assemble(struct virtio_dev **out, int fd, const char *who, unsigned patience_ms,
	const char *tag, const struct virtio_env *env, struct err *err) MUST_USE;

#endif
