/* SPDX-License-Identifier: BSD-2-Clause */
/* NUMA nodes of the host: which of them have memory that this process may use. */
#ifndef POSTHORN_VMM_HOST_NODE_H
#define POSTHORN_VMM_HOST_NODE_H

#include "lib/log.h"

/*
 * May memory come from @node, by the files below @root? EXIT_OK, or EXIT_USAGE or EXIT_HOST as
 * host_node_check() has it, with a phrase that says why in @why and one that mends it in @remedy.
 */
enum exit_code host_node_usable(const char *root, unsigned int node, char why[WHY_SIZE],
				char remedy[WHY_SIZE]);

#endif
