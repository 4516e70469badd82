/*
 * The life of a process (a container's first one, or an exec) as a table of states and events:
 * where an event leads, or with which ttrpc code and sentence it is refused. Pure.
 *
 * CREATING -MADE-> CREATED -START-> STARTING -STARTED-> RUNNING <-PAUSE/RESUME-> PAUSED; ENDED
 * leads to STOPPED from anywhere, and DELETE from there (or from CREATED) out of the table.
 */
#ifndef SAMPAN_CONTAINERD_LIFE_H
#define SAMPAN_CONTAINERD_LIFE_H

#include <stdbool.h>

enum life_state {
	LIFE_CREATING, /* the request is under way */
	LIFE_CREATED,
	LIFE_STARTING,
	LIFE_RUNNING,
	LIFE_PAUSING,
	LIFE_PAUSED,
	LIFE_RESUMING,
	LIFE_STOPPED,
	LIFE_DELETING,
	LIFE_STATES
};

enum life_event {
	/* asked for by containerd: may be refused */
	LIFE_START,
	LIFE_PAUSE,
	LIFE_RESUME,
	LIFE_KILL,
	LIFE_DELETE,
	LIFE_EXEC,   /* register an exec in this container, or start one */
	LIFE_CHANGE, /* update, resize */
	/* what the guest did: never refused, nothing when it makes no sense */
	LIFE_MADE,
	LIFE_STARTED,
	LIFE_FAILED, /* the last thing asked for */
	LIFE_HELD,
	LIFE_RELEASED,
	LIFE_ENDED,
	LIFE_EVENTS
};

struct life_step {
	enum life_state next;
	int code;	  /* 0, or an enum ttrpc_code */
	const char *text; /* when refused: follows the object's name, "is not running" */
};

struct life_step life_step(enum life_state state, enum life_event event);

/* The number of containerd.v1.types.Status. */
unsigned life_status(enum life_state state);

#endif
