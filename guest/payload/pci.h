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
#define PCI_COMMAND_IO	   0x01
#define PCI_COMMAND_MEMORY 0x02
#define PCI_COMMAND_MASTER 0x04
#define PCI_CLASS_REVISION 0x08
#define PCI_CAPABILITIES   0x34
#define PCI_INTERRUPT_PIN  0x3d /* 1 is A; 0: none */
#define PCI_CAPABILITY_MSI 0x05

/* Where the configuration space of a function of bus 0 is. */
uint64_t pci_config(unsigned int slot, unsigned int function);

/* The first function 0 with the ids @device << 16 | @vendor; fails the payload if there is none. */
uint64_t pci_find(uint32_t id);

/* The same for any of @count ids. */
uint64_t pci_find_any(const uint32_t *ids, unsigned int count);

/* The requester id of a function, which the ITS of arm64 knows it by. */
uint32_t pci_requester(uint64_t config);

/*
 * Where BAR @index is, which is one of memory. Where no firmware has placed the BARs, place this
 * one. Decoding has to be off.
 */
uint64_t pci_bar(uint64_t config, unsigned int index);

/* Do that for all of its BARs of memory. */
void pci_bars_place(uint64_t config);

/* Where the capability @id is; fails the payload if there is none. */
uint64_t pci_capability(uint64_t config, uint8_t id);

/* Let the function's MSI, at @msi, raise @vector on this CPU, now or once MSI is enabled. */
void pci_msi_vector_set(uint64_t config, uint64_t msi, unsigned int vector);

void pci_msi_enable(uint64_t msi, bool enable);

/*
 * Let the function's INTx raise @vector on this CPU, for as long as the function holds the line:
 * the handler must make it let go. Fails the payload if the function has none, or where nobody
 * knows how it is wired: on x86-64 machines other than posthorn's.
 */
void pci_intx_vector_set(uint64_t config, unsigned int vector);

/* ---- for the architecture's file ---- */

struct pci_host {
	uint64_t ecam;			   /* of bus 0 */
	uint64_t window_base, window_size; /* for BARs that nobody has placed; 0: there are none */
};

/* Fails the payload if there is no PCI. */
struct pci_host pci_host_find(void);

/* See pci_intx_vector_set(): @pin (1 = A) of the functions in @slot of bus 0. */
void pci_intx_route(unsigned int slot, unsigned int pin, unsigned int vector);

#endif
