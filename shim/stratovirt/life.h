/*
 * How long the process lives, as a table of states and events. Kata's driver wants QMP to answer
 * after the guest has powered off, then kills the process: a monitor that was gone by then would
 * make the driver leave its virtiofsd behind. So the end of the guest is not the end of the
 * process, but that comes in bounded time. Pure; the owner is the front.
 */
#ifndef SAMPAN_STRATOVIRT_LIFE_H
#define SAMPAN_STRATOVIRT_LIFE_H

#define LIFE_STAY_S 10 /* after the guest's end */

enum life_state { LIFE_RUNNING, LIFE_OVER, LIFE_LEAVING };

enum life_event {
	LIFE_ENDED,	/* the machine stopped, for whatever reason */
	LIFE_QUIT,	/* QMP's quit */
	LIFE_POWERDOWN, /* QMP's system_powerdown */
	LIFE_SIGNAL,
	LIFE_ORPHANED, /* the process that started this one is gone */
	LIFE_TIME_UP,  /* LIFE_STAY_S since LIFE_WAIT */
};

/* What is to be done, in this order. */
enum { LIFE_STOP = 1 /* the machine */, LIFE_WAIT = 2 /* starts the clock */, LIFE_LEAVE = 4 };

struct life_step {
	enum life_state next;
	unsigned todo;
};

struct life_step life_step(enum life_state state, enum life_event event);

#endif
