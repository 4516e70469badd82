/*
 * Events for containerd: sent by ttrpc one after another, in the order they were told. A containerd
 * that is away (it restarts) is dialled again; what it refuses five times or does not take within
 * the queue's length is dropped with a line in the log. Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_PUBLISH_H
#define SAMPAN_CONTAINERD_PUBLISH_H

#include <protobuf-c/protobuf-c.h>
#include "core/err.h"
#include "core/loop.h"

#define PUBLISH_QUEUE 2048 /* events */

struct publisher;

/* address: the path of containerd's ttrpc socket, "unix://" before it or not; copied, as is
 * namespace. */
int publisher_new(struct publisher **out, struct loop *loop, const char *address,
	const char *namespace, struct err *err) MUST_USE;
void publisher_free(struct publisher *p);

/* The topic is event's: "/tasks/start" for containerd.events.TaskStart. Packed before it returns.
 */
void publish(struct publisher *p, const ProtobufCMessage *event);

/* done(arg), from the loop, when nothing waits any more or timeout_ns have passed. Once. */
void publisher_drain(struct publisher *p, uint64_t timeout_ns, void (*done)(void *arg), void *arg);

/* The topic of a message of containerd.events; NULL when it has none. */
const char *publish_topic(const char *message_name);

#endif
