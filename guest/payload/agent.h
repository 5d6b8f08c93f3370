/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The payload that does what a test tells it, and how the two talk. The test (tests/kvm/guest.h)
 * runs the VM itself: it fills in the mailbox and raises AGENT_VECTOR_CALL; the agent carries the
 * command out, outside of interrupt context, and rings the doorbell. A write to the doorbell leaves
 * the guest, for there is no memory there.
 *
 * Every other interrupt is counted by ringing too, before it is acknowledged. AGENT_VECTOR_CALL is
 * the lowest of all, and so a call that returns says that no interrupt is left undone.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_AGENT_H
#define POSTHORN_GUEST_PAYLOAD_AGENT_H

#include <stdint.h>

#include "guest/layout.h"

#define AGENT_MAILBOX	  (LAYOUT_RAM + 0x100000) /* struct agent_mailbox */
#define AGENT_DOORBELL	  0xd0000000 /* write 4 bytes: the vector that was handled, or... */
#define AGENT_DONE	  0x100	     /* ...the command was carried out (the first time: ready) */
#define AGENT_VECTOR_CALL 0x20
#define AGENT_REQUESTER	  0 /* the device that sends the messages (message_for() of payload.h) */

enum agent_command {
	AGENT_NOTHING,
	AGENT_READ,  /* 4 bytes at address, to value */
	AGENT_WRITE, /* 4 bytes of value to address */
	AGENT_SEND,  /* value bytes to the serial port: 0, 1, 2... without looking at its state */
	AGENT_SPIN,  /* run in a circle until value is not 0 */
};

struct agent_mailbox {
	uint64_t command; /* enum agent_command */
	uint64_t address; /* guest-physical */
	uint64_t value;
	uint64_t posted; /* a test's; at each interrupt but calls the agent copies it... */
	uint64_t seen;	 /* ...to here */
};

#endif
