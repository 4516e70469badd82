/* What the runtime wants to know of the guest, and the clock and entropy that it gives. */
#define _GNU_SOURCE
#include "agent/guest.h"

#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "agent/agent.h"
#include "agent/device.h"
#include "agent/hotplug.h"
#include "agent/rpc.h"
#include "agent/storage.h"
#include "ttrpc/utf8.h"

#define SEED_MAX	512 /* bytes at a time; the kernel's pool is smaller */
#define TERMINATION_MAX (64 * KiB)

/* --- GetGuestDetails -------------------------------------------------------------------------- */

/* A copy of a NULL-terminated list. */
static char **copy_names(const char *const *names, size_t *n)
{
	char **copy;

	for (*n = 0; names[*n]; (*n)++)
		;
	copy = calloc(*n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < *n; i++)
		copy[i] = strdup(names[i]);
	if (!copy)
		*n = 0;
	return copy;
}

int rpc_get_guest_details(struct agent *a, const void *request, void *response, struct err *err)
{
	static const char *const features[] = { "seccomp", NULL };
	const Grpc__GuestDetailsRequest *req = request;
	Grpc__GuestDetailsResponse *answer = response;
	Grpc__AgentDetails *d = malloc(sizeof(*d));

	if (!d)
		return fail(err, -ENOMEM, "describe the agent");
	grpc__agent_details__init(d);
	answer->agent_details = d;
	d->version = strdup(SAMPAN_VERSION);
	d->init_daemon = a->config.init;
	d->device_handlers = copy_names(device_drivers(), &d->n_device_handlers);
	d->storage_handlers = copy_names(storage_drivers(), &d->n_storage_handlers);
	d->supports_seccomp = true; /* crun's */
	d->extra_features = copy_names(features, &d->n_extra_features);
	answer->mem_block_size_bytes = hotplug_block_size("/sys");
	if (req->mem_hotplug_probe)
		answer->support_mem_hotplug_probe = hotplug_can_probe("/sys");
	return 0;
}

/* --- the clock and entropy -------------------------------------------------------------------- */

int rpc_set_guest_date_time(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__SetGuestDateTimeRequest *req = request;
	struct timespec ts = { .tv_sec = req->sec, .tv_nsec = req->usec * 1000 };

	(void)a;
	(void)response;
	if (req->sec < 0 || req->usec < 0 || req->usec > 999999)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%lld s %lld us is no time",
			(long long)req->sec, (long long)req->usec);
	if (clock_settime(CLOCK_REALTIME, &ts))
		return fail(err, -errno, "set the clock");
	return 0;
}

int rpc_reseed_random_dev(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__ReseedRandomDevRequest *req = request;
	_Alignas(struct rand_pool_info) char buf[sizeof(struct rand_pool_info) + SEED_MAX];
	struct rand_pool_info *info = (struct rand_pool_info *)(void *)buf;
	AUTO_FD fd = open("/dev/random", O_WRONLY | O_CLOEXEC);

	(void)a;
	(void)response;
	if (fd < 0)
		return fail(err, -errno, "open /dev/random");
	for (size_t done = 0, n; done < req->data.len; done += n) {
		n = MIN(req->data.len - done, (size_t)SEED_MAX);
		info->buf_size = (int)n;
		info->entropy_count = (int)n * 8;
		memcpy(buf + sizeof(*info), req->data.data + done, n);
		if (ioctl(fd, RNDADDENTROPY, info))
			return fail(err, -errno, "add entropy to /dev/random");
	}
	if (ioctl(fd, RNDRESEEDCRNG))
		return fail(err, -errno, "reseed /dev/random");
	return 0;
}

/* --- GetDiagnosticData ------------------------------------------------------------------------ */

/* The file that the container sees at path. Among the mounts of its bundle, the last one wins. */
static const char *mount_source(const json_t *bundle, const char *path)
{
	const json_t *mounts = json_object_get(bundle, "mounts"), *m;
	const char *found = NULL;

	for (size_t i = 0; i < json_array_size(mounts); i++) {
		const char *at;

		m = json_array_get(mounts, i);
		at = json_string_value(json_object_get(m, "destination"));
		if (at && !strcmp(at, path))
			found = json_string_value(json_object_get(m, "source"));
	}
	return found;
}

const char *guest_termination_log(const json_t *bundle)
{
	static const char key[] = "io.kubernetes.container.terminationMessagePath";
	const char *path = json_string_value(
		json_object_get(json_object_get(bundle, "annotations"), key));

	return mount_source(bundle, path && *path ? path : "/dev/termination-log");
}

/* A regular file's first bytes as a string of the protocol. The container writes the file: it can
 * be anything, and its text too. */
static int read_text(const char *path, char **out, struct err *err)
{
	AUTO_FREE char *text = malloc(TERMINATION_MAX + 1);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (!text)
		return fail(err, -ENOMEM, "read %s", path);
	if (fd < 0 || fstat(fd, &st))
		return fail(err, -errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return failx(err, -EINVAL, "%s is no file", path);
	n = read(fd, text, TERMINATION_MAX);
	if (n < 0)
		return fail(err, -errno, "read %s", path);
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
	text[n] = 0;
	utf8_clean(text);
	*out = take(&text);
	return 0;
}

static bool plain_name(const char *id)
{
	return *id && strlen(id) < 256 && !strchr(id, '/') && strcmp(id, ".") && strcmp(id, "..");
}

int rpc_get_diagnostic_data(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__GetDiagnosticDataRequest *req = request;
	Grpc__GetDiagnosticDataResponse *answer = response;
	char path[sizeof(a->config.run_dir) + 300];
	const char *log;
	json_t *bundle;
	int r;

	if (!strstr(req->log_type, "termination"))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT,
			"there is no diagnostic data of the type %s", req->log_type);
	if (!plain_name(req->container_id))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "invalid container id");
	snprintf(path, sizeof(path), "%s/agent/bundle/%s/config.json", a->config.run_dir,
		req->container_id);
	bundle = json_load_file(path, 0, NULL);
	if (!bundle)
		return rpc_fail(err, TTRPC_NOT_FOUND, "container %s not found", req->container_id);
	log = guest_termination_log(bundle);
	r = log ? read_text(log, &answer->data, err)
		: rpc_fail(err, TTRPC_NOT_FOUND, "container %s has no termination log",
			  req->container_id);
	json_decref(bundle);
	return r;
}
