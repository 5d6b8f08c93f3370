/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of this process to be a guest's RAM: of which pages and where, and whether it is there. */
#ifndef POSTHORN_KVM_RAM_H
#define POSTHORN_KVM_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"

#define RAM_THREADS_MAX 64
#define RAM_NODES_MAX	1024

struct ram_config {
	uint64_t huge_page_size; /* from the host's pool of pages of so many bytes; 0: ordinary ones
				  */
	/*
	 * How many threads make all of it be there before ram_map() returns, the caller's included;
	 * 0: pages come when they are used, but for those of a pool.
	 */
	unsigned int prefault;
	bool has_node; /* it comes from NUMA node @node, and from no other */
	unsigned int node;
	/* How much is there by now, in bytes, again and again; the caller's thread. NULL: none. */
	void (*progress)(void *opaque, uint64_t done, uint64_t total);
	void *opaque;
};

/*
 * Map @size bytes as @config says, zeroed; a multiple of its huge pages. Returns where, the
 * caller's to munmap(2), or NULL with the reason in @why. Starts threads, and ends them: not to be
 * called when filters are there.
 */
void *ram_map(size_t size, const struct ram_config *config, char why[WHY_SIZE]);

#endif
