/*
 * Options by table, for every front: the words of a command line (--name VALUE, --name=VALUE; or
 * with one dash, as QEMU-like callers write them) and the comma-separated values of one option
 * (FIRST,key=value,flag; ",," stands for a comma).
 *
 * A table is an array of struct opt. Its entries say where a value goes: a set() function and an
 * offset into the caller's struct. What is unknown, repeated, missing, superfluous or malformed is
 * refused by name in one sentence. No state besides the caller's struct and the struct opts_texts
 * that owns copies of split values; any thread.
 */
#ifndef SAMPAN_OPTS_H
#define SAMPAN_OPTS_H

#include <stdio.h>
#include "core/err.h"

enum opt_arg {
	OPT_VALUE, /* --name VALUE; key=value */
	OPT_FLAG,  /* --name; key */
	OPT_MAYBE, /* both; as a word of its own the value must not begin with a dash */
};

#define OPTS_MAX 64 /* entries of a table */

struct opt;

/* Stores value (NULL: given as a flag) in *into. Its sentence need not name the option. */
typedef int opt_set(const struct opt *o, void *into, const char *value, struct err *err);

struct opt {
	/* Without dashes. "": a word that is no option, or the first item of a value. */
	const char *name;
	enum opt_arg arg;
	bool many; /* may be repeated */
	opt_set *set;
	size_t offset;		    /* of the field in *into */
	uint64_t min, max;	    /* opt_count, opt_size: what is allowed; max 0: no limit */
	const char *const *choices; /* opt_choice: NULL-terminated */
	const char *metavar, *help; /* for opts_help(); help NULL: not shown */
};

/* Copies of texts that were split: what opts_list() stores points into them. */
struct opts_texts {
	char **text;
	size_t n;
};

void opts_texts_free(struct opts_texts *texts);

/* The words of a command line, without the program's name. dash is "--" or "-". */
int opts_words(const struct opt *table, size_t n, const char *dash, int argc, char *const *argv,
	void *into, struct err *err) MUST_USE;

/*
 * The items of one option's value. A table whose first entry is "" takes the first item whole, even
 * if it holds a '='.
 */
int opts_list(const struct opt *table, size_t n, const char *value, void *into,
	struct opts_texts *texts, struct err *err) MUST_USE;

/* One line for each entry that has help. */
void opts_help(FILE *to, const struct opt *table, size_t n, const char *dash);

/* For set. The field's type is in brackets. */
opt_set opt_text;   /* [const char *] */
opt_set opt_name;   /* [const char *] letters, digits, . _ and -; at most max of them */
opt_set opt_size;   /* [uint64_t] bytes */
opt_set opt_count;  /* [unsigned] */
opt_set opt_choice; /* [unsigned or enum] the index in choices */
opt_set opt_on_off; /* [bool] on or off; as a flag: on */
opt_set opt_flag;   /* [bool] set to true */
opt_set opt_ifname; /* [const char *] of a network interface: not empty, fits the kernel's field */

/* 4096, 512K, 256M, 1G, 2T: bytes. */
int parse_size(const char *text, uint64_t *bytes, struct err *err) MUST_USE;
/* Decimal digits only. */
int parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
	MUST_USE;
/* UID[:GID], neither 0; without GID the same number. */
int parse_ids(const char *text, uint32_t *uid, uint32_t *gid, struct err *err) MUST_USE;
/* aa:bb:cc:dd:ee:ff, not a group address and not all zero. */
int parse_mac(const char *text, uint8_t mac[6], struct err *err) MUST_USE;
/* N, an open descriptor that we inherited; lowest 3 refuses the standard streams, 0 takes any. To
 * be asked before anything of ours could have got the number. */
int parse_fd(const char *text, int lowest, int *fd, struct err *err) MUST_USE;
/* N[:N...]: *n of them are in fds already, max is its size. */
int parse_fds(const char *text, int lowest, int *fds, unsigned max, unsigned *n, struct err *err)
	MUST_USE;

#endif
