/*
 * The connections of the hybrid vsock: streams between the guest's sockets (virtio 1.2 §5.10.6) and
 * unix sockets of the host.
 *
 * struct hv knows packets and descriptors, and nothing of rings: the device (hvsock.c) brings it
 * what the guest sent and asks it for what to send. A test does the same with chains of its own and
 * socketpairs. Everything is called with *hv->lock held, which hv takes itself in its loop
 * callbacks.
 */
#ifndef SAMPAN_VIRTIO_HVSOCK_CONN_H
#define SAMPAN_VIRTIO_HVSOCK_CONN_H

#include <linux/virtio_vsock.h>
#include <pthread.h>
#include "core/loop.h"
#include "core/sock.h"
#include "virtio/queue.h"

#define HV_HOST_CID  2
#define HV_MAX_CONNS 1024
#define HV_BUFFER                                                                                  \
	(64 * KiB) /* what the guest may send ahead of the host's reading, per connection: our     \
		      buf_alloc */
#define HV_RESETS  1024 /* RSTs that wait for a receive buffer of the guest */
#define HV_BUCKETS 256

/* Seconds, of a running guest. */
#define HV_GREET_TIME 5	 /* a host client says CONNECT */
#define HV_ASK_TIME   10 /* the guest answers a REQUEST */
#define HV_CLOSE_TIME 10 /* the other side of a closed connection lets go */

enum hv_state {
	HV_GREET, /* a host client has yet to say "CONNECT port\n"; no port of ours, not in the
		     table */
	HV_ASKED, /* the guest has yet to answer our REQUEST */
	HV_OPEN,
	HV_DEAD, /* closed; its memory goes in the loop's next turn, because its callback may be
		    waiting for the lock */
};

struct hv_conn {
	struct hv *hv;
	struct hv_conn *next, **prev;		  /* in hv->conns, or hv->dead (prev unused) */
	struct hv_conn *hash_next;		  /* in hv->table */
	struct hv_conn *ready_next, **ready_prev; /* in hv->ready; ready_prev NULL: not there */
	struct watch watch;
	int fd;
	enum hv_state state;
	uint32_t host_port, guest_port;
	unsigned ttl; /* ticks until it is given up; 0: never */

	/* To the guest. Sequence numbers wrap (§5.10.6.3). */
	uint32_t sent, peer_alloc, peer_forwarded;
	uint8_t owed;  /* OWE_*: packets to send besides data */
	bool readable; /* fd may have data: not watched for it until it was read empty */
	bool credit_asked;
	bool host_gone;		       /* the host's end is closed for good */
	uint8_t shut_host, shut_guest; /* VIRTIO_VSOCK_SHUTDOWN_*: what either side said it will not
					  do any more */

	/* To the host. */
	uint32_t forwarded, forwarded_told;
	uint8_t *buf; /* HV_BUFFER bytes, from the first time that the host reads too slowly */
	uint32_t buf_at, buf_len;

	uint8_t line_len;
	char line[24]; /* the greeting so far */
};

struct hv_reset {
	uint32_t host_port, guest_port;
	uint16_t type;
};

struct hv {
	struct loop *loop;
	pthread_mutex_t *lock;
	uint64_t guest_cid;
	int (*dial)(struct hv *hv,
		uint32_t port);	       /* a host service: a non-blocking descriptor or -errno */
	void (*output)(struct hv *hv); /* hv_pending() has become true outside of hv_receive() */
	const char *path;	       /* for dial; not owned */

	struct watch listen; /* fd -1: none. Not watched while stopped, suspended or full: clients
				wait in its backlog */
	bool running, suspended;
	struct hv_conn *conns, *dead, *ready, **ready_last;
	struct hv_conn *table[HV_BUCKETS];
	unsigned nconns; /* with the dead */
	uint32_t next_port;
	struct timer timer;
	bool ticking;
	struct deferred reap;
	struct hv_reset reset[HV_RESETS];
	unsigned reset_at, nresets;
};

/* listen_fd is not owned; -1: no host clients. hv is zero, but for dial, output and path. */
int hv_init(struct hv *hv, struct loop *loop, pthread_mutex_t *lock, uint64_t guest_cid,
	int listen_fd, struct err *err) MUST_USE;
void hv_fini(struct hv *hv); /* loop thread or none */

void hv_start(struct hv *hv);
void hv_stop(struct hv *hv); /* closes all connections */
void hv_suspend(struct hv *hv, bool on);

/* A packet from the guest, whose payload of h->len bytes (checked to be there) lies in c, skip
 * bytes into its readable part. */
void hv_receive(struct hv *hv, const struct virtio_vsock_hdr *h, const struct chain *c,
	size_t skip);
/* So many answers wait that no more packets should be taken from the guest. */
bool hv_full(const struct hv *hv);

/* Whether hv_next() might have something. */
bool hv_pending(const struct hv *hv);
/* The next packet to the guest: 1 with *h filled and h->len bytes of payload written to c's
 * writable part, skip bytes into it; or 0. */
int hv_next(struct hv *hv, struct virtio_vsock_hdr *h, const struct chain *c, size_t skip) MUST_USE;

/* A host client, as accepted. Takes fd, which is non-blocking, over. */
void hv_accept(struct hv *hv, int fd);
/* A second has passed. */
void hv_tick(struct hv *hv);

/* The port in a greeting line without its newline: "CONNECT 1024". */
bool hv_parse_greeting(const char *line, size_t len, uint32_t *port);

#endif
