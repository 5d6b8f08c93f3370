/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same card as in source_e1000e.c, which here raises an interrupt because data came: a frame is
 * sent, the card gives it back to itself, and it is received (e1000e_loopback.h). The store is that
 * of the transmit queue's tail. What follows until the interrupt is the card's: it reads a
 * descriptor and the frame, and writes the frame and a descriptor, by DMA.
 */
#include "guest/payload/e1000e_loopback.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define FRAME_SIZE 60 /* the least, without the checksum */

static struct e1000e_loopback loopback __attribute__((aligned(4096)));

static void traffic_init(unsigned int vector)
{
	source_e1000e.init(vector);
	e1000e_loopback_init(&loopback, pci_bar(source_e1000e.config(), 0), FRAME_SIZE);
}

static void traffic_intx_init(unsigned int vector)
{
	source_e1000e.intx_init(vector);
	e1000e_loopback_init(&loopback, pci_bar(source_e1000e.config(), 0), FRAME_SIZE);
}

static void traffic_prepare(void)
{
	e1000e_loopback_take(&loopback);
	e1000e_loopback_fill(&loopback, 1);
}

static void traffic_raise(void)
{
	e1000e_loopback_send(&loopback);
}

static void traffic_acknowledge(void)
{
	source_e1000e.intx_acknowledge();
}

static uint64_t traffic_config(void)
{
	return source_e1000e.config();
}

/* Masking and the like are measured with the card's other source. */
const struct source source_e1000e_traffic = {
	.name = "e1000e-traffic",
	.interval = 200, /* as of the other source */
	.init = traffic_init,
	.intx_init = traffic_intx_init,
	.prepare = traffic_prepare,
	.raise = traffic_raise,
	.intx_acknowledge = traffic_acknowledge,
	.config = traffic_config,
};
