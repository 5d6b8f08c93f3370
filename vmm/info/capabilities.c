/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/pci_regs.h>

#include "lib/util.h"
#include "vfio/function_state.h"
#include "vmm/info/info.h"

/* PCI Code and ID Assignment Specification, sections 2 and 3. */
static const struct {
	uint16_t id;
	const char *name;
} names[] = {
	{ PCI_CAP_ID_PM, "Power Management" },
	{ PCI_CAP_ID_AGP, "AGP" },
	{ PCI_CAP_ID_VPD, "Vital Product Data" },
	{ PCI_CAP_ID_SLOTID, "Slot Identification" },
	{ PCI_CAP_ID_MSI, "MSI" },
	{ PCI_CAP_ID_PCIX, "PCI-X" },
	{ PCI_CAP_ID_HT, "HyperTransport" },
	{ PCI_CAP_ID_VNDR, "Vendor-specific" },
	{ PCI_CAP_ID_DBG, "Debug Port" },
	{ PCI_CAP_ID_SSVID, "Subsystem Ids" },
	{ PCI_CAP_ID_SECDEV, "Secure Device" },
	{ PCI_CAP_ID_EXP, "PCI Express" },
	{ PCI_CAP_ID_MSIX, "MSI-X" },
	{ PCI_CAP_ID_SATA, "SATA" },
	{ PCI_CAP_ID_AF, "Advanced Features" },
	{ PCI_CAP_ID_EA, "Enhanced Allocation" },
}, extended_names[] = {
	{ PCI_EXT_CAP_ID_ERR, "Advanced Error Reporting" },
	{ PCI_EXT_CAP_ID_VC, "Virtual Channel" },
	{ PCI_EXT_CAP_ID_DSN, "Device Serial Number" },
	{ PCI_EXT_CAP_ID_PWR, "Power Budgeting" },
	{ PCI_EXT_CAP_ID_MFVC, "Multi-Function Virtual Channel" },
	{ PCI_EXT_CAP_ID_VC9, "Virtual Channel" },
	{ PCI_EXT_CAP_ID_VNDR, "Vendor-specific" },
	{ PCI_EXT_CAP_ID_ACS, "ACS" },
	{ PCI_EXT_CAP_ID_ARI, "ARI" },
	{ PCI_EXT_CAP_ID_ATS, "ATS" },
	{ PCI_EXT_CAP_ID_SRIOV, "SR-IOV" },
	{ PCI_EXT_CAP_ID_MCAST, "Multicast" },
	{ PCI_EXT_CAP_ID_PRI, "PRI" },
	{ PCI_EXT_CAP_ID_REBAR, "Resizable BAR" },
	{ PCI_EXT_CAP_ID_DPA, "Dynamic Power Allocation" },
	{ PCI_EXT_CAP_ID_TPH, "TPH Requester" },
	{ PCI_EXT_CAP_ID_LTR, "LTR" },
	{ PCI_EXT_CAP_ID_SECPCI, "Secondary PCI Express" },
	{ PCI_EXT_CAP_ID_PASID, "PASID" },
	{ PCI_EXT_CAP_ID_DPC, "DPC" },
	{ PCI_EXT_CAP_ID_L1SS, "L1 Substates" },
	{ PCI_EXT_CAP_ID_PTM, "Precision Time Measurement" },
	{ PCI_EXT_CAP_ID_DVSEC, "Designated Vendor-specific" },
	{ PCI_EXT_CAP_ID_DLF, "Data Link Feature" },
	{ PCI_EXT_CAP_ID_PL_16GT, "Physical Layer 16.0 GT/s" },
};

const char *info_capability_name(const struct info_capability *capability)
{
	if (capability->offset < PCI_CFG_SPACE_SIZE) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (names[i].id == capability->id)
				return names[i].name;
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(extended_names); i++)
			if (extended_names[i].id == capability->id)
				return extended_names[i].name;
	}
	return "unknown";
}

/* What of it the guest's own list has. */
static enum info_view view_of(const struct config_policy *policy, const uint8_t *guest,
			      unsigned int at)
{
	bool linked = false;

	if (at == policy->pm || at == policy->express || at == policy->msi || at == policy->msix)
		return INFO_EMULATED;
	/* A header that is hidden is all zeroes, or a null capability: neither has the id. */
	if (at < PCI_CFG_SPACE_SIZE)
		linked = guest[at] == policy->initial[at] && guest[at];
	else
		linked = le_load(&guest[at], 2) == le_load(&policy->initial[at], 2);
	return linked ? INFO_SHOWN : INFO_HIDDEN;
}

void info_capabilities_find(struct info *info)
{
	const struct config_policy *policy = &info->function->policy;
	struct capability list[CAPABILITIES_MAX];

	info->capability_count = capabilities_list(policy->initial, PCI_CONFIG_SIZE, list);
	for (unsigned int i = 0; i < info->capability_count; i++)
		info->capabilities[i] = (struct info_capability){
			.id = list[i].id,
			.offset = list[i].offset,
			.view = view_of(policy, info->function->pci.config, list[i].offset),
		};
}
