/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capabilities of a function, as its configuration space lists them (PCI Local Bus 3.0, 6.7;
 * PCI Express Base 6.0, 7.6.3), for those who tell what a device has. What a guest is to see of
 * them is vfio/config.h's business.
 */
#ifndef POSTHORN_VMM_HOST_CAPABILITIES_H
#define POSTHORN_VMM_HOST_CAPABILITIES_H

#include <stddef.h>
#include <stdint.h>

/* A list in 256 bytes from 0x40 on, and one in 4 KiB from 0x100 on: 4 bytes each at least. */
#define CAPABILITIES_MAX (48 + 960)

struct capability {
	uint16_t id, offset; /* offset: in configuration space, 0x100 and up: an extended one */
};

/*
 * List the capabilities in the first @size bytes of a configuration space (with less than 256 there
 * are none to be known), in its order, the ordinary ones first. The lists are not trusted: they end
 * at the first offset that was there before, is in the header, or leaves no room. Returns how many
 * there are.
 */
unsigned int capabilities_list(const uint8_t *config, size_t size,
			       struct capability list[CAPABILITIES_MAX]);

#endif
