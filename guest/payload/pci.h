/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions on bus 0, as payloads use them: by the address of their configuration space, in
 * ECAM (PCI Express Base 5.0, 7.2.2).
 */
#ifndef POSTHORN_GUEST_PAYLOAD_PCI_H
#define POSTHORN_GUEST_PAYLOAD_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_SLOTS     32
#define PCI_FUNCTIONS 8

/* Configuration space: PCI Local Bus 3.0, 6.1 and 6.8.1. */
#define PCI_COMMAND	   0x04
#define PCI_COMMAND_MEMORY 0x02
#define PCI_COMMAND_MASTER 0x04
#define PCI_CLASS_REVISION 0x08
#define PCI_CAPABILITIES   0x34
#define PCI_CAPABILITY_MSI 0x05

/* Where the configuration space of a function of bus 0 is. */
uint64_t pci_config(unsigned int slot, unsigned int function);

/* The first function 0 with the ids @device << 16 | @vendor; fails the payload if there is none. */
uint64_t pci_find(uint32_t id);

/* The requester id of a function, which the ITS of arm64 knows it by. */
uint32_t pci_requester(uint64_t config);

/*
 * Where BAR @index is, which is one of memory. Where no firmware has placed the BARs, place this
 * one. Decoding has to be off.
 */
uint64_t pci_bar(uint64_t config, unsigned int index);

/* Where the capability @id is; fails the payload if there is none. */
uint64_t pci_capability(uint64_t config, uint8_t id);

/* Let the function's MSI, at @msi, raise @vector on this CPU, now or once MSI is enabled. */
void pci_msi_vector_set(uint64_t config, uint64_t msi, unsigned int vector);

void pci_msi_enable(uint64_t msi, bool enable);

/* ---- for the architecture's file ---- */

struct pci_host {
	uint64_t ecam;			   /* of bus 0 */
	uint64_t window_base, window_size; /* for BARs that nobody has placed; 0: there are none */
};

/* Fails the payload if there is no PCI. */
struct pci_host pci_host_find(void);

#endif
