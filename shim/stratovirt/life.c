/* The table; see life.h. */
#include "shim/stratovirt/life.h"

#define LEAVE	       { LIFE_LEAVING, LIFE_LEAVE }
#define STOP_AND_LEAVE { LIFE_LEAVING, LIFE_STOP | LIFE_LEAVE }
#define NOTHING(state) { state, 0 }

static const struct life_step steps[][LIFE_TIME_UP + 1] = {
	[LIFE_RUNNING] = {
		[LIFE_ENDED] = { LIFE_OVER, LIFE_WAIT },
		[LIFE_QUIT] = STOP_AND_LEAVE,
		[LIFE_POWERDOWN] = { LIFE_RUNNING, LIFE_STOP }, /* LIFE_ENDED follows */
		[LIFE_SIGNAL] = STOP_AND_LEAVE,
		[LIFE_ORPHANED] = { LIFE_ALONE, LIFE_WAIT_ALONE },
		[LIFE_TIME_UP] = NOTHING(LIFE_RUNNING),
	},
	[LIFE_ALONE] = {
		[LIFE_ENDED] = NOTHING(LIFE_OVER), /* the clock runs */
		[LIFE_QUIT] = STOP_AND_LEAVE,
		[LIFE_POWERDOWN] = { LIFE_ALONE, LIFE_STOP },
		[LIFE_SIGNAL] = STOP_AND_LEAVE,
		[LIFE_ORPHANED] = NOTHING(LIFE_ALONE),
		[LIFE_TIME_UP] = STOP_AND_LEAVE,
	},
	[LIFE_OVER] = {
		[LIFE_ENDED] = NOTHING(LIFE_OVER),
		[LIFE_QUIT] = LEAVE,
		[LIFE_POWERDOWN] = NOTHING(LIFE_OVER),
		[LIFE_SIGNAL] = LEAVE,
		[LIFE_ORPHANED] = NOTHING(LIFE_OVER), /* the clock runs */
		[LIFE_TIME_UP] = LEAVE,
	},
	[LIFE_LEAVING] = {
		[LIFE_ENDED] = NOTHING(LIFE_LEAVING),
		[LIFE_QUIT] = NOTHING(LIFE_LEAVING),
		[LIFE_POWERDOWN] = NOTHING(LIFE_LEAVING),
		[LIFE_SIGNAL] = NOTHING(LIFE_LEAVING),
		[LIFE_ORPHANED] = NOTHING(LIFE_LEAVING),
		[LIFE_TIME_UP] = NOTHING(LIFE_LEAVING),
	},
};

struct life_step life_step(enum life_state state, enum life_event event)
{
	return steps[state][event];
}
