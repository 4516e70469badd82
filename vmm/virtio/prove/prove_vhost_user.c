/* What a vhost-user back end answers: any bytes, any number of them. */
#include "integration/checks/prove.h"

#include "virtio/vhost_user_msg.c"

/* prove: vhost_user_answer unwind=2 */
void prove_vhost_user_answer(void)
{
	uint8_t bytes[VHOST_USER_ANSWER];
	size_t len = nondet_size();
	uint64_t value = 0;
	int rc;

	assume(len <= sizeof(bytes));
	rc = vhost_user_answer(bytes, len, nondet_u32(), &value);
	prove(rc <= 0 || len >= VHOST_USER_ANSWER, "an answer is whole");
}

/* prove: vhost_user_table unwind=9 */
void prove_vhost_user_table(void)
{
	struct vhost_user_msg m;
	int fds[MEM_REGIONS];
	struct mem mem;

	assume(mem.nregions <= MEM_REGIONS);
	if (!vhost_user_table(&m, fds, &mem)) {
		prove(m.size <= sizeof(m) - VHOST_USER_HEADER, "what is sent is there");
		for (unsigned i = 0; i < mem.nregions; i++)
			prove(fds[i] >= 0, "each region goes with a descriptor");
	}
}
