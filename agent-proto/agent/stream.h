/*
 * A process's standard streams: pipes, or the master of a terminal. Nothing is buffered here: a
 * pipe is read only while somebody waits for its bytes, so a process that nobody listens to stops
 * at a full pipe, and a connection that breaks loses nothing. Loop thread.
 */
#ifndef SAMPAN_AGENT_STREAM_H
#define SAMPAN_AGENT_STREAM_H

#include "agent/park.h"
#include "core/loop.h"

#define STREAM_CHUNK (64 * KiB) /* the most that one read returns */

struct output {
	struct loop *loop;
	struct watch watch;
	int fd;	   /* -1: it has ended */
	int error; /* how it has ended, for a terminal */
	bool tty;
	bool expired;		    /* its process ended a while ago: no bytes now means no bytes */
	struct parked_list readers; /* ReadStreamRequest */
};

struct input {
	struct loop *loop;
	struct watch watch;
	int fd;
	bool tty;
	struct parked_list writers; /* WriteStreamRequest or CloseStdinRequest */
};

/* fd is taken over and made non-blocking; -1: a stream that has ended. */
void output_open(struct output *o, struct loop *loop, int fd, bool tty);
void input_open(struct input *i, struct loop *loop, int fd, bool tty);

/* Who waits is answered: readers with the end, writers with an error. */
void output_close(struct output *o);
void input_close(struct input *i);

/* Answers at once or when there is something. */
void output_read(struct output *o, struct ttrpc_call *call, const ProtobufCMessage *request);
void input_write(struct input *i, struct ttrpc_call *call, const ProtobufCMessage *request);

/* The process has ended some time ago; whoever else holds the pipe is not waited for. */
void output_expire(struct output *o);

#endif
