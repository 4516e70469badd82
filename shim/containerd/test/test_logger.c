/* A logger's name taken apart; and a script that is one, with what it is given and what is its end.
 */
#define _GNU_SOURCE
#include "shim/containerd/logger.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/log.h"
#include "core/test/check.h"
#include "shim/containerd/file.h"

#define LATE_NS UINT64_C(20000000000)

static void names(void **state)
{
	static const struct {
		const char *uri, *words; /* with a space behind each; NULL: refused */
	} cases[] = {
		{ "binary:///usr/bin/log", "/usr/bin/log " },
		{ "binary-v2:///bin/log?", "/bin/log " },
		{ "binary:///bin/log?a=b&c=d", "/bin/log a b c d " },
		{ "binary:///bin/log?flag&%6Bey=a%20b%2fc+d", "/bin/log flag  key a b/c d " },
		{ "binary:///bin/with%20space?a=", "/bin/with space a  " },
		{ "binary://relative", NULL },
		{ "binary://", NULL },
		{ "file:///bin/log", NULL },
		{ "/bin/log", NULL },
		{ "", NULL },
		{ "binary:///bin/log?a=%", NULL },
		{ "binary:///bin/log?a=%4", NULL },
		{ "binary:///bin/log?a=%zz", NULL },
		{ "binary:///bin/log?%00=a", NULL },
		{ "binary:///bin/%00", NULL },
		{ "binary:///l?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26"
		  "&27&28&29&30&31&32",
			NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *copy = strdup(cases[i].uri);
		const char *words[LOGGER_WORDS];
		char said[256] = "";

		if (!cases[i].words) {
			assert_false(logger_parse(copy, words));
			continue;
		}
		assert_true(logger_is_meant(cases[i].uri));
		assert_true(logger_parse(copy, words));
		for (const char **w = words; *w; w++)
			strcat(strcat(said, *w), " ");
		assert_string_equal(said, cases[i].words);
	}
}

struct fix {
	struct loop *loop;
	struct timer late;
	char dir[64], uri[160], out[100];
	bool ended;
};

static void on_late(struct timer *t)
{
	(void)t;
	fail_msg("the logger did not end");
}

static void on_ended(void *arg)
{
	struct fix *f = arg;

	f->ended = true;
	loop_quit(f->loop);
}

static void make_script(const struct fix *f, const char *text)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "%s/script", f->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_logger.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	snprintf(f->uri, sizeof(f->uri), "binary://%s/script?to=%s", f->dir, f->out);
	assert_int_equal(loop_new(&f->loop, &err), 0);
	assert_int_equal(timer_init(f->loop, &f->late, on_late), 0);
	timer_set(&f->late, LATE_NS, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	timer_fini(f->loop, &f->late);
	loop_free(f->loop);
	remove_tree(f->dir);
	free(f);
	return 0;
}

static void a_script(void **state)
{
	struct fix *f = *state;
	const struct logger_wish wish = { f->uri, "an id", "a namespace" };
	AUTO_FREE char *text = NULL;
	struct logger *l = NULL;
	struct err err = { 0 };
	size_t len;
	int fds[2];

	make_script(f,
		"#!/bin/sh\nexec 5>&-\n"
		"{ echo \"$1 $CONTAINER_ID $CONTAINER_NAMESPACE\"; cat <&3; cat <&4; } >\"$2\"\n");
	assert_int_equal(logger_start(&l, f->loop, &wish, fds, on_ended, f, &err), 0);
	assert_int_equal(write(fds[1], "err\n", 4), 4);
	assert_int_equal(write(fds[0], "out\n", 4), 4);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	close(fds[0]);
	close(fds[1]);
	loop_run(f->loop);
	assert_true(f->ended);
	logger_free(l);
	assert_int_equal(file_read(f->out, 1000, &text, &len, &err), 0);
	assert_string_equal(text, "to an id a namespace\nout\nerr\n");
}

/* It writes that it is ready, which nobody reads, and does not end: it is killed. */
static void that_stays(void **state)
{
	struct fix *f = *state;
	const struct logger_wish wish = { f->uri, "id", "ns" };
	AUTO_FREE char *text = NULL;
	struct logger *l = NULL;
	struct err err = { 0 };
	size_t len = 0;
	int fds[2];

	make_script(f, "#!/bin/sh\necho >&5\necho $$ >\"$2\"\nexec sleep 1000\n");
	assert_int_equal(logger_start(&l, f->loop, &wish, fds, on_ended, f, &err), 0);
	close(fds[0]);
	close(fds[1]);
	for (unsigned i = 0; i < 2000 && len < 2; i++) {
		free(text);
		text = NULL;
		usleep(10000);
		if (file_read(f->out, 1000, &text, &len, NULL))
			len = 0;
	}
	assert_true(len >= 2);
	logger_free(l);
	assert_int_equal(kill((pid_t)strtol(text, NULL, 10), 0), -1);
	assert_false(f->ended);
}

static void that_is_not(void **state)
{
	struct fix *f = *state;
	const struct logger_wish wish = { f->uri, "id", "ns" };
	struct logger *l = NULL;
	struct err err = { 0 };
	char want[200];
	int fds[2];

	assert_int_equal(logger_start(&l, f->loop, &wish, fds, on_ended, f, &err), -ENOENT);
	snprintf(want, sizeof(want), "execute %s/script: No such file or directory", f->dir);
	assert_string_equal(err.msg, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(a_script, setup, teardown),
		cmocka_unit_test_setup_teardown(that_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(that_is_not, setup, teardown),
	};

	log_setup(2, LOG_ERROR, "test_logger");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
