/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of posthorn's doorbell (vmm/latency/doorbell.h): 32 bits each, other accesses are
 * dropped.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_DOORBELL_H
#define POSTHORN_GUEST_PAYLOAD_DOORBELL_H

#define DOORBELL_ADDRESS_LOW  0x00 /* of the message */
#define DOORBELL_ADDRESS_HIGH 0x04
#define DOORBELL_DATA	      0x08
#define DOORBELL_CONTROL      0x0c /* bit 0: connect it; reads whether it is connected */
#define DOORBELL_RAISE	      0x10 /* a write of any value raises the interrupt */
#define DOORBELL_MARK	      0x14 /* 1 when measuring begins, 0 when it ends */
#define DOORBELL_RAISE_THREAD 0x18 /* the same, by a thread of posthorn; where it has one */
#define DOORBELL_TAKEN	      0x1c /* how many interrupts came of those that were raised */
#define DOORBELL_BREAK	      0x20 /* an interrupt took longer than break=, so many microseconds */
/*
 * Look at KVM's counters. Bits 31:8: how many interrupts were measured since the last look or MARK.
 * Bits 7:0: which of the longest the last of them was, from 0; those from there on move down. From
 * LATENCY_WORST_MAX on: none of them.
 */
#define DOORBELL_LOOK	   0x24
#define DOORBELL_REGISTERS 0x28 /* bytes of address space */

/* Each CPU may have one of its own: MARK, BREAK, TAKEN and LOOK are the first one's. */
#define DOORBELL_STRIDE	  0x40
#define DOORBELL_CPUS_MAX 8

/* The requester that the interrupt controller is told of: 00:1f.0, where nothing else is. */
#define DOORBELL_DEVICE_ID 0xf8

#endif
