/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/names.h"

#include <string.h>

struct pci_names *pci_names_open(void)
{
	return NULL;
}

void pci_names_close(struct pci_names *names)
{
	(void)names;
}

void pci_names_find(struct pci_names *names, const struct host_pci *pci, struct pci_name *name)
{
	(void)names;
	(void)pci;
	memset(name, 0, sizeof(*name));
}
