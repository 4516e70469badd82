/* See bootstrap.h. */
#include "shim/containerd/bootstrap.h"

#include <string.h>
#include "bootstrap.pb-c.h"
#include "containerd.pb-c.h"
#include "options.pb-c.h"
#include "shim/containerd/text.h"
#include "ttrpc/budget.h"

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams Params;

#define OPTIONS_URL "runtimeoptions.v1.Options"

static char *copy_text(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

/* Options of other runtimes (ctr sends runc's) are none of ours. Of several, the last ones count.
 */
static void take_options(struct bootstrap *b, const char *url, const void *data, size_t len)
{
	struct budget budget = { .left = BUDGET_MESSAGE };
	Runtimeoptions__V1__Options *o;
	size_t taken;

	if (strcmp(url, OPTIONS_URL) != 0)
		return;
	o = (void *)budget_unpack(&budget, &runtimeoptions__v1__options__descriptor, data, len,
		&taken);
	if (!o)
		return;
	free(b->config_path);
	free(b->config_text);
	b->config_text = NULL;
	b->config_len = 0;
	b->config_path = copy_text(o->config_path);
	if (!b->config_path && o->config_body.len) {
		b->config_text = strndup((const char *)o->config_body.data, o->config_body.len);
		b->config_len = b->config_text ? strlen(b->config_text) : 0;
	}
	runtimeoptions__v1__options__free_unpacked(o, NULL);
}

static void take_params(struct bootstrap *b, const Params *p)
{
	b->modern = true;
	b->debug = p->log_level < 0;
	b->ttrpc_address = copy_text(p->containerd_ttrpc_address);
	b->socket_dir = copy_text(p->socket_dir);
	for (size_t i = 0; i < p->n_extensions; i++)
		if (p->extensions[i]->value)
			take_options(b, p->extensions[i]->value->type_url,
				p->extensions[i]->value->value.data,
				p->extensions[i]->value->value.len);
}

static bool take_modern(struct bootstrap *b, const void *data, size_t len, const char *id,
	const char *namespace)
{
	struct budget budget = { .left = BUDGET_MESSAGE };
	size_t taken;
	Params *p = (void *)budget_unpack(&budget,
		&containerd__runtime__bootstrap__v1__bootstrap_params__descriptor, data, len,
		&taken);

	if (!p)
		return false;
	if (!strcmp(p->instance_id, id) && !strcmp(p->namespace_, namespace))
		take_params(b, p);
	containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(p, NULL);
	return b->modern;
}

int bootstrap_parse(struct bootstrap *b, const void *data, size_t len, const char *id,
	const char *namespace, struct err *err)
{
	struct budget budget = { .left = BUDGET_MESSAGE };
	Google__Protobuf__Any *any;
	size_t taken;

	*b = (struct bootstrap){ 0 };
	if (!len || take_modern(b, data, len, id, namespace))
		return 0;
	any = (void *)budget_unpack(&budget, &google__protobuf__any__descriptor, data, len, &taken);
	if (!any)
		return failx(err, -EINVAL,
			"what containerd wrote to the standard input is neither BootstrapParams nor "
			"options");
	take_options(b, any->type_url, any->value.data, any->value.len);
	google__protobuf__any__free_unpacked(any, NULL);
	return 0;
}

void bootstrap_free(struct bootstrap *b)
{
	free(b->ttrpc_address);
	free(b->socket_dir);
	free(b->config_path);
	free(b->config_text);
	*b = (struct bootstrap){ 0 };
}

struct config_source bootstrap_config(const struct bootstrap *b)
{
	return (struct config_source){ b->config_path, b->config_text, b->config_len };
}

static int pack(const ProtobufCMessage *m, void **data, size_t *len, struct err *err)
{
	*len = protobuf_c_message_get_packed_size(m);
	*data = malloc(*len + 1);
	if (!*data)
		return fail(err, -ENOMEM, "answer containerd");
	protobuf_c_message_pack(m, *data);
	return 0;
}

/*
 * The mount manager of containerd leaves the layers of the erofs snapshotter to us, as files for
 * virtio-blk; "mkfs" stays its own, so it makes the writable image.
 */
static int claim_mounts(Google__Protobuf__Any *any, void **data, struct err *err)
{
	static char *types[] = { UNCONST("erofs") };
	static char *transforms[] = { UNCONST("format"), UNCONST("mkdir") };
	Containerd__Types__MountCapabilities claim = FRESH(containerd__types__mount_capabilities);

	claim.types = types;
	claim.n_types = ARRAY_SIZE(types);
	claim.transforms = transforms;
	claim.n_transforms = ARRAY_SIZE(transforms);
	any->type_url = UNCONST("containerd.types.MountCapabilities");
	if (pack(&claim.base, data, &any->value.len, err))
		return -ENOMEM;
	any->value.data = *data;
	return 0;
}

static int answer_modern(const char *address, void **data, size_t *len, struct err *err)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapResult result = FRESH(
		containerd__runtime__bootstrap__v1__bootstrap_result);
	Containerd__Runtime__Bootstrap__V1__Extension
		extension = FRESH(containerd__runtime__bootstrap__v1__extension),
		*extensions[] = { &extension };
	Google__Protobuf__Any any = FRESH(google__protobuf__any);
	void *claim = NULL;
	int rc = claim_mounts(&any, &claim, err);

	extension.value = &any;
	result.version = 3;
	result.address = UNCONST(address);
	result.protocol = UNCONST("ttrpc");
	result.extensions = extensions;
	result.n_extensions = 1;
	if (!rc)
		rc = pack(&result.base, data, len, err);
	free(claim);
	return rc;
}

int bootstrap_answer(const struct bootstrap *b, const char *address, void **data, size_t *len,
	struct err *err)
{
	if (b->modern)
		return answer_modern(address, data, len, err);
	*data = strdup(address);
	*len = strlen(address);
	return *data ? 0 : fail(err, -ENOMEM, "answer containerd");
}
