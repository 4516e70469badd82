/* The services of the agent: every method that it knows, by name. */
#ifndef SAMPAN_AGENT_SERVICE_H
#define SAMPAN_AGENT_SERVICE_H

#include "ttrpc/server.h"

#define AGENT_SERVICES 2

/* For ttrpc_server_new(), with the agent as arg. */
const struct ttrpc_service *agent_services(void);

#endif
