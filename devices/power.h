/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power-off and reset, as the FADT of a hardware-reduced ACPI machine names them (ACPI 6.5,
 * 4.8.3.7 and 4.8.3.6): three byte-wide registers, sleep control, sleep status and reset. All read
 * as 0. Sleep types other than S5's are dropped.
 */
#ifndef POSTHORN_DEVICES_POWER_H
#define POSTHORN_DEVICES_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"

#define POWER_SLEEP_CONTROL 0 /* offsets into the range, bytes */
#define POWER_SLEEP_STATUS  1
#define POWER_RESET	    2
#define POWER_REGISTERS	    4 /* bytes of address space */

#define POWER_SLEEP_TYPE_S5 5	 /* the SLP_TYP that the DSDT's \_S5 names */
#define POWER_RESET_VALUE   0x42 /* what the FADT says to write to the reset register */

enum power_request { POWER_OFF, POWER_RESTART };

struct power {
	/* Called by the vCPU thread that asked. Must not block. */
	void (*request)(void *opaque, enum power_request request);
	void *opaque;
	bool warned; /* false at first; for devices/power.c */
};

/* A bus_handler: @opaque is the struct power. */
void power_access(void *opaque, uint64_t offset, struct access *access);

#endif
