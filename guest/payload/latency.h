/* SPDX-License-Identifier: BSD-2-Clause */
/* What the sources of interrupts ask the latency program. */
#ifndef POSTHORN_GUEST_PAYLOAD_LATENCY_H
#define POSTHORN_GUEST_PAYLOAD_LATENCY_H

#include <stdint.h>

/* Where posthorn's doorbell is (vmm/latency/doorbell.h); 0: this is not posthorn latency. */
uint64_t latency_doorbell(void);

#endif
