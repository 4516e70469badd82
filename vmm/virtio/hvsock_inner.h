/*
 * What the parts of the hybrid vsock share with each other and with nobody else: hvsock_conn.c
 * (table and life), hvsock_packet.c (packets), hvsock_greet.c (host clients). See hvsock_conn.h.
 */
#ifndef SAMPAN_VIRTIO_HVSOCK_INNER_H
#define SAMPAN_VIRTIO_HVSOCK_INNER_H

#include "virtio/hvsock_conn.h"

#define HV_SHUT_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

/* hv_conn.owed: packets that wait to be sent, besides data. */
#define OWE_REQUEST  1
#define OWE_RESPONSE 2
#define OWE_SHUTDOWN 4
#define OWE_CREDIT   8	/* CREDIT_UPDATE */
#define OWE_ASK	     16 /* CREDIT_REQUEST */

struct hv_conn *hv_find(struct hv *hv, uint32_t host_port, uint32_t guest_port);
/* NULL when there are too many. Greeted connections get their ports and then hv_table_add(). */
struct hv_conn *hv_conn_new(struct hv *hv, int fd, enum hv_state state);
void hv_table_add(struct hv_conn *c);
void hv_conn_close(struct hv_conn *c);
/* Closes it, and tells the guest if it knows of it. */
void hv_conn_reset(struct hv_conn *c);
void hv_queue_reset(struct hv *hv, uint32_t host_port, uint32_t guest_port, uint16_t type);

/* It has, or may have, a packet for the guest. */
void hv_ready_add(struct hv_conn *c);
void hv_ready_remove(struct hv_conn *c);

/* Has the loop look for what the connection can use now. After every change of its state. */
void hv_update_watch(struct hv_conn *c);
/* It is given up after so many seconds, 0: never. */
void hv_set_ttl(struct hv_conn *c, unsigned seconds);

/* The socket takes more, or it doesn't matter. False when that ended the connection. */
bool hv_flush(struct hv_conn *c);
/* A client that has not been greeted yet has said something. */
void hv_read_greeting(struct hv_conn *c);

#endif
