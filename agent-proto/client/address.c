/* See address.h. */
#include "client/address.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <linux/vm_sockets.h>

/* Decimal digits up to the end of text, at most UINT32_MAX - 1 (the largest stands for "any"). */
static bool parse_number(const char *text, uint32_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v >= UINT32_MAX)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

static int set_path(struct address *a, const char *path, size_t len, struct err *err)
{
	if (!len)
		return failx(err, -EINVAL, "the address has no path");
	if (len >= sizeof(a->path))
		return failx(err, -ENAMETOOLONG,
			"the address's path is longer than the %zu bytes that a unix socket allows",
			sizeof(a->path) - 1);
	memcpy(a->path, path, len);
	a->path[len] = 0;
	return 0;
}

/* "HOST:PORT": the length of HOST. */
static int split_port(struct address *a, const char *rest, size_t *len, struct err *err)
{
	const char *colon = strrchr(rest, ':');

	if (!colon || !parse_number(colon + 1, &a->port))
		return failx(err, -EINVAL, "\"%s\" does not end with :PORT", rest);
	*len = (size_t)(colon - rest);
	return 0;
}

static int parse_vsock(struct address *a, const char *rest, struct err *err)
{
	char cid[16];
	size_t len;
	int rc = split_port(a, rest, &len, err);

	if (rc)
		return rc;
	snprintf(cid, sizeof(cid), "%.*s", (int)MIN(len, sizeof(cid)), rest);
	a->kind = ADDRESS_VSOCK;
	if (len >= sizeof(cid) || !parse_number(cid, &a->cid))
		return failx(err, -EINVAL, "\"%s\" does not begin with a guest's number", rest);
	return 0;
}

static int parse_hvsock(struct address *a, const char *rest, struct err *err)
{
	size_t len;
	int rc = split_port(a, rest, &len, err);

	a->kind = ADDRESS_HVSOCK;
	return rc ? rc : set_path(a, rest, len, err);
}

static const char *behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

int address_parse(struct address *a, const char *text, struct err *err)
{
	const char *rest;

	*a = (struct address){ 0 };
	if ((rest = behind(text, "vsock://")))
		return parse_vsock(a, rest, err);
	if ((rest = behind(text, "hvsock://")))
		return parse_hvsock(a, rest, err);
	if ((rest = behind(text, "unix://")) || (rest = behind(text, "unix:")))
		return set_path(a, rest, strlen(rest), err);
	return failx(err, -EINVAL,
		"\"%s\" is no address (unix://PATH, vsock://CID:PORT or hvsock://PATH:PORT)", text);
}

socklen_t address_sockaddr(const struct address *a, struct sockaddr_storage *to)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK };

	*to = (struct sockaddr_storage){ 0 };
	if (a->kind == ADDRESS_VSOCK) {
		vm.svm_cid = a->cid;
		vm.svm_port = a->port;
		memcpy(to, &vm, sizeof(vm));
		return sizeof(vm);
	}
	memcpy(un.sun_path, a->path, sizeof(a->path));
	memcpy(to, &un, sizeof(un));
	return sizeof(un);
}

void address_text(const struct address *a, char *text, size_t size)
{
	if (a->kind == ADDRESS_VSOCK)
		snprintf(text, size, "vsock://%u:%u", a->cid, a->port);
	else if (a->kind == ADDRESS_HVSOCK)
		snprintf(text, size, "hvsock://%s:%u", a->path, a->port);
	else
		snprintf(text, size, "unix://%s", a->path);
}
