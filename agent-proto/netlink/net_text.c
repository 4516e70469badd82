/* See net_text.h. */
#include "netlink/net_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool net_text_number(const char *text, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (!*text || strlen(text) > 9)
		return false;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		v = v * 10 + (unsigned)(*text - '0');
	}
	*out = v;
	return v <= max;
}

bool net_text_addr(const char *text, struct net_addr *out)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	unsigned prefix;

	*out = (struct net_addr){ 0 };
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = 0;
	if (inet_pton(AF_INET, host, out->bytes) == 1)
		out->family = AF_INET;
	else if (inet_pton(AF_INET6, host, out->bytes) == 1)
		out->family = AF_INET6;
	else
		return false;
	prefix = (unsigned)net_addr_len(out) * 8;
	if (slash && !net_text_number(slash + 1, prefix, &prefix))
		return false;
	out->prefix = (uint8_t)prefix;
	return true;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool net_text_mac(const char *text, uint8_t mac[NETLINK_MAC_MAX], size_t *len)
{
	for (*len = 0; *len < NETLINK_MAC_MAX; text += 3) {
		int high = nibble(text[0]), low = high < 0 ? -1 : nibble(text[1]);

		if (low < 0)
			return false;
		mac[(*len)++] = (uint8_t)(high << 4 | low);
		if (!text[2])
			return true;
		if (text[2] != ':')
			return false;
	}
	return false;
}

bool net_text_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	return true;
}

size_t net_addr_len(const struct net_addr *addr)
{
	return addr->family == AF_INET ? 4 : addr->family == AF_INET6 ? 16 : 0;
}

bool net_addr_whole(const struct net_addr *addr)
{
	return addr->family && addr->prefix == net_addr_len(addr) * 8;
}

const char *net_show_addr(char buf[NET_TEXT_ADDR], const struct net_addr *addr, bool prefix)
{
	buf[0] = 0;
	if (!addr->family || !inet_ntop(addr->family, addr->bytes, buf, NET_TEXT_ADDR - 4))
		return buf;
	if (prefix)
		snprintf(buf + strlen(buf), 5, "/%u", addr->prefix);
	return buf;
}

const char *net_show_mac(char buf[NET_TEXT_MAC], const uint8_t *mac, size_t len)
{
	char *p = buf;

	*p = 0;
	for (size_t i = 0; i < MIN(len, (size_t)NETLINK_MAC_MAX); i++)
		p += snprintf(p, 4, "%s%02x", i ? ":" : "", mac[i]);
	return buf;
}
