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

#include <stdbool.h>
#include <stdint.h>

#define GIC_PPI	    16	 /* the first of the CPU's own peripherals' interrupts */
#define GIC_SPI	    32	 /* the first of the shared peripheral interrupts... */
#define GIC_SPI_END 1020 /* ...and one past the last */
#define GIC_LPI	    8192

/* Find the controller in the device tree, and let its interrupts in. */
void gic_init(void);

/*
 * Raise @vector for the line of @intid, GIC_SPI to GIC_SPI_END. @level: for as long as the line is
 * up, so that the handler must make the device let go. Otherwise when it rises, and that can be
 * asked for where the device is level-triggered too: then the handler need not know how.
 */
void gic_spi_enable(unsigned int intid, bool level, unsigned int vector);

/* Raise @vector for as long as the line of @intid, GIC_PPI to GIC_SPI, of this CPU is up. */
void gic_ppi_enable(unsigned int intid, unsigned int vector);

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
