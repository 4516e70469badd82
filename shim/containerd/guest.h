/*
 * The agent of a pod's guest: dialled until it answers, then asked; see agent.proto. A question is
 * a struct ask until it is answered. Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_GUEST_H
#define SAMPAN_CONTAINERD_GUEST_H

#include "agent.pb-c.h"
#include "client/address.h"
#include "client/client.h"

#define SECOND_NS INT64_C(1000000000)

struct guest;
struct ask;

struct guest_events {
	void (*ready)(void *arg);		  /* it has said that it serves */
	void (*lost)(void *arg, const char *why); /* or will never be; once */
};

/* events is not copied. timeout_ns is for the guest to boot and its agent to answer. */
int guest_new(struct guest **out, struct loop *loop, const struct address *where,
	int64_t timeout_ns, const struct guest_events *events, void *arg, struct err *err) MUST_USE;
/* Questions not answered yet are forgotten. Not from inside a done(). */
void guest_free(struct guest *g);

/*
 * Asks; request is packed before this returns. done() is called exactly once, from the loop and
 * never from here, unless ask_forget() comes first. timeout_ns 0: none. Returns what ask_forget()
 * takes, NULL without memory (done is not called then).
 */
struct ask *guest_ask(struct guest *g, const char *method, const ProtobufCMessage *request,
	int64_t timeout_ns, ttrpc_done *done, void *arg);

/* A done() for those who do not care. */
void ask_ignored(void *arg, struct ttrpc_answer *answer);

/* Fine with NULL. Not from inside its own done(), and not after it. */
void ask_forget(struct ask *ask);

#endif
