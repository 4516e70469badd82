/*
 * Single values: numbers, sizes, words, addresses, each refused with a sentence that quotes it; see
 * opts.h.
 */
#include "shim/opts/opts.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#define FIELD(type, o, into) ((type *)((char *)(into) + (o)->offset))

/* Decimal digits at *text, which is moved behind them. False: none, or too many. */
static bool digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		if (!mul_ok(v, 10, &v) || !add_ok(v, (uint64_t)(*p - '0'), &v))
			return false;
	*text = p;
	*out = v;
	return true;
}

int parse_size(const char *text, uint64_t *bytes, struct err *err)
{
	static const char units[] = "KMGT";
	const char *p = text, *unit;
	uint64_t v;

	if (!digits(&p, &v))
		return failx(err, -EINVAL, "\"%s\" is not a size (examples: 512K, 256M, 2G)", text);
	unit = *p ? strchr(units, toupper((unsigned char)*p)) : NULL;
	if (unit) {
		p++;
		if (!mul_ok(v, UINT64_C(1) << (10 * (unit - units + 1)), &v))
			return failx(err, -ERANGE, "\"%s\" is not a size: too large", text);
	}
	if (*p)
		return failx(err, -EINVAL, "\"%s\" is not a size (examples: 512K, 256M, 2G)", text);
	*bytes = v;
	return 0;
}

int parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	const char *p = text;
	uint64_t v;

	if (!digits(&p, &v)) {
		p += strspn(p, "0123456789");
		v = UINT64_MAX;
	}
	if (*p || p == text)
		return failx(err, -EINVAL, "\"%s\" is not a number", text);
	if (v < min || v > max)
		return failx(err, -ERANGE, "%s is out of range (%llu to %llu)", text,
			(unsigned long long)min, (unsigned long long)max);
	*out = v;
	return 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int parse_ids(const char *text, uint32_t *uid, uint32_t *gid, struct err *err)
{
	size_t len = strcspn(text, ":");
	char first[16];
	uint64_t u, g;

	if (len >= sizeof(first))
		return failx(err, -EINVAL, "\"%s\" is not UID[:GID]", text);
	memcpy(first, text, len);
	first[len] = 0;
	if (parse_count(first, 1, UINT32_MAX - 1, &u, NULL) ||
		parse_count(text[len] ? text + len + 1 : first, 1, UINT32_MAX - 1, &g, NULL))
		return failx(err, -EINVAL, "\"%s\" is not UID[:GID], neither of them 0", text);
	*uid = (uint32_t)u;
	*gid = (uint32_t)g;
	return 0;
}

int parse_mac(const char *text, uint8_t mac[6], struct err *err)
{
	uint8_t got[6];
	const char *p = text;
	bool any = false;

	for (unsigned i = 0; i < 6; i++, p += 3) {
		int high = hex(p[0]), low = high < 0 ? -1 : hex(p[1]);

		if (low < 0 || p[2] != (i < 5 ? ':' : 0))
			return failx(err, -EINVAL, "\"%s\" is not a MAC address", text);
		got[i] = (uint8_t)(high << 4 | low);
		any |= got[i];
	}
	if (got[0] & 1 || !any)
		return failx(err, -EINVAL, "%s is not the MAC address of a single station", text);
	memcpy(mac, got, 6);
	return 0;
}

int opt_text(const struct opt *o, void *into, const char *value, struct err *err UNUSED)
{
	*FIELD(const char *, o, into) = value;
	return 0;
}

int opt_name(const struct opt *o, void *into, const char *value, struct err *err)
{
	size_t len = strlen(value);

	for (const char *p = value; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return failx(err, -EINVAL,
				"\"%s\" has characters other than letters, digits, . _ and -",
				value);
	if (!len || (o->max && len > o->max))
		return failx(err, -EINVAL, "\"%s\" has not between 1 and %llu characters", value,
			(unsigned long long)o->max);
	*FIELD(const char *, o, into) = value;
	return 0;
}

int opt_size(const struct opt *o, void *into, const char *value, struct err *err)
{
	uint64_t v;
	int rc = parse_size(value, &v, err);

	if (rc)
		return rc;
	if (v < o->min || (o->max && v > o->max))
		return failx(err, -ERANGE, "%s is too %s", value, v < o->min ? "small" : "large");
	*FIELD(uint64_t, o, into) = v;
	return 0;
}

int opt_count(const struct opt *o, void *into, const char *value, struct err *err)
{
	uint64_t v;
	int rc = parse_count(value, o->min, o->max ? o->max : UINT32_MAX, &v, err);

	if (!rc)
		*FIELD(unsigned, o, into) = (unsigned)v;
	return rc;
}

int opt_choice(const struct opt *o, void *into, const char *value, struct err *err)
{
	char words[128];
	size_t len = 0;

	words[0] = 0;
	for (unsigned i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], value)) {
			*FIELD(unsigned, o, into) = i;
			return 0;
		}
		if (len < sizeof(words))
			len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s",
				i ? ", " : "", o->choices[i]);
	}
	return failx(err, -EINVAL, "\"%s\" is none of %s", value, words);
}

int opt_on_off(const struct opt *o, void *into, const char *value, struct err *err)
{
	bool on = !value || !strcmp(value, "on");

	if (!on && strcmp(value, "off"))
		return failx(err, -EINVAL, "\"%s\" is neither on nor off", value);
	*FIELD(bool, o, into) = on;
	return 0;
}

int opt_flag(const struct opt *o, void *into, const char *value UNUSED, struct err *err UNUSED)
{
	*FIELD(bool, o, into) = true;
	return 0;
}

int parse_fd(const char *text, int lowest, int *fd, struct err *err)
{
	uint64_t v;
	int rc = parse_count(text, 0, INT_MAX, &v, err);

	if (rc)
		return rc;
	if (fcntl((int)v, F_GETFD) < 0)
		return failx(err, -EBADF, "descriptor %s is not open", text);
	if ((int)v < lowest)
		return failx(err, -EBADF, "descriptor %s is a standard stream", text);
	*fd = (int)v;
	return 0;
}

int parse_fds(const char *text, int lowest, int *fds, unsigned max, unsigned *n, struct err *err)
{
	for (const char *p = text; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
		char one[16];
		size_t len = strcspn(p, ":");
		int rc;

		if (*n == max)
			return failx(err, -E2BIG, "more than %u descriptors", max);
		if (len >= sizeof(one))
			return failx(err, -EINVAL, "\"%.*s\" is not a descriptor", (int)len, p);
		memcpy(one, p, len);
		one[len] = 0;
		rc = parse_fd(one, lowest, &fds[*n], err);
		if (rc)
			return rc;
		++*n;
	}
	return 0;
}

int opt_ifname(const struct opt *o, void *into, const char *value, struct err *err)
{
	if (!*value)
		return failx(err, -EINVAL, "the value is empty");
	if (strlen(value) >= IFNAMSIZ)
		return failx(err, -EINVAL,
			"\"%s\" is longer than the %d bytes of an interface's name", value,
			IFNAMSIZ - 1);
	return opt_text(o, into, value, err);
}
