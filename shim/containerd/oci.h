/*
 * From the OCI specification's JSON to the agent's protobuf form of it. The two have the same
 * structure and nearly the same names: oci.proto's differ in case only ("oomScoreAdj" is
 * "OOMScoreAdj"). What the agent's form has no field for is left out. Pure; any thread.
 */
#ifndef SAMPAN_CONTAINERD_OCI_H
#define SAMPAN_CONTAINERD_OCI_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include "core/err.h"

/* type: of grpc.Spec, grpc.Process, grpc.LinuxResources... *out is the caller's, for
 * protobuf_c_message_free_unpacked(). json is borrowed. */
int oci_message(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type, const json_t *json,
	struct err *err) MUST_USE;

#endif
