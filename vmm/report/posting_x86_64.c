/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/posting.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/irq.h"
#include "lib/cmdline.h"
#include "lib/file.h"
#include "lib/util.h"

/* VT-d, Capability and Extended Capability Registers: posted interrupts, interrupt remapping. */
#define VTD_CAP_PI  BIT(59)
#define VTD_ECAP_IR BIT(3)
/* AMD IOMMU, Extended Feature Register (MMIO 0030h), GAMSup: it can deliver to a guest's APIC. */
#define AMD_EFR_GAM_VAPIC BIT(21)

/* SDM 3A, 11.11: fields of a message. */
#define MSI_ADDRESS_DEST_MODE_LOGICAL BIT(2)
#define MSI_ADDRESS_DEST(address)     ((unsigned int)((address) >> 12) & 0xff)
#define MSI_DATA_DELIVERY_MODE(data)  ((unsigned int)((data) >> 8) & 7)
#define MSI_DEST_BROADCAST	      0xff

enum { DELIVERY_FIXED, DELIVERY_LOWEST_PRIORITY };

/* KVM's two modules: it takes the one of the CPU's maker, and that one's IOMMU. */
struct vendor {
	const char *module;
	const char *iommu; /* how names in /sys/class/iommu start */
	const char *virtual_apic, *parameter;
	const char *no_iommu; /* why there may be none, and the remedy */
};

static const struct vendor vendors[] = {
	{ "kvm_intel", "dmar", "APICv", "enable_apicv",
	  "turn VT-d on in the firmware and boot with intel_iommu=on" },
	{ "kvm_amd", "ivhd", "AVIC", "avic", "turn the IOMMU on in the firmware" },
};

static bool module_loaded(const char *root, const char *module)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/module/%s", root, module);
	return access(path, F_OK) == 0;
}

static const struct vendor *vendor_find(const char *root)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(vendors); i++)
		if (module_loaded(root, vendors[i].module))
			return &vendors[i];
	return NULL;
}

/* For the checks after kvm_is_missing(), which run only where there is one. */
static const struct vendor *vendor_there(const char *root)
{
	const struct vendor *vendor = vendor_find(root);

	return vendor ? vendor : &vendors[0];
}

static bool kvm_is_missing(const char *root, char *why, size_t size)
{
	if (vendor_find(root))
		return false;
	snprintf(why, size,
		 "neither kvm_intel nor kvm_amd is loaded, and no other KVM posts: load the one of "
		 "this CPU, with virtualization turned on in the firmware");
	return true;
}

/* Read up to two hexadecimal numbers with a colon between them; how many there were. */
static unsigned int numbers_read(const char *path, uint64_t numbers[2])
{
	char text[64], *at = text, *end;
	unsigned int count = 0;

	if (file_read_text(path, text, sizeof(text)) <= 0)
		return 0;
	do {
		numbers[count] = strtoull(at, &end, 16);
		if (end == at)
			break;
		count++;
		at = end + 1;
	} while (*end == ':' && count < 2);
	return count;
}

static bool vtd_lacks(const char *directory, char *why, size_t size)
{
	static const struct {
		const char *attribute, *what;
		uint64_t bit;
	} needs[] = {
		{ "ecap", "remap interrupts (bit 3 of its ecap is 0)", VTD_ECAP_IR },
		{ "cap", "post interrupts (bit 59, PI, of its cap is 0)", VTD_CAP_PI },
	};
	const char *name = strrchr(directory, '/') + 1;
	char path[PATH_MAX];
	uint64_t value[2];

	for (unsigned int i = 0; i < ARRAY_SIZE(needs); i++) {
		snprintf(path, sizeof(path), "%.3000s/intel-iommu/%s", directory,
			 needs[i].attribute);
		if (numbers_read(path, value) == 0 || value[0] & needs[i].bit)
			continue;
		snprintf(why, size,
			 "the IOMMU %s cannot %s, and KVM posts only where all can: it takes other "
			 "hardware",
			 name, needs[i].what);
		return true;
	}
	return false;
}

static bool amd_iommu_lacks(const char *directory, char *why, size_t size)
{
	char path[PATH_MAX];
	uint64_t features[2];
	unsigned int count;

	snprintf(path, sizeof(path), "%.3000s/amd-iommu/features", directory);
	count = numbers_read(path, features);
	if (count == 0)
		return false;
	/* Kernels write two registers in either order, so the bit counts wherever it is. */
	for (unsigned int i = 0; i < count; i++)
		if (features[i] & AMD_EFR_GAM_VAPIC)
			return false;
	snprintf(why, size,
		 "the IOMMU %s cannot post interrupts (bit 21, GAMSup, of its features is 0): it "
		 "takes other hardware",
		 strrchr(directory, '/') + 1);
	return true;
}

/*
 * Without IOMMU there is no device assignment either. That the lists may hold one of the other
 * maker only (a virtual machine with both) is no comfort: KVM's halves do not mix.
 */
static bool iommu_lacks(const char *root, char *why, size_t size)
{
	const struct vendor *vendor = vendor_there(root);
	bool found = false, lacks = false, intel = vendor == &vendors[0];
	char path[PATH_MAX], directory[PATH_MAX];
	struct dirent *entry;
	DIR *iommus;

	snprintf(path, sizeof(path), "%s/sys/class/iommu", root);
	iommus = opendir(path);
	while (iommus && !lacks && (entry = readdir(iommus))) {
		if (strncmp(entry->d_name, vendor->iommu, strlen(vendor->iommu)))
			continue;
		found = true;
		snprintf(directory, sizeof(directory), "%.3000s/%s", path, entry->d_name);
		lacks = intel ? vtd_lacks(directory, why, size)
			      : amd_iommu_lacks(directory, why, size);
	}
	if (iommus)
		closedir(iommus);
	if (found)
		return lacks;
	snprintf(why, size,
		 "no IOMMU that %s can post with is on (/sys/class/iommu has no %s*): %s",
		 vendor->module, vendor->iommu, vendor->no_iommu);
	return true;
}

static bool parameter_is_off(const char *root, const char *module, const char *parameter)
{
	char path[PATH_MAX], text[8];

	snprintf(path, sizeof(path), "%s/sys/module/%s/parameters/%s", root, module, parameter);
	return file_read_text(path, text, sizeof(text)) > 0 && (text[0] == 'N' || text[0] == '0');
}

static bool virtual_apic_is_off(const char *root, char *why, size_t size)
{
	const struct vendor *vendor = vendor_there(root);

	if (!parameter_is_off(root, vendor->module, vendor->parameter))
		return false;
	snprintf(why, size,
		 "%s is off (%s of %s is N): load %s with %s=1; if it stays off, the CPU has none",
		 vendor->virtual_apic, vendor->parameter, vendor->module, vendor->module,
		 vendor->parameter);
	return true;
}

/* What drivers/iommu/irq_remapping.c makes of one "intremap=": a list, of which the last wins. */
static void intremap_apply(const char *list, bool *off, bool *nopost)
{
	while (*list) {
		if (!strncmp(list, "on", 2))
			*off = *nopost = false;
		else if (!strncmp(list, "off", 3))
			*off = true;
		else if (!strncmp(list, "nopost", 6))
			*nopost = true;
		list += strcspn(list, ",");
		list += strspn(list, ",");
	}
}

static bool cmdline_forbids(const char *root, char *why, size_t size)
{
	char cmdline[CMDLINE_SIZE], value[64];
	bool off = false, nopost = false;
	const char *at;

	cmdline_read(root, cmdline);
	at = cmdline;
	while (cmdline_next(&at, "intremap", value, sizeof(value)))
		intremap_apply(value, &off, &nopost);
	at = cmdline;
	if (cmdline_next(&at, "nointremap", value, sizeof(value)))
		snprintf(why, size, "this host was booted with nointremap: boot without it");
	else if (off)
		snprintf(why, size, "this host was booted with intremap=off: boot without it");
	else if (nopost)
		snprintf(why, size, "this host was booted with intremap=nopost: boot without it");
	else
		return false;
	return true;
}

static bool amd_cmdline_forbids(const char *root, char *why, size_t size)
{
	char cmdline[CMDLINE_SIZE], value[64];
	bool legacy = false;
	const char *at = cmdline;

	if (vendor_find(root) != &vendors[1])
		return false;
	cmdline_read(root, cmdline);
	while (cmdline_next(&at, "amd_iommu_intr", value, sizeof(value))) {
		if (strstr(value, "legacy"))
			legacy = true;
		else if (strstr(value, "vapic"))
			legacy = false;
	}
	if (legacy)
		snprintf(why, size,
			 "this host was booted with amd_iommu_intr=legacy: boot without it");
	return legacy;
}

/* Linux 6.16 and later: KVM's own answer, for reasons that are not seen from here. */
static bool kvm_says_no(const char *root, char *why, size_t size)
{
	const struct vendor *vendor = vendor_there(root);

	if (!parameter_is_off(root, vendor->module, "enable_device_posted_irqs"))
		return false;
	snprintf(why, size,
		 "enable_device_posted_irqs of %s is N: load it with enable_device_posted_irqs=1; "
		 "if it stays off, the kernel's log (DMAR-IR, AMD-Vi) may say why",
		 vendor->module);
	return true;
}

bool posting_possible(const char *root, char *why, size_t size)
{
	static const posting_check checks[] = {
		kvm_is_missing,	 iommu_lacks,	      virtual_apic_is_off,
		cmdline_forbids, amd_cmdline_forbids, kvm_says_no,
	};

	return posting_checks_run(checks, ARRAY_SIZE(checks), root, why, size);
}

/*
 * debugfs has the table of remapped and posted interrupts of VT-d (ir_translation_struct), but by
 * requester only: entries do not name the host's interrupt, all functions behind a bridge may share
 * a requester, and the host's own interrupts are posted too where it boots with
 * intremap=posted_msi. So nothing there proves how one message goes.
 */
void posting_files_open(struct posting_files *files, const char *root, pid_t pid, int fd)
{
	(void)root;
	(void)pid;
	(void)fd;
	*files = (struct posting_files){ .state_fd = -1, .interrupts_fd = -1 };
}

enum posting_state posting_probe(const struct posting_files *files, unsigned int connected,
				 uint32_t device_id, uint32_t event, char *seen, size_t size)
{
	(void)files;
	(void)connected;
	(void)device_id;
	(void)event;
	snprintf(seen, size,
		 "no file tells on x86-64: compare with the guest's own count, or trace "
		 "kvm:kvm_pi_irte_update on the host");
	return POSTING_UNKNOWN;
}

bool posting_message_fits(const struct msi_message *message, char *why, size_t size)
{
	unsigned int mode = MSI_DATA_DELIVERY_MODE(message->data);
	unsigned int destination = MSI_ADDRESS_DEST(message->address);

	why[0] = '\0';
	if (mode != DELIVERY_FIXED && mode != DELIVERY_LOWEST_PRIORITY)
		snprintf(why, size,
			 "its delivery mode is %u, and only fixed (0) and lowest priority (1) can "
			 "be posted",
			 mode);
	else if (destination == MSI_DEST_BROADCAST)
		snprintf(why, size, "it goes to all CPUs, and only one CPU can be posted to");
	else if (message->address & MSI_ADDRESS_DEST_MODE_LOGICAL &&
		 destination & (destination - 1))
		snprintf(why, size,
			 "its logical destination 0x%02x may be several CPUs, and only one CPU can "
			 "be posted to",
			 destination);
	return !why[0];
}
