/*
 * `sampan agent ADDRESS METHOD [JSON]`: one call to the agent of a guest, its answer as JSON; or
 * one of the words that do more than a call.
 */
#include "shim/cli/cli.h"

#include <string.h>
#include "client/json.h"
#include "shim/cli/agent.h"

#define REQUEST_MAX (16 * MiB) /* bytes of JSON */

struct agent_words {
	const char *word[4]; /* ADDRESS METHOD and at most two more */
	unsigned n, timeout; /* s */
	bool list, help;
};

static int set_word(const struct opt *o UNUSED, void *into, const char *value, struct err *err)
{
	struct agent_words *w = into;

	if (w->n == ARRAY_SIZE(w->word))
		return failx(err, -EINVAL, "unexpected argument \"%s\"", value);
	w->word[w->n++] = value;
	return 0;
}

static const struct opt words[] = {
	{ "", .many = true, .set = set_word },
	{ "timeout", .set = opt_count, .offset = offsetof(struct agent_words, timeout), .min = 1,
		.max = 86400, .metavar = "S",
		.help = "seconds for the agent to be there, and for an answer" },
	{ "list", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct agent_words, list),
		.help = "the methods, and the fields of their requests" },
	{ "help", OPT_FLAG, .set = opt_flag, .offset = offsetof(struct agent_words, help) },
};

static int help(void)
{
	printf("usage: sampan agent [--timeout S] ADDRESS METHOD [JSON | -]\n"
	       "       sampan agent --list\n\n"
	       "Calls the agent in a guest and shows its answer as JSON. ADDRESS is\n"
	       "vsock://CID:PORT, hvsock://PATH:PORT (a monitor's hybrid vsock) or unix://PATH.\n"
	       "JSON is the request's fields; with - they come from stdin. Instead of a METHOD:\n\n"
	       "  stdin CONTAINER [PROCESS]    copies stdin to the process, to the end\n"
	       "  stdout CONTAINER [PROCESS]   copies its output to stdout, to the end\n"
	       "  stderr CONTAINER [PROCESS]   its error output, to stdout\n"
	       "  batch                        calls as lines of JSON: see the manual\n\n");
	opts_help(stdout, words, ARRAY_SIZE(words), "--");
	return STATUS_OK;
}

/* All of stdin, NUL-terminated. */
static int read_stdin(char **text, size_t *len, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t size = 0, have = 0;

	for (;;) {
		ssize_t n;

		if (have == size) {
			char *grown = size < REQUEST_MAX ? realloc(data, size * 2 + 4096) : NULL;

			if (!grown)
				return failx(err, -E2BIG, "the request is larger than 16 MiB");
			data = grown;
			size = size * 2 + 4096;
		}
		n = read(STDIN_FILENO, data + have, size - have);
		if (n < 0 && errno != EINTR)
			return fail(err, -errno, "read stdin");
		if (!n)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	*text = take(&data);
	*len = have;
	return 0;
}

static int parse_request(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
	const char *text, size_t len, struct err *err)
{
	json_error_t where;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	int rc = json ? json_to_message(out, type, json, err)
		      : failx(err, -EINVAL, "the request is not JSON: %s", where.text);

	json_decref(json);
	return rc;
}

/* text NULL: none; "-": on stdin. */
static int make_request(ProtobufCMessage **out, const struct agent_method *m, const char *text,
	struct err *err)
{
	AUTO_FREE char *input = NULL;
	size_t len;
	int rc;

	if (!text)
		text = "{}";
	len = strlen(text);
	if (!strcmp(text, "-")) {
		rc = read_stdin(&input, &len, err);
		if (rc)
			return rc;
		text = input;
	}
	return parse_request(out, m->method->input, text, len, err);
}

static int show(const ProtobufCMessage *answer, struct err *err)
{
	json_t *json = NULL;
	int rc = json_from_message(&json, answer, err);

	if (!rc && (json_dumpf(json, stdout, JSON_INDENT(2)) || printf("\n") < 0 || fflush(stdout)))
		rc = fail(err, -EIO, "write the answer");
	json_decref(json);
	return rc;
}

static int call(const struct agent_words *w, const struct agent_method *m,
	const ProtobufCMessage *request, struct err *err)
{
	int64_t timeout = w->timeout ? w->timeout * INT64_C(1000000000) : agent_method_timeout(m);
	ProtobufCMessage *answer = NULL;
	struct agent_link link;
	int rc = agent_link_open(&link, w->word[0], w->timeout, err);

	if (!rc)
		rc = agent_link_call(&link, m, request, timeout, &answer, err);
	if (!rc)
		rc = show(answer, err);
	protobuf_c_message_free_unpacked(answer, NULL);
	agent_link_close(&link);
	return rc;
}

static int run_call(const struct agent_words *w)
{
	ProtobufCMessage *request = NULL;
	struct agent_method m;
	struct err err = { 0 };
	int rc;

	if (w->n > 3)
		return cli_usage("agent", "more is given than a method and its request");
	if (agent_method_find(&m, w->word[1], &err))
		return cli_usage("agent", err.msg);
	if (make_request(&request, &m, w->word[2], &err))
		return cli_usage("agent", err.msg);
	rc = call(w, &m, request, &err);
	protobuf_c_message_free_unpacked(request, NULL);
	return rc ? cli_error(err.msg) : STATUS_OK;
}

/* --- the words that do more --- */

static int copy_stdin(struct agent_link *link, const struct agent_words *w, struct err *err)
{
	return agent_copy_stdin(link, w->word[2], w->word[w->n - 1], err);
}

static int copy_stdout(struct agent_link *link, const struct agent_words *w, struct err *err)
{
	return agent_copy_output(link, w->word[2], w->word[w->n - 1], "ReadStdout", err);
}

static int copy_stderr(struct agent_link *link, const struct agent_words *w, struct err *err)
{
	return agent_copy_output(link, w->word[2], w->word[w->n - 1], "ReadStderr", err);
}

static int batch(struct agent_link *link, const struct agent_words *w, struct err *err)
{
	return agent_batch(link, w->timeout, err);
}

static const struct helper {
	const char *name;
	unsigned least, most; /* words, with ADDRESS and its own */
	int (*run)(struct agent_link *link, const struct agent_words *w, struct err *err);
} helpers[] = {
	{ "stdin", 3, 4, copy_stdin },
	{ "stdout", 3, 4, copy_stdout },
	{ "stderr", 3, 4, copy_stderr },
	{ "batch", 2, 2, batch },
};

static int run_helper(const struct helper *h, const struct agent_words *w)
{
	struct agent_link link;
	struct err err = { 0 };
	int rc;

	if (w->n < h->least)
		return cli_usage("agent", "no container is given");
	if (w->n > h->most)
		return cli_usage("agent", "too many arguments are given");
	rc = agent_link_open(&link, w->word[0], w->timeout, &err);
	if (!rc)
		rc = h->run(&link, w, &err);
	agent_link_close(&link);
	return rc ? cli_error(err.msg) : STATUS_OK;
}

int cmd_agent(int argc, char **argv)
{
	struct agent_words w = { 0 };
	struct err err = { 0 };

	if (cli_wants_help(argc, argv))
		return help();
	if (opts_words(words, ARRAY_SIZE(words), "--", argc, argv, &w, &err))
		return cli_usage("agent", err.msg);
	if (w.help)
		return help();
	if (w.list) {
		agent_methods_show();
		return STATUS_OK;
	}
	if (w.n < 2)
		return cli_usage("agent", w.n ? "no method is given" : "no address is given");
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (!strcmp(helpers[i].name, w.word[1]))
			return run_helper(&helpers[i], &w);
	return run_call(&w);
}
