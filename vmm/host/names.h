/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What PCI functions are called. names_libpci.c asks libpci; Debian has no static libpci, so a
 * static program has names_none.c, which knows no names.
 */
#ifndef POSTHORN_VMM_HOST_NAMES_H
#define POSTHORN_VMM_HOST_NAMES_H

#include "vmm/host/sysfs.h"

struct pci_names;

/* What a function and its kind are called, in printable UTF-8; "" where nobody knows. */
struct pci_name {
	char class[64], vendor[96], device[128];
};

/* Get ready to look names up. May return NULL: that is no error. Dies when the list is damaged. */
struct pci_names *pci_names_open(void);
void pci_names_close(struct pci_names *names);

void pci_names_find(struct pci_names *names, const struct host_pci *pci, struct pci_name *name);

#endif
