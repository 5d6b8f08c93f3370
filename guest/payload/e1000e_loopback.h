/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's 82574 network card, QEMU's e1000e, that sends frames to itself: its MAC gives back what
 * it sends (RCTL.LBM), so all of it is DMA. One that is sent is received in a while, and in order.
 * Numbers are of the 82574 data sheet (Intel 317694).
 *
 * Tried on QEMU's e1000e. For a real 82574 Linux's driver uses the loopback of the PHY instead
 * (e1000_integrated_phy_loopback()).
 */
#ifndef POSTHORN_GUEST_PAYLOAD_E1000E_LOOPBACK_H
#define POSTHORN_GUEST_PAYLOAD_E1000E_LOOPBACK_H

#include <stdint.h>

#define E1000E_ID 0x10d38086 /* device and vendor */

#define E1000E_DESCRIPTORS 8 /* of 16 bytes: 128 is the least that a queue can have */
#define E1000E_FRAMES_MAX  (E1000E_DESCRIPTORS - 1) /* that can be on their way */
#define E1000E_FRAME_SIZE  1500

/* Legacy ones. */
struct e1000e_descriptor {
	uint64_t address;
	uint16_t length;
	uint8_t offset, command; /* of a frame that is sent; else a checksum */
	uint8_t status, more;
	uint16_t special;
};

/* What the card reads and writes, and where it is in that. */
struct e1000e_loopback {
	struct e1000e_descriptor transmit[E1000E_DESCRIPTORS] __attribute__((aligned(128)));
	struct e1000e_descriptor receive[E1000E_DESCRIPTORS] __attribute__((aligned(128)));
	uint8_t frame[E1000E_FRAME_SIZE];
	uint8_t buffers[E1000E_DESCRIPTORS][2048];
	uint64_t bar;
	uint16_t size;
	uint32_t next, received; /* descriptors: the next to be filled, and to come back */
};

/*
 * Set the card up whose registers are at @bar, with DMA turned on: frames of @size bytes, 60 to
 * E1000E_FRAME_SIZE. Fails the payload when it has no link.
 */
void e1000e_loopback_init(struct e1000e_loopback *loopback, uint64_t bar, uint16_t size);

/* Give the card back what it received. Returns how many frames that were. */
unsigned int e1000e_loopback_take(struct e1000e_loopback *loopback);

/* Let @count frames be there to be sent; E1000E_FRAMES_MAX at most are on their way with them. */
void e1000e_loopback_fill(struct e1000e_loopback *loopback, unsigned int count);

/* The store that sends them. */
void e1000e_loopback_send(const struct e1000e_loopback *loopback);

#endif
