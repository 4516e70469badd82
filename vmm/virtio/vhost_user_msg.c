/* The messages of vhost-user; see vhost_user_msg.h. */
#include "virtio/vhost_user_msg.h"

#include <string.h>

_Static_assert(offsetof(struct vhost_user_msg, body) == VHOST_USER_HEADER, "a header is 12 bytes");

const char *vhost_user_name(uint32_t request)
{
	static const char *const names[] = {
		[VHOST_USER_GET_FEATURES] = "GET_FEATURES",
		[VHOST_USER_SET_FEATURES] = "SET_FEATURES",
		[VHOST_USER_SET_OWNER] = "SET_OWNER",
		[VHOST_USER_SET_MEM_TABLE] = "SET_MEM_TABLE",
		[VHOST_USER_SET_VRING_NUM] = "SET_VRING_NUM",
		[VHOST_USER_SET_VRING_ADDR] = "SET_VRING_ADDR",
		[VHOST_USER_SET_VRING_BASE] = "SET_VRING_BASE",
		[VHOST_USER_GET_VRING_BASE] = "GET_VRING_BASE",
		[VHOST_USER_SET_VRING_KICK] = "SET_VRING_KICK",
		[VHOST_USER_SET_VRING_CALL] = "SET_VRING_CALL",
		[VHOST_USER_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
		[VHOST_USER_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
		[VHOST_USER_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
		[VHOST_USER_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	};

	return request < ARRAY_SIZE(names) && names[request] ? names[request] : "a request";
}

int vhost_user_table(struct vhost_user_msg *m, int *fds, const struct mem *mem)
{
	*m = (struct vhost_user_msg){ .request = VHOST_USER_SET_MEM_TABLE };
	for (unsigned i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (r->memfd < 0)
			return -EINVAL;
		fds[i] = r->memfd;
		m->body.memory.region[i] = (struct vhost_user_region){ .gpa = r->gpa,
			.size = r->size,
			.user = r->gpa };
	}
	m->body.memory.nregions = mem->nregions;
	m->size = (uint32_t)(offsetof(struct vhost_user_msg, body.memory.region[mem->nregions]) -
		VHOST_USER_HEADER);
	return 0;
}

int vhost_user_answer(const uint8_t *bytes, size_t len, uint32_t request, uint64_t *value)
{
	uint32_t header[3], wrong;

	if (len < VHOST_USER_HEADER)
		return 0;
	memcpy(header, bytes, sizeof(header));
	/* Some back ends leave the wish for a reply standing in the reply. */
	wrong = (header[1] & ~VHOST_USER_NEED_REPLY) ^ (VHOST_USER_VERSION | VHOST_USER_REPLY);
	if (header[0] != request || wrong || header[2] != sizeof(*value))
		return -EPROTO;
	if (len < VHOST_USER_ANSWER)
		return 0;
	memcpy(value, bytes + VHOST_USER_HEADER, sizeof(*value));
	return 1;
}
