/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/kvm.h>
#include <string.h>

#include "lib/ioctl.h"
#include "lib/util.h"
#include "vfio/iommu.h"
#include "vmm/check/check.h"

void check_arch_no_iommu(struct check *check)
{
	if (check_exists(check, "/sys/bus/platform/drivers/arm-smmu-v3"))
		check_add(check, CHECK_STOPS, "IOMMU",
			  "none: the kernel has the driver arm-smmu-v3, and found no SMMU for it");
	else
		check_add(check, CHECK_STOPS, "IOMMU",
			  "none: the kernel has no driver arm-smmu-v3");
	check_remedy(check, "%s", IOMMU_MISSING_REMEDY);
}

/* An ITS takes a message only for the device that it was set up for. */
void check_arch_remapping(struct check *check)
{
	static const char object[] = "interrupt remapping";

	if (check_interrupts_have(check, " ITS-"))
		check_add(check, CHECK_OK, object,
			  "MSIs go through an ITS, which knows who may send what");
	else
		check_add(check, CHECK_NOTE, object,
			  "not known: no device of this host uses MSIs through an ITS now");
}

void check_arch_controller(struct check *check, int vm_fd)
{
	static const struct {
		uint32_t type;
		const char *name;
	} needed[] = {
		{ KVM_DEV_TYPE_ARM_VGIC_V3, "GICv3" },
		{ KVM_DEV_TYPE_ARM_VGIC_ITS, "GICv3 ITS" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		struct kvm_create_device create = { .type = needed[i].type,
						    .flags = KVM_CREATE_DEVICE_TEST };

		if (ioctl_call(vm_fd, KVM_CREATE_DEVICE, &create) >= 0)
			continue;
		check_add(check, CHECK_STOPS, "interrupt controller",
			  "this host's KVM cannot emulate a %s", needed[i].name);
		check_remedy(check, "use a host with a GICv3 or GICv4");
	}
}

/* The SMMU's driver says it to nobody but who has the group open. */
unsigned int check_arch_iova_bits(const char *root, const char *bdf)
{
	(void)root;
	(void)bdf;
	return 0;
}
