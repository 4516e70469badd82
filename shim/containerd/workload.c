/* See workload.h. */
#define _GNU_SOURCE
#include "shim/containerd/workload_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "shim/containerd/bundle.h"
#include "shim/containerd/oci.h"
#include "shim/containerd/share.h"
#include "shim/containerd/text.h"

#define LIST_MAX 512

/* --- parts of the request --- */

/* Room for one more in a list of pointers. */
static int grow(void *list_of_pointers, size_t n)
{
	void ***list = list_of_pointers;
	void **more = n < LIST_MAX ? realloc(*list, (n + 1) * sizeof(**list)) : NULL;

	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

static bool set_text(char **field, const char *text)
{
	*field = strdup(text);
	return *field;
}

Grpc__Storage *workload_storage(struct workload *w, const char *driver, const char *source,
	const char *fstype, const char *mount_point)
{
	Grpc__CreateContainerRequest *r = w->request;
	Grpc__Storage *s = malloc(sizeof(*s));

	if (!s || grow(&r->storages, r->n_storages)) {
		free(s);
		return NULL;
	}
	grpc__storage__init(s);
	r->storages[r->n_storages++] = s;
	return set_text(&s->driver, driver) && set_text(&s->source, source) &&
			set_text(&s->fstype, fstype) && set_text(&s->mount_point, mount_point)
		? s
		: NULL;
}

Grpc__Device *workload_device(struct workload *w, const char *guest, const char *container)
{
	Grpc__CreateContainerRequest *r = w->request;
	Grpc__Device *d = malloc(sizeof(*d));

	if (!d || grow(&r->devices, r->n_devices)) {
		free(d);
		return NULL;
	}
	grpc__device__init(d);
	r->devices[r->n_devices++] = d;
	return set_text(&d->id, guest) && set_text(&d->type, "mmioblk") &&
			set_text(&d->vm_path, guest) && set_text(&d->container_path, container)
		? d
		: NULL;
}

int workload_option(char ***list, size_t *n, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (rc < 0 || grow(list, *n)) {
		free(rc < 0 ? NULL : text);
		return -ENOMEM;
	}
	(*list)[(*n)++] = text;
	return 0;
}

/* --- disks and shares --- */

static void destroy(struct workload *w)
{
	while (w->ncopies) {
		w->ncopies--;
		free(UNCONST(w->copy[w->ncopies].source));
		free(UNCONST(w->copy[w->ncopies].target));
	}
	if (w->request)
		grpc__create_container_request__free_unpacked(w->request, NULL);
	json_decref(w->spec);
	free(w);
}

/* One answer less is outstanding. */
static void settle(struct workload *w)
{
	void (*settled)(void *arg, int rc, const char *text) = w->settled;

	if (--w->plugging)
		return;
	w->settled = NULL;
	if (w->freed)
		destroy(w);
	else if (settled)
		settled(w->arg, w->plug_rc, w->plug_err.msg);
}

static void on_plugged(void *arg, int rc, const char *text)
{
	struct workload *w = arg;

	if (rc && !w->plug_rc)
		w->plug_rc = failx(&w->plug_err, rc, "plug a disk into the guest: %s", text);
	settle(w);
}

int workload_plug(struct workload *w, const char *path, bool readonly, char name[16],
	struct err *err)
{
	unsigned index;
	int rc;

	if (w->ndisks == WORKLOAD_DISKS)
		return failx(err, -E2BIG, "the container has too many disks");
	w->plugging++;
	rc = disks_plug(w->disks, path, readonly, &index, on_plugged, w, err);
	if (rc) {
		w->plugging--;
		return rc;
	}
	w->disk[w->ndisks++] = index;
	disks_name(name, index);
	return 0;
}

int workload_shared(struct workload *w, const char *name, struct err *err)
{
	char *copy = w->nshares < WORKLOAD_SHARES ? strdup(name) : NULL;

	if (!copy)
		return failx(err, -E2BIG, "the container has too many mounts");
	w->share[w->nshares++] = copy;
	return 0;
}

int workload_copy(struct workload *w, const char *source, const char *target, struct err *err)
{
	struct workload_copy *c = &w->copy[w->ncopies];

	if (w->ncopies == WORKLOAD_COPIES)
		return failx(err, -E2BIG, "the container has too many files that are copied");
	*c = (struct workload_copy){ strdup(source), strdup(target) };
	w->ncopies++;
	return c->source && c->target ? 0 : fail(err, -ENOMEM, "copy %s", source);
}

size_t workload_copies(const struct workload *w, const struct workload_copy **list)
{
	*list = w->copy;
	return w->ncopies;
}

/* --- making it --- */

static int make_request(struct workload *w, struct err *err)
{
	const char *pid = bundle_namespace(w->wish->spec, "pid");
	ProtobufCMessage *spec;
	int rc = oci_message(&spec, &grpc__spec__descriptor, w->spec, err);

	if (rc)
		return rc;
	w->request->oci = (Grpc__Spec *)spec;
	w->request->sandbox_pidns = !pid || *pid;
	if (set_text(&w->request->container_id, w->wish->id) &&
		set_text(&w->request->exec_id, w->wish->id))
		return 0;
	return fail(err, -ENOMEM, "make a container");
}

static int make(struct workload *w, struct err *err)
{
	int rc;

	w->request = malloc(sizeof(*w->request));
	w->spec = json_deep_copy(w->wish->spec);
	if (!w->request || !w->spec)
		return fail(err, -ENOMEM, "make a container");
	grpc__create_container_request__init(w->request);
	rc = workload_rootfs(w, err);
	if (!rc)
		rc = workload_mounts(w, err);
	if (!rc)
		rc = workload_devices(w, err);
	if (rc)
		return rc;
	workload_constrain(w);
	return make_request(w, err);
}

int workload_new(struct workload **out, const struct workload_wish *wish,
	void (*settled)(void *arg, int rc, const char *text), void *arg, struct err *err)
{
	struct workload *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return fail(err, -ENOMEM, "make a container");
	w->wish = wish;
	w->disks = wish->disks;
	w->settled = settled;
	w->arg = arg;
	w->plugging = 1;
	rc = make(w, err);
	w->wish = NULL;
	json_decref(w->spec);
	w->spec = NULL;
	if (rc)
		workload_free(w);
	else
		*out = w;
	settle(w);
	return rc;
}

static void give_back(struct workload *w)
{
	while (w->nshares) {
		share_remove(w->share[--w->nshares]);
		free(w->share[w->nshares]);
	}
	while (w->ndisks)
		disks_drop(w->disks, w->disk[--w->ndisks]);
}

/* While a disk is being plugged its answer is outstanding: that one frees it then. */
void workload_free(struct workload *w)
{
	if (!w)
		return;
	w->settled = NULL;
	w->freed = true;
	give_back(w);
	if (!w->plugging)
		destroy(w);
}

const Grpc__CreateContainerRequest *workload_request(const struct workload *w)
{
	return w->request;
}
