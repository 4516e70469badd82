/*
 * Fuzzes a QMP session with the machine's and the disks' commands over a fake machine. The input's
 * first byte chooses the portions in which the rest arrives, of which some bring descriptors; after
 * each portion part of the output is taken away. Whatever comes, output stays bounded, every reply
 * is a line of valid JSON, and a session that ended takes no more.
 */
#include "shim/qmp/session.h"

#include <fcntl.h>
#include <string.h>
#include "shim/qmp/block_commands.h"
#include "shim/qmp/test/fake_vm.h"
#include "shim/qmp/vm_commands.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
	char *text;
	size_t len;
};

static void on_quit(void *arg)
{
	++*(unsigned *)arg;
}

/* Takes at most max bytes of what waits. */
static void read_some(struct qmp_session *s, struct reader *r, size_t max)
{
	size_t len;
	const char *out = qmp_session_output(s, &len);
	char *grown;

	if (len > QMP_OUTPUT_MAX)
		abort();
	len = MIN(len, max);
	grown = realloc(r->text, r->len + len + 1);
	if (!grown)
		abort();
	r->text = grown;
	if (len)
		memcpy(r->text + r->len, out, len);
	r->len += len;
	r->text[r->len] = 0;
	if (len)
		qmp_session_sent(s, len);
}

static void check_replies(const struct reader *r)
{
	for (char *p = r->text; *p;) {
		char *end = strstr(p, "\r\n");
		json_t *reply = end ? json_loadb(p, (size_t)(end - p), 0, NULL) : NULL;

		if (!json_is_object(reply))
			abort();
		json_decref(reply);
		p = end + 2;
	}
}

/* Every fourth portion brings one or two. */
static void send_fds(struct qmp_session *s, size_t left)
{
	int fds[2];
	size_t n = 1 + left / 4 % 2;

	if (left % 4)
		return;
	for (size_t i = 0; i < n; i++) {
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fds[i] < 0)
			abort(); /* they have not been closed */
	}
	qmp_session_fds(s, fds, n);
}

static void converse(struct qmp_session *s, struct reader *r, const uint8_t *data, size_t size,
	size_t portion)
{
	while (size) {
		size_t n = MIN(portion, size), taken;

		send_fds(s, size);
		taken = qmp_session_input(s, (const char *)data, n);
		if (taken > n)
			abort();
		data += taken;
		size -= taken;
		if (s->closing || s->dead)
			break;
		read_some(s, r, taken ? portion * 8 : SIZE_MAX);
	}
	if ((s->closing || s->dead) && qmp_session_input(s, "{}", 2))
		abort();
	if (!s->dead) {
		read_some(s, r, SIZE_MAX);
		check_replies(r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vm vm = {
		.info = { .state = VM_RUNNING, .name = "fuzz", .cpus = 2, .ndevices = 2 }
	};
	unsigned quits = 0;
	struct qmp_vm q = { .vm = &vm, .quit = on_quit, .arg = &quits };
	struct qmp_fds fds = { 0 };
	struct qmp_blocks blocks = { .vm = &vm, .slots = 4, .fds = &fds };
	const struct qmp_table tables[] = { qmp_vm_table(&q), qmp_blocks_table(&blocks),
		qmp_fds_table(&fds) };
	const struct qmp_dialect dialect = { 5, 0, 0, "fuzz", tables, 3, &fds };
	struct reader reader = { 0 };
	struct qmp_session session;

	if (!size)
		return 0;
	json_object_seed(1);
	qmp_session_init(&session, &dialect);
	converse(&session, &reader, data + 1, size - 1, data[0] ? data[0] : 4096);
	qmp_session_fini(&session);
	qmp_blocks_fini(&blocks);
	free(reader.text);
	return 0;
}
