/*
 * sampan-stratovirt: what Kata's [hypervisor.stratovirt] has as its path. Words in, a machine,
 * status out; the rest is in options.h, config.h, life.h and front.h.
 */
#include "core/streams.h"
#include "shim/stratovirt/front.h"

int main(int argc, char **argv)
{
	AUTO_FREE struct sv_options *options = calloc(1, sizeof(*options));
	struct err err = { 0 };
	int status = STATUS_OK;

	streams_fill();
	if (!options)
		return front_error(STATUS_ERROR, "out of memory");
	if (sv_options_parse(options, argc - 1, argv + 1, &err))
		status = front_error(STATUS_USAGE, err.msg);
	else if (options->help)
		sv_options_help(stdout);
	else if (options->version)
		printf(FRONT_NAME " %s\n", SAMPAN_VERSION);
	else
		status = front_run(options);
	sv_options_free(options);
	return status;
}
