/*
 * How a host client asks for a connection to the guest: it says "CONNECT port\n" and, once the
 * guest has accepted, hears "OK port\n" with the port of its own end. The form is that of
 * Firecracker and Cloud Hypervisor, whose clients it serves.
 */
#include "virtio/hvsock_inner.h"

#include <string.h>
#include <sys/socket.h>

#define FIRST_PORT (UINT32_C(1) << 30) /* of the host's ends: below are its services */

bool hv_parse_greeting(const char *line, size_t len, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	uint64_t n = 0;

	if (len < sizeof(word) || len > sizeof(word) + 9 || memcmp(line, word, sizeof(word) - 1))
		return false;
	for (size_t i = sizeof(word) - 1; i < len; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(line[i] - '0');
	}
	*port = (uint32_t)n;
	return n < UINT32_MAX; /* all ones is VMADDR_PORT_ANY */
}

static uint32_t free_port(struct hv *hv, uint32_t guest_port)
{
	do {
		if (hv->next_port < FIRST_PORT || hv->next_port == UINT32_MAX)
			hv->next_port = FIRST_PORT;
		hv->next_port++;
	} while (hv_find(hv, hv->next_port, guest_port));
	return hv->next_port;
}

static void client_asks(struct hv_conn *c, uint32_t port)
{
	c->guest_port = port;
	c->host_port = free_port(c->hv, port);
	c->state = HV_ASKED;
	c->owed = OWE_REQUEST;
	hv_table_add(c);
	hv_ready_add(c);
	hv_set_ttl(c, HV_ASK_TIME);
	hv_update_watch(c);
}

/* Takes the greeting and not a byte more: what follows it is the guest's. */
void hv_read_greeting(struct hv_conn *c)
{
	char *at = c->line + c->line_len, *end;
	ssize_t n = sock_recv(c->fd, at, sizeof(c->line) - c->line_len, MSG_PEEK);
	uint32_t port;

	if (n < 0 && errno == EAGAIN)
		return;
	end = n > 0 ? memchr(at, '\n', (size_t)n) : NULL;
	if (n > 0)
		n = sock_recv(c->fd, at, end ? (size_t)(end + 1 - at) : (size_t)n, 0);
	if (n <= 0) {
		hv_conn_close(c);
		return;
	}
	c->line_len = (uint8_t)(c->line_len + n);
	if (end && hv_parse_greeting(c->line, (size_t)(end - c->line), &port))
		client_asks(c, port);
	else if (end || c->line_len == sizeof(c->line))
		hv_conn_close(c);
}
