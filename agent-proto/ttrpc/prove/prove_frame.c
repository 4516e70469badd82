/* ttrpc's frames from any bytes: what a reader takes, keeps and allocates. */
#include "integration/checks/prove.h"

#include "ttrpc/frame.c"

#define BUDGET 1200 /* bytes: too few for some frames, so that refusals are met */

/* prove: frame_header unwind=2 */
void prove_frame_header(void)
{
	struct frame_header head = { nondet_u32(), nondet_u32(), nondet_u8(), nondet_u8() }, back;
	uint8_t raw[FRAME_HEADER];

	frame_encode(raw, &head);
	back = frame_decode(raw);
	prove(back.length == head.length && back.stream == head.stream && back.type == head.type &&
			back.flags == head.flags,
		"a header survives the wire");
}

/* prove: frame_read unwind=6 */
void prove_frame_read(void)
{
	struct budget budget = { .left = BUDGET };
	struct frame_reader r;
	uint8_t bytes[14];

	frame_reader_init(&r, &budget);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = nondet_size(), used;
		enum frame_result got;

		assume(len <= sizeof(bytes));
		got = frame_read(&r, bytes, len, &used);
		prove(used <= len, "no more is taken than has come");
		prove(got == FRAME_READY || got == FRAME_REFUSED || used == len,
			"all is taken of a frame that goes on");
		prove(r.have <= r.size && r.size <= BUDGET,
			"memory grows with what has come, within the budget");
		prove(got != FRAME_READY || r.have == r.head.length,
			"a frame that is ready is whole");
	}
}
