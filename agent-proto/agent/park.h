/*
 * Calls that wait in a list for something to happen: the end of a process, bytes of a pipe, an
 * out-of-memory kill. A call whose connection goes away leaves its list by itself. Loop thread.
 */
#ifndef SAMPAN_AGENT_PARK_H
#define SAMPAN_AGENT_PARK_H

#include "ttrpc/server.h"

#define PARKED_MAX 64 /* in one list */

struct parked {
	struct ttrpc_call *call;
	const ProtobufCMessage *request;
	size_t progress; /* the list's owner's */
	struct parked_list *list;
	struct parked *next;
};

struct parked_list {
	struct parked *first;
	void (*left)(struct parked_list *list); /* a caller has gone; NULL: nobody cares */
};

/* At the end of the list; the call is failed when there are too many. False then. */
bool park(struct parked_list *list, struct ttrpc_call *call, const ProtobufCMessage *request)
	MUST_USE;

/* The first call leaves the list, to be ended by the caller. NULL: there is none. */
struct ttrpc_call *unpark(struct parked_list *list);

#endif
