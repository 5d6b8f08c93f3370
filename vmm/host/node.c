/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/node.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "vmm/affinity.h"
#include "vmm/host.h"

#define NODES "/sys/devices/system/node/has_memory"

/* Numbers of nodes are written as those of CPUs are. */
static bool list_has(const char *list, unsigned int number)
{
	cpu_set_t set;

	return cpu_list_parse(&list, &set, NULL, CPU_SETSIZE) > 0 && CPU_ISSET(number, &set);
}

/* The nodes that the cpuset of this process has, of which there is a line in its status. */
static bool node_allowed(const char *root, unsigned int node)
{
	static const char name[] = "Mems_allowed_list:\t";
	char path[PATH_MAX], text[4096];
	const char *at;

	file_path_set(path, root, "/proc/self/status");
	if (file_read_text(path, text, sizeof(text)) < 0)
		return true;
	at = strstr(text, name);
	return !at || list_has(at + strlen(name), node);
}

enum exit_code host_node_usable(const char *root, unsigned int node, char why[WHY_SIZE],
				char remedy[WHY_SIZE])
{
	char path[PATH_MAX], nodes[256];
	int length;

	file_path_set(path, root, NODES);
	length = file_read_text(path, nodes, sizeof(nodes));
	if (length < 0 && length != -ENOENT) {
		snprintf(why, WHY_SIZE, "node=%u: " NODES ": %s", node, strerror(-length));
		snprintf(remedy, WHY_SIZE, "leave node= out, if it cannot be made readable");
		return EXIT_HOST;
	}
	if (length < 0) {
		snprintf(why, WHY_SIZE, "node=%u: this host's kernel knows no NUMA nodes", node);
		snprintf(remedy, WHY_SIZE, "leave node= out");
		return EXIT_USAGE;
	}
	if (!list_has(nodes, node)) {
		snprintf(why, WHY_SIZE, "node=%u: this host has no NUMA node %u with memory", node,
			 node);
		snprintf(remedy, WHY_SIZE, "give one that has: %s", nodes);
		return EXIT_USAGE;
	}
	if (!node_allowed(root, node)) {
		snprintf(why, WHY_SIZE,
			 "node=%u: the cpuset of this process does not have NUMA node %u", node,
			 node);
		snprintf(remedy, WHY_SIZE,
			 "add it to cpuset.mems of its control group (systemd: "
			 "AllowedMemoryNodes=; docker run --cpuset-mems)");
		return EXIT_HOST;
	}
	return EXIT_OK;
}

int host_node_check(unsigned int node)
{
	char why[WHY_SIZE], remedy[WHY_SIZE];
	enum exit_code code = host_node_usable("", node, why, remedy);

	if (code)
		log_error("--memory: %s; %s", why, remedy);
	return code;
}
