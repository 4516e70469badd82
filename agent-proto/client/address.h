/*
 * Where a ttrpc server listens, as people and runtimes write it:
 *
 *   unix://PATH          a unix socket (also unix:PATH)
 *   vsock://CID:PORT     a guest's port, by the host kernel's vsock
 *   hvsock://PATH:PORT   a guest's port, by the unix socket of a monitor's hybrid vsock
 *
 * No state; any thread.
 */
#ifndef SAMPAN_CLIENT_ADDRESS_H
#define SAMPAN_CLIENT_ADDRESS_H

#include <sys/socket.h>
#include "core/err.h"

enum address_kind { ADDRESS_UNIX, ADDRESS_VSOCK, ADDRESS_HVSOCK };

struct address {
	enum address_kind kind;
	char path[108]; /* fits into a sockaddr_un */
	uint32_t cid, port;
	uint32_t inner; /* a TCP port of the guest's, when the address is its agent's relay; 0:
			   none. Not part of the text. */
};

int address_parse(struct address *a, const char *text, struct err *err) MUST_USE;

/* What connect() wants; returns its length. The family is in to->ss_family. */
socklen_t address_sockaddr(const struct address *a, struct sockaddr_storage *to);

/* As it is written; 160 bytes hold any. */
void address_text(const struct address *a, char *text, size_t size);

#endif
