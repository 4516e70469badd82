/*
 * `sampan ctl PATH plug FILE[,ro][,id=S]`: opens the file here and sends the monitor the
 * descriptor, so that a monitor which can open nothing gets its disk all the same. Owner: ctl.c.
 */
#ifndef SAMPAN_CLI_CTL_PLUG_H
#define SAMPAN_CLI_CTL_PLUG_H

#include "shim/cli/client.h"
#include "shim/opts/opts.h"

#define PLUG_ID_MAX 20 /* bytes of a virtio disk's serial number */

struct plug {
	const char *path, *wanted; /* id=, NULL: of the file's name */
	bool readonly;
	char id[PLUG_ID_MAX + 1];
	struct opts_texts texts;
};

/* Only the words; spec is the command's argument. */
int plug_parse(struct plug *p, const char *spec, struct err *err) MUST_USE;
void plug_free(struct plug *p);

/*
 * Opens, sends, plugs; what was done is undone where the last step fails. *reply (NULL before) is
 * the last one's, a new reference, with the id in its value; or the first that holds an error.
 */
int plug_run(const struct plug *p, struct client *c, json_t **reply, struct err *err) MUST_USE;

#endif
