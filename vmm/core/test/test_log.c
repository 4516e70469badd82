/* The log: levels, one line an event whatever is in it, and the limit on what a guest provokes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include "core/test/check.h"
#include "core/log.h"

struct sink {
	int in, out;
	char text[4096];
};

static int sink_open(void **state)
{
	struct sink *s = calloc(1, sizeof(*s));
	int p[2];

	if (!s || pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return -1;
	s->out = p[0];
	s->in = p[1];
	log_setup(s->in, LOG_WARN, "sampan");
	*state = s;
	return 0;
}

static int sink_close(void **state)
{
	struct sink *s = *state;

	log_setup(2, LOG_WARN, "sampan");
	if (s->in >= 0)
		close(s->in);
	if (s->out >= 0)
		close(s->out);
	free(s);
	return 0;
}

/* What was logged since the last call. */
static const char *logged(struct sink *s)
{
	ssize_t n = read(s->out, s->text, sizeof(s->text) - 1);

	s->text[n > 0 ? n : 0] = 0;
	return s->text;
}

static void names_the_level(void **state)
{
	struct sink *s = *state;

	log_setup(s->in, LOG_DEBUG, "sampan");
	log_error("no %s", "x");
	assert_string_equal(logged(s), "sampan: no x\n");
	log_warn("w");
	assert_string_equal(logged(s), "sampan: warn: w\n");
	log_info("i");
	assert_string_equal(logged(s), "sampan: info: i\n");
	log_debug("d");
	assert_string_equal(logged(s), "sampan: debug: d\n");
}

static void keeps_to_the_level(void **state)
{
	struct sink *s = *state;

	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		log_setup(s->in, (enum log_level)level, "x");
		for (int of = LOG_ERROR; of <= LOG_DEBUG; of++) {
			log_msg((enum log_level)of, "y");
			assert_int_equal(*logged(s) != 0, of <= level);
		}
	}
}

static void takes_other_tags(void **state)
{
	static const char *const tags[] = { ": ", ":WARN: ", ":INFO: ", ":INFO: debug: " };
	static const char *const usual[] = { ": ", ": warn: ", ": info: ", ": debug: " };
	struct sink *s = *state;

	log_setup(s->in, LOG_DEBUG, "kata");
	log_tags(tags);
	log_error("e");
	assert_string_equal(logged(s), "kata: e\n");
	log_warn("w");
	assert_string_equal(logged(s), "kata:WARN: w\n");
	log_info("i");
	assert_string_equal(logged(s), "kata:INFO: i\n");
	log_tags(usual);
	log_info("i");
	assert_string_equal(logged(s), "kata: info: i\n");
}

static void parses_levels(void **state UNUSED)
{
	assert_int_equal(log_level_parse("error"), LOG_ERROR);
	assert_int_equal(log_level_parse("warn"), LOG_WARN);
	assert_int_equal(log_level_parse("info"), LOG_INFO);
	assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
	assert_int_equal(log_level_parse("Debug"), -1);
	assert_int_equal(log_level_parse("debug "), -1);
	assert_int_equal(log_level_parse(""), -1);
}

static void one_line_an_event(void **state)
{
	struct sink *s = *state;

	log_error("a\nb\033[2J%s", "\r\x7f");
	assert_string_equal(logged(s), "sampan: a?b?[2J??\n");
}

static void long_lines_are_cut(void **state)
{
	struct sink *s = *state;
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	log_error("%s", text);
	logged(s);
	assert_true(strlen(s->text) > 1000 && strlen(s->text) <= 1024);
	assert_ptr_equal(strchr(s->text, '\n'), s->text + strlen(s->text) - 1);
	log_setup(s->in, LOG_WARN, text);
	log_error("never seen");
	logged(s);
	assert_true(strlen(s->text) > 1000 && strlen(s->text) <= 1024);
	assert_ptr_equal(strchr(s->text, '\n'), s->text + strlen(s->text) - 1);
}

static void errno_survives(void **state)
{
	struct sink *s = *state;

	errno = ENOSPC;
	log_error("x");
	assert_int_equal(errno, ENOSPC);
	close(s->in); /* a log that can't be written */
	s->in = -1;
	log_error("x");
	assert_int_equal(errno, ENOSPC);
}

static void a_full_pipe_does_not_stop_us(void **state)
{
	struct sink *s = *state;

	for (int i = 0; i < 2000; i++)
		log_error("line %d with some words to fill the pipe that nobody reads", i);
	assert_memory_equal(logged(s), "sampan: line 0 ", 15);
}

/* Once a second and place: the place's own clock is set back instead of waiting. */
static void limits_a_place(void **state)
{
	struct log_limit one = { 0 }, other = { 0 };
	struct sink *s = *state;

	for (int i = 0; i < 100; i++)
		log_limited(&one, "guest");
	assert_string_equal(logged(s), "sampan: warn: guest\n");
	log_limited(&other, "other");
	assert_string_equal(logged(s), "sampan: warn: other\n");
	one.next_ms -= 1001;
	for (int i = 0; i < 100; i++)
		log_limited(&one, "again");
	assert_string_equal(logged(s), "sampan: warn: again\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_the_level, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(keeps_to_the_level, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(takes_other_tags, sink_open, sink_close),
		cmocka_unit_test(parses_levels),
		cmocka_unit_test_setup_teardown(one_line_an_event, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(long_lines_are_cut, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(errno_survives, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(a_full_pipe_does_not_stop_us, sink_open,
			sink_close),
		cmocka_unit_test_setup_teardown(limits_a_place, sink_open, sink_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
