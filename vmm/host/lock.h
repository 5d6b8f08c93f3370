/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory this process may lock, which pinning it for DMA does. */
#ifndef POSTHORN_VMM_HOST_LOCK_H
#define POSTHORN_VMM_HOST_LOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * How many bytes this process may pin for DMA; UINT64_MAX: there is no limit for it, as with
 * CAP_IPC_LOCK in the initial user namespace.
 */
uint64_t host_lock_limit(void);

/* What lets this process pin @size bytes, as the end of a message, into @remedy of @room bytes. */
void host_lock_remedy(uint64_t size, char *remedy, size_t room);

#endif
