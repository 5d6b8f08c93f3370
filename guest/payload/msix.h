/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI-X of a PCI function (PCI Local Bus 3.0, 6.8.2), as payloads use it: entry 0 of the table. */
#ifndef POSTHORN_GUEST_PAYLOAD_MSIX_H
#define POSTHORN_GUEST_PAYLOAD_MSIX_H

#include <stdbool.h>
#include <stdint.h>

struct msix {
	uint64_t config; /* of the function */
	uint64_t entry;	 /* address of entry 0 */
};

/*
 * Find the table of the function at @config, whose memory must be on, and turn MSI-X on with entry
 * 0 masked. Fails the payload if it has no MSI-X.
 */
void msix_init(struct msix *msix, uint64_t config);

/* Let entry 0 raise @vector on this CPU. */
void msix_vector_set(const struct msix *msix, unsigned int vector);

void msix_mask(const struct msix *msix, bool masked);

/*
 * Let entry 0, which is not masked, raise @vector instead: as Linux does it, masked meanwhile, so
 * that no interrupt goes to a half-written message.
 */
void msix_move(const struct msix *msix, unsigned int vector);

#endif
