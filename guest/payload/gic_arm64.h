/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller, GICv3 or GICv4 with an ITS (Arm IHI 0069): for the arm64 part of the
 * runtime. Everything goes to the CPU that calls gic_init().
 *
 * The vectors of payload.h are given to the controller's interrupts (INTID): a message is an LPI,
 * GIC_LPI + vector, whoever sends it. Priorities are as on x86-64, where a higher vector goes
 * first, in groups of 8: virtual GICs have no more than 32 priorities.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_GIC_ARM64_H
#define POSTHORN_GUEST_PAYLOAD_GIC_ARM64_H

#include <stdint.h>

#define GIC_SPI	     32	  /* the first of the shared peripheral interrupts... */
#define GIC_SPI_END  1020 /* ...and one past the last */
#define GIC_SPURIOUS 1023
#define GIC_LPI	     8192

/* Find the controller in the device tree, and let its interrupts in. */
void gic_init(void);

/*
 * Raise @vector when the line of @intid, GIC_SPI to GIC_SPI_END, rises. Also where it is level-
 * triggered: once for each time, so that a handler need not know how to make the device let go.
 */
void gic_spi_enable(unsigned int intid, unsigned int vector);

/*
 * Raise @vector when the ITS's device @requester (a PCI requester id) writes @vector to the address
 * that this returns.
 */
uint64_t gic_message_enable(uint32_t requester, unsigned int vector);

/* What start_arm64.S calls for an interrupt. */
void interrupt_dispatch(void);

/* What that calls: the handler of @vector. In payload_arm64.c. */
void interrupt_handle(unsigned int vector);

#endif
