/*
 * How long the process lives, as a table of states and events. Kata's driver wants QMP to answer
 * after the guest has powered off, then kills the process: a monitor that was gone by then would
 * make the driver leave its virtiofsd behind. And where the runtime itself is killed, another
 * process of it calls the guest's agent and QMP in its place, to clean up and kill. So neither the
 * end of the guest nor that of the caller is the end of the process, but that comes in bounded
 * time, counted from the first of the two. The clean-up takes a second on a quiet machine and was
 * seen to take more than ten on a busy one. Pure; the owner is the front.
 */
#ifndef SAMPAN_STRATOVIRT_LIFE_H
#define SAMPAN_STRATOVIRT_LIFE_H

#define LIFE_STAY_S  10 /* after the end of the guest */
#define LIFE_ALONE_S 30 /* after that of the caller */

enum life_state {
	LIFE_RUNNING,
	LIFE_ALONE, /* the caller is gone, the machine runs on */
	LIFE_OVER,  /* the machine has stopped */
	LIFE_LEAVING
};

enum life_event {
	LIFE_ENDED,	/* the machine stopped, for whatever reason */
	LIFE_QUIT,	/* QMP's quit */
	LIFE_POWERDOWN, /* QMP's system_powerdown */
	LIFE_SIGNAL,
	LIFE_ORPHANED, /* the process that started this one is gone */
	LIFE_TIME_UP,  /* what LIFE_WAIT or LIFE_WAIT_ALONE started has ended */
};

/* What is to be done, in this order. */
enum {
	LIFE_STOP = 1,	     /* the machine */
	LIFE_WAIT = 2,	     /* starts the clock, of LIFE_STAY_S */
	LIFE_WAIT_ALONE = 4, /* of LIFE_ALONE_S */
	LIFE_LEAVE = 8,
};

struct life_step {
	enum life_state next;
	unsigned todo;
};

struct life_step life_step(enum life_state state, enum life_event event);

#endif
