/*
 * The other end of a ttrpc connection as a test plays it: a blocking socket on which it says
 * whatever it wants. What does not come within ten seconds fails the test.
 */
#ifndef SAMPAN_TTRPC_TEST_PEER_H
#define SAMPAN_TTRPC_TEST_PEER_H

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "core/test/check.h"
#include "ttrpc.pb-c.h"
#include "ttrpc/frame.h"

static inline void peer_patience(int fd)
{
	struct timeval tv = { .tv_sec = 10 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
}

/* False: the other end has gone. */
static inline bool peer_send(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			assert_true(errno == EPIPE || errno == ECONNRESET);
			return false;
		}
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool peer_send_frame(int fd, struct frame_header head, const void *data, size_t len)
{
	uint8_t raw[FRAME_HEADER];

	frame_encode(raw, &head);
	return peer_send(fd, raw, sizeof(raw)) && peer_send(fd, data, len);
}

/* A frame that holds message; malloc'ed. */
static inline uint8_t *peer_frame(uint32_t stream, uint8_t type, uint8_t flags,
	const ProtobufCMessage *message, size_t *len)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	struct frame_header head = { (uint32_t)size, stream, type, flags };
	uint8_t *data = malloc(FRAME_HEADER + size);

	assert_non_null(data);
	frame_encode(data, &head);
	protobuf_c_message_pack(message, data + FRAME_HEADER);
	*len = FRAME_HEADER + size;
	return data;
}

/* A call's frame; payload NULL: none. */
static inline uint8_t *peer_request(uint32_t stream, const char *service, const char *method,
	const ProtobufCMessage *payload, size_t *len)
{
	AUTO_FREE char *service_name = strdup(service), *method_name = strdup(method);
	AUTO_FREE uint8_t *packed = NULL;
	Ttrpc__KeyValue meta;
	Ttrpc__KeyValue *metas[] = { &meta };
	Ttrpc__Request r;
	char key[] = "containerd-namespace-ttrpc", value[] = "k8s.io";

	ttrpc__key_value__init(&meta);
	meta.key = key;
	meta.value = value;
	ttrpc__request__init(&r);
	r.service = service_name;
	r.method = method_name;
	r.timeout_nano = 5000000000;
	r.n_metadata = 1;
	r.metadata = metas;
	if (payload) {
		packed = malloc(protobuf_c_message_get_packed_size(payload) + 1);
		r.payload.data = packed;
		r.payload.len = protobuf_c_message_pack(payload, packed);
	}
	return peer_frame(stream, FRAME_REQUEST, 0, &r.base, len);
}

static inline bool peer_call(int fd, uint32_t stream, const char *service, const char *method,
	const ProtobufCMessage *payload)
{
	size_t len;
	AUTO_FREE uint8_t *data = peer_request(stream, service, method, payload, &len);

	return peer_send(fd, data, len);
}

/* False: the other end closed. */
static inline bool peer_receive(int fd, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			assert_int_equal(errno, ECONNRESET);
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* The next answer, to be freed; NULL: the other end closed. */
static inline Ttrpc__Response *peer_answer(int fd, uint32_t *stream)
{
	uint8_t raw[FRAME_HEADER];
	struct frame_header head;
	AUTO_FREE uint8_t *data = NULL;
	Ttrpc__Response *r;

	if (!peer_receive(fd, raw, sizeof(raw)))
		return NULL;
	head = frame_decode(raw);
	assert_int_equal(head.type, FRAME_RESPONSE);
	assert_int_equal(head.flags, 0);
	assert_true(head.length <= FRAME_DATA_MAX);
	data = malloc(head.length + 1);
	if (!peer_receive(fd, data, head.length))
		return NULL;
	r = ttrpc__response__unpack(NULL, head.length, data);
	assert_non_null(r);
	*stream = head.stream;
	return r;
}

/* The next answer must be this stream's, with this code; text is part of its message.
 */
static inline void peer_expect(int fd, uint32_t stream, int code, const char *text)
{
	uint32_t got = 0;
	Ttrpc__Response *r = peer_answer(fd, &got);
	const char *message = r && r->status && r->status->message ? r->status->message : "";

	assert_non_null(r);
	assert_int_equal(got, stream);
	assert_non_null(r->status);
	assert_int_equal(r->status->code, code);
	if (!strstr(message, text))
		fail_msg("\"%s\" is not in \"%s\"", text, message);
	ttrpc__response__free_unpacked(r, NULL);
}

#endif
