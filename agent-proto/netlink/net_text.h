/*
 * Addresses as the agent's protocol writes them and as the kernel has them. Pure functions; the
 * readers accept exactly what they describe and say false for anything else.
 */
#ifndef SAMPAN_NETLINK_NET_TEXT_H
#define SAMPAN_NETLINK_NET_TEXT_H

#include "netlink/netlink.h"

#define NET_TEXT_ADDR 52			/* "ffff:...:255.255.255.255/128" and its NUL */
#define NET_TEXT_MAC  (3 * NETLINK_MAC_MAX + 1) /* "aa:bb:..." and its NUL */

/* "10.1.2.3", "10.1.0.0/16", "fe80::1/64"; without a prefix it is the whole length. */
bool net_text_addr(const char *text, struct net_addr *out) MUST_USE;

/* "0" to max, decimal. */
bool net_text_number(const char *text, unsigned max, unsigned *out) MUST_USE;

/* "aa:bb:cc:dd:ee:ff", of any length that fits. */
bool net_text_mac(const char *text, uint8_t mac[NETLINK_MAC_MAX], size_t *len) MUST_USE;

/* Whether a link can have this name. */
bool net_text_name(const char *name) MUST_USE;

size_t net_addr_len(const struct net_addr *addr); /* bytes: 4, 16 or 0 */
bool net_addr_whole(const struct net_addr *addr); /* a host, not a network */

/* Both return buf. */
const char *net_show_addr(char buf[NET_TEXT_ADDR], const struct net_addr *addr, bool prefix);
const char *net_show_mac(char buf[NET_TEXT_MAC], const uint8_t *mac, size_t len);

#endif
