/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vfio/iommu.h"
#include "vmm/check/check.h"

/* VT-d, Capability Register: MGAW, bits 21:16 plus 1, and SAGAW, 12:8, for 30 + 9n bits each. */
#define VTD_CAP_MGAW(cap)	  ((unsigned int)((cap) >> 16 & 0x3f) + 1)
#define VTD_CAP_SAGAW_HAS(cap, n) ((cap) >> (8 + (n)) & 1)
#define VTD_SAGAW_MAX		  4

#define UNSAFE "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"

/* What the firmware calls an IOMMU, and what turns the kernel's driver on. */
static const struct maker {
	const char *cpu;   /* vendor_id in /proc/cpuinfo */
	const char *table; /* of ACPI */
	const char *name, *option, *driver_remedy, *firmware_remedy;
} makers[] = {
	{ "GenuineIntel", "/sys/firmware/acpi/tables/DMAR", "VT-d", "intel_iommu",
	  "boot with intel_iommu=on on the kernel command line",
	  "turn VT-d on in the firmware's set-up, and boot with intel_iommu=on" },
	{ "AuthenticAMD", "/sys/firmware/acpi/tables/IVRS", "AMD-Vi", "amd_iommu",
	  "boot without amd_iommu=off and iommu=off (iommu=pt is fine); `dmesg | grep AMD-Vi` may "
	  "say more",
	  "turn IOMMU (AMD-Vi) and SVM on in the firmware's set-up" },
};

/* What the firmware tells of counts more than who made the CPU: virtual machines mix them. */
static const struct maker *maker_find(const struct check *check, bool *in_firmware)
{
	char cpuinfo[4096];

	*in_firmware = true;
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (check_exists(check, makers[i].table))
			return &makers[i];
	*in_firmware = false;
	check_read(check, "/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (strstr(cpuinfo, makers[i].cpu))
			return &makers[i];
	return NULL;
}

/* The bit of CPUID that hypervisors set. */
static bool is_virtual(const struct check *check)
{
	char cpuinfo[4096];

	check_read(check, "/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	return strstr(cpuinfo, " hypervisor");
}

static const char virtual_remedy[] =
	"have its hypervisor make one (QEMU: -machine kernel-irqchip=split -device "
	"intel-iommu,intremap=on), and boot with intel_iommu=on";

void check_arch_no_iommu(struct check *check)
{
	bool in_firmware;
	const struct maker *maker = maker_find(check, &in_firmware);
	const char *option = maker ? maker->option : "intel_iommu";

	if (check_cmdline_has(check, "iommu", "off"))
		option = "iommu";
	if (check_cmdline_has(check, option, "off")) {
		check_add(check, CHECK_STOPS, "IOMMU", "off: this host was booted with %s=off",
			  option);
		check_remedy(check, "boot without %s=off%s", option,
			     maker == &makers[0] ? ", and with intel_iommu=on" : "");
	} else if (in_firmware) {
		check_add(check, CHECK_STOPS, "IOMMU",
			  "off: the firmware tells of %s (%s), the kernel does not use it",
			  maker->name, maker->table);
		check_remedy(check, "%s", maker->driver_remedy);
	} else {
		check_add(check, CHECK_STOPS, "IOMMU",
			  "none: the firmware tells of no VT-d and no AMD-Vi%s",
			  is_virtual(check) ? " in this virtual machine" : "");
		check_remedy(check, "%s",
			     is_virtual(check) ? virtual_remedy
			     : maker	       ? maker->firmware_remedy
					       : IOMMU_MISSING_REMEDY);
	}
}

/*
 * Interrupt controllers that sit behind remapping have names that begin so, and every user may read
 * them; no other file tells. VFIO asks the same of the group (iommu_group_has_isolated_msi()).
 */
void check_arch_remapping(struct check *check)
{
	static const char object[] = "interrupt remapping";
	char unsafe[8];
	bool accepted;

	check_read(check, UNSAFE, unsafe, sizeof(unsafe));
	if (check_interrupts_have(check, " IR-")) {
		check_add(check, CHECK_OK, object, "on (/proc/interrupts has controllers IR-...)");
		return;
	}
	if (!check_interrupts_have(check, "APIC ") && !check_interrupts_have(check, "PCI-MSI")) {
		check_add(check, CHECK_NOTE, object, "not known: /proc/interrupts does not tell");
		return;
	}
	accepted = unsafe[0] == 'Y';
	check_add(check, accepted ? CHECK_WARNING : CHECK_STOPS, object,
		  "off%s%s: a device could forge any interrupt of this host%s",
		  check_cmdline_has(check, "intremap", "off") ? ", by intremap=off" : "",
		  check_cmdline_has(check, "nointremap", "") ? ", by nointremap" : "",
		  accepted ? ", and vfio_iommu_type1 was told to accept that" : "");
	check_remedy(check,
		     "turn it on (x2APIC or interrupt remapping in the firmware's set-up; no "
		     "intremap=off or nointremap at boot)%s",
		     accepted ? "" : ", or accept the risk: echo Y >" UNSAFE);
}

/* KVM_CAP_IRQCHIP, which vm_kvm_open() looked at, is all of it. */
void check_arch_controller(struct check *check, int vm_fd)
{
	(void)check;
	(void)vm_fd;
}

unsigned int check_arch_iova_bits(const char *root, const char *bdf)
{
	const struct check check = { .root = root };
	unsigned int bits = 0;
	char path[128], text[32];
	uint64_t cap;

	/* AMD-Vi has no such file, and 64 bits. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu/intel-iommu/cap", bdf);
	if (!check_read(&check, path, text, sizeof(text)))
		return 0;
	cap = strtoull(text, NULL, 16);
	for (unsigned int n = 0; n <= VTD_SAGAW_MAX; n++)
		if (VTD_CAP_SAGAW_HAS(cap, n))
			bits = 30 + 9 * n;
	return min(bits, VTD_CAP_MGAW(cap));
}
