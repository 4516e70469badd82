/*
 * The messages of the vhost-user protocol that a front end needs: their numbers, their form on the
 * wire, and the check of a reply. Pure functions over bytes, so that a test and a fuzzer can have
 * them.
 *
 * A message is a header of three words and a body. All replies that are ever asked for have a body
 * of eight bytes, so a reply is 20 bytes long or wrong.
 */
#ifndef SAMPAN_VIRTIO_VHOST_USER_MSG_H
#define SAMPAN_VIRTIO_VHOST_USER_MSG_H

#include <linux/vhost.h>
#include "mem/mem.h"

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
};

/* Flags of a header. */
#define VHOST_USER_VERSION	1U
#define VHOST_USER_VERSION_MASK 3U
#define VHOST_USER_REPLY	4U
#define VHOST_USER_NEED_REPLY	8U

/* A bit among the virtio features, and bits of the protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES	30
#define VHOST_USER_PROTOCOL_F_MQ	0
#define VHOST_USER_PROTOCOL_F_REPLY_ACK 3

#define VHOST_USER_HEADER 12 /* bytes */
#define VHOST_USER_ANSWER 20 /* of a reply, header and all */

struct vhost_user_region {
	uint64_t gpa, size;
	uint64_t user; /* what the front end calls the address of its first byte */
	uint64_t mmap_offset;
};

struct vhost_user_msg {
	uint32_t request, flags;
	uint32_t size; /* of the body */
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t nregions, padding;
			struct vhost_user_region region[MEM_REGIONS];
		} memory;
	} body;
} __attribute__((packed));

/* "SET_MEM_TABLE" and so on. */
const char *vhost_user_name(uint32_t request);

/*
 * Describes the guest's memory, and fds[] (MEM_REGIONS of them) as what goes with it. User
 * addresses are the guest's own: the back end need not know where the monitor has its memory.
 * -EINVAL when a region can't be shared.
 */
int vhost_user_table(struct vhost_user_msg *m, int *fds, const struct mem *mem) MUST_USE;

/*
 * What has arrived of the reply to request: 1 with its eight bytes in *value, 0 when more must
 * come, -EPROTO when it can't become one.
 */
int vhost_user_answer(const uint8_t *bytes, size_t len, uint32_t request, uint64_t *value) MUST_USE;

#endif
