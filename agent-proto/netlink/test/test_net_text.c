/* Addresses, read and written. */
#include "netlink/net_text.h"

#include <string.h>
#include <sys/socket.h>

#include "core/test/check.h"

static void same(const char *text, const char *shown)
{
	struct net_addr a;
	char buf[NET_TEXT_ADDR];

	assert_true(net_text_addr(text, &a));
	assert_string_equal(net_show_addr(buf, &a, true), shown);
}

static void addresses(void **state UNUSED)
{
	struct net_addr a;
	const char *const bad[] = { "", "/", "10", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1",
		"10.0.0.1/8/8", "10.0.0.1/0x8", "10.0.0.1 ", "fe80::1/129", "fe80::1%eth0",
		":::", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
		"10.0.0.1/99999999999999999999" };

	same("10.1.2.3", "10.1.2.3/32");
	same("10.1.2.3/0", "10.1.2.3/0");
	same("fe80::0001/64", "fe80::1/64");
	same("::ffff:255.255.255.255", "::ffff:255.255.255.255/128");
	same("1111:2222:3333:4444:5555:6666:7777:8888/128",
		"1111:2222:3333:4444:5555:6666:7777:8888/128");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (net_text_addr(bad[i], &a))
			fail_msg("%s was taken", bad[i]);
	assert_true(net_text_addr("10.0.0.0/8", &a));
	assert_false(net_addr_whole(&a));
	assert_true(net_text_addr("10.0.0.0", &a));
	assert_true(net_addr_whole(&a));
	assert_false(net_addr_whole(&(struct net_addr){ 0 }));
}

static void hardware_addresses(void **state UNUSED)
{
	uint8_t mac[NETLINK_MAC_MAX];
	char buf[NET_TEXT_MAC], longest[3 * NETLINK_MAC_MAX + 3];
	size_t len;
	const char *const bad[] = { "", ":", "a", "aa:", "aa:b", "aa-bb", "aa:bb:cc:dd:ee:fg",
		"aabb" };

	assert_true(net_text_mac("0A:bc:00:ff:1e:2f", mac, &len));
	assert_int_equal(len, 6);
	assert_string_equal(net_show_mac(buf, mac, len), "0a:bc:00:ff:1e:2f");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (net_text_mac(bad[i], mac, &len))
			fail_msg("%s was taken", bad[i]);
	for (size_t i = 0; i <= NETLINK_MAC_MAX; i++)
		memcpy(longest + 3 * i, "ab:", 3);
	longest[3 * NETLINK_MAC_MAX - 1] = 0;
	assert_true(net_text_mac(longest, mac, &len));
	assert_int_equal(len, NETLINK_MAC_MAX);
	assert_string_equal(net_show_mac(buf, mac, len), longest);
	longest[3 * NETLINK_MAC_MAX - 1] = ':';
	longest[3 * NETLINK_MAC_MAX + 2] = 0;
	assert_false(net_text_mac(longest, mac, &len));
}

static void names(void **state UNUSED)
{
	assert_true(net_text_name("eth0"));
	assert_true(net_text_name("abcdefghijklmno"));
	assert_false(net_text_name("abcdefghijklmnop"));
	assert_false(net_text_name(""));
	assert_false(net_text_name("."));
	assert_false(net_text_name(".."));
	assert_false(net_text_name("a:1"));
	assert_false(net_text_name("a b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(hardware_addresses),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
