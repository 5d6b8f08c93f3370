/* SPDX-License-Identifier: BSD-2-Clause */
/* What differs between the machines of the architectures: which chips there are, and where. */
#ifndef POSTHORN_VMM_BOARD_H
#define POSTHORN_VMM_BOARD_H

struct machine;

/* Make the board's chips and put them on the machine's buses. Start-up only: dies as machine.h. */
void board_devices_init(struct machine *machine);

#endif
