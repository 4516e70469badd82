/* A singly linked list with a bound; see park.h. */
#include "agent/park.h"

static void gone(void *arg)
{
	struct parked *p = arg;
	struct parked_list *list = p->list;

	for (struct parked **at = &list->first; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	ttrpc_fail(p->call, TTRPC_CANCELLED, "the caller has gone");
	free(p);
	if (list->left)
		list->left(list);
}

bool park(struct parked_list *list, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct parked *p, **at = &list->first;
	unsigned n = 0;

	for (; *at; at = &(*at)->next)
		n++;
	p = n < PARKED_MAX ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many calls wait for this");
		return false;
	}
	p->call = call;
	p->request = request;
	p->list = list;
	*at = p;
	ttrpc_on_gone(call, gone, p);
	return true;
}

struct ttrpc_call *unpark(struct parked_list *list)
{
	struct parked *p = list->first;
	struct ttrpc_call *call;

	if (!p)
		return NULL;
	call = p->call;
	list->first = p->next;
	ttrpc_on_gone(call, NULL, NULL);
	free(p);
	return call;
}
