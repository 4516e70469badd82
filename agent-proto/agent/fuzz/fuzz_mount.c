/*
 * The text that mounting reads. The first line is a line of mountinfo, the second a PCI path with a
 * blank and a path of sysfs, each further one a word of a list of mount options.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "agent/device_find.h"
#include "agent/mount.h"
#include "agent/mount_path.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void mountinfo(const char *line)
{
	char path[32];
	const char *rel;

	if (mount_parse_line(line, path, sizeof(path)))
		must(strlen(path) < sizeof(path) && path[0]);
	rel = path_below("/run/k", line);
	must(!rel || (rel >= line && rel <= line + strlen(line) && *rel != '/'));
}

static void pci(char *line)
{
	char *sysfs = strchr(line, ' ');

	if (!sysfs)
		return;
	*sysfs++ = '\0';
	must(!pci_path_matches(sysfs, line) || strstr(sysfs, "/pci0000:00/"));
}

static void options(char **words, size_t n)
{
	struct mount_opts o;

	if (mount_opts_parse(&o, words, n, NULL))
		return;
	must(strlen(o.data) <= 4095);
	must(!(o.flags & (MS_PRIVATE | MS_SHARED | MS_SLAVE | MS_UNBINDABLE)));
	must(!o.has_mode || o.mode <= 07777);
	mount_opts_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *line[WORDS_MAX], *rest = text;
	size_t n = 0;

	while (rest && n < WORDS_MAX)
		line[n++] = strsep(&rest, "\n");
	if (n > 0)
		mountinfo(line[0]);
	if (n > 1)
		pci(line[1]);
	if (n > 2)
		options(line + 2, n - 2);
	free(text);
	return 0;
}
