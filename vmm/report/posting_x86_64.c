/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/posting.h"

#include <dirent.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/irq.h"
#include "lib/cmdline.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/device.h"
#include "vmm/report/irte_x86_64.h"
#include "vmm/report/trace_x86_64.h"

/* VT-d, Capability and Extended Capability Registers: posted interrupts, interrupt remapping. */
#define VTD_CAP_PI  BIT(59)
#define VTD_ECAP_IR BIT(3)
/* AMD IOMMU, Extended Feature Register (MMIO 0030h), GAMSup: it can deliver to a guest's APIC. */
#define AMD_EFR_GAM_VAPIC BIT(21)

/* SDM 3A, 11.11: fields of a message. */
#define MSI_ADDRESS_DEST_MODE_LOGICAL BIT(2)
#define MSI_ADDRESS_DEST(address)     ((unsigned int)((address) >> 12) & 0xff)
#define MSI_DATA_VECTOR(data)	      ((data)&0xff)
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
	static const char parameter[] = "enable_device_posted_irqs";
	const char *const modules[] = { vendor_there(root)->module, "kvm" };

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++) {
		if (!parameter_is_off(root, modules[i], parameter))
			continue;
		snprintf(why, size,
			 "%s of %s is N: load it with %s=1; if it stays off, the kernel's log "
			 "(DMAR-IR, AMD-Vi) may say why",
			 parameter, modules[i], parameter);
		return true;
	}
	return false;
}

bool posting_possible(const char *root, char *why, size_t size)
{
	static const posting_check checks[] = {
		kvm_is_missing,	 iommu_lacks,	      virtual_apic_is_off,
		cmdline_forbids, amd_cmdline_forbids, kvm_says_no,
	};

	return posting_checks_run(checks, ARRAY_SIZE(checks), root, why, size);
}

static bool cmdline_has_posted_msi(const char *root)
{
	char cmdline[CMDLINE_SIZE], value[64];
	const char *at = cmdline;

	cmdline_read(root, cmdline);
	while (cmdline_next(&at, "intremap", value, sizeof(value)))
		if (strstr(value, "posted_msi"))
			return true;
	return false;
}

/*
 * Of both makers, but for enable_ipiv: interrupts between the CPUs of a guest, of which posting is
 * independent.
 */
void posting_parameters(const char *root, char *text, size_t size)
{
	const struct vendor *vendor = vendor_there(root);
	const char *const names[] = { vendor->parameter, "enable_ipiv",
				      "enable_device_posted_irqs" };
	char path[PATH_MAX], value[8];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < ARRAY_SIZE(names) && used < size; i++) {
		file_path_set(path, root, "/sys/module/%s/parameters/%s", vendor->module, names[i]);
		if (file_read_text(path, value, sizeof(value)) > 0)
			used += (size_t)snprintf(text + used, size - used, "%s%s=%s",
						 used ? " " : ", with ", names[i], value);
	}
	if (cmdline_has_posted_msi(root) && used < size)
		snprintf(text + used, size - used, "%sintremap=posted_msi", used ? " " : ", with ");
}

/* ---- how one vector goes now ---- */

struct posting_host {
	bool has_avic;	 /* KVM is that of AMD's processors */
	bool posted_msi; /* the host's own interrupts are posted too */
	struct irq_trace trace;
	struct irte_tables tables;
	struct posting_function {
		const struct vfio_device *device;
		struct irte_source source;
	} * functions;
	unsigned int function_count;
};

/* What enum kvm_apicv_inhibit means. All but the first three are of AMD's AVIC, or of both. */
static const struct {
	const char *name, *meaning;
} inhibits[] = {
	{ "DISABLED", "AVIC is off, or the CPU has none" },
	{ "ABSENT", "there is no local APIC in the kernel" },
	{ "HYPERV", "the guest uses Hyper-V's AutoEOI" },
	{ "BLOCKIRQ", "a debugger blocks interrupts" },
	{ "PHYSICAL_ID_ALIASED", "vCPUs share the id of an APIC" },
	{ "APIC_ID_MODIFIED", "the guest changed the id of an APIC" },
	{ "APIC_BASE_MODIFIED", "the guest moved an APIC" },
	{ "NESTED", "a vCPU runs a guest of its own" },
	{ "IRQWIN", "KVM waits until the guest can take an interrupt of the PIC" },
	{ "PIT_REINJ", "a PIT has its ticks reinjected" },
	{ "SEV", "the guest's memory is encrypted" },
	{ "LOGICAL_ID_ALIASED", "vCPUs share the logical id of an APIC" },
	{ "PHYSICAL_ID_TOO_BIG", "the id of an APIC is above what AVIC has" },
};

/* Write the @names, which have '|' between them, with what they mean. */
static void inhibits_explain(const char *names, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	while (*names && used < size) {
		size_t length = strcspn(names, "|");
		const char *meaning = NULL;

		for (unsigned int i = 0; i < ARRAY_SIZE(inhibits); i++)
			if (strlen(inhibits[i].name) == length &&
			    !strncmp(inhibits[i].name, names, length))
				meaning = inhibits[i].meaning;
		used += (size_t)snprintf(text + used, size - used, "%s%.*s%s%s%s", used ? ", " : "",
					 (int)length, names, meaning ? " (" : "",
					 meaning ? meaning : "", meaning ? ")" : "");
		names += length;
		names += *names == '|';
	}
}

void posting_files_init(struct posting_files *files, const char *root)
{
	struct posting_host *host = calloc(1, sizeof(*host));

	if (!host)
		die(EXIT_HOST, "no memory for the evidence of the irq report");
	*files = (struct posting_files){ .state_fd = -1, .interrupts_fd = -1, .host = host };
	host->has_avic = vendor_find(root) == &vendors[1];
	host->posted_msi = cmdline_has_posted_msi(root);
	irq_trace_open(&host->trace, root);
	irte_tables_open(&host->tables, root);
	files->by_irq = host->trace.fd >= 0;
}

void posting_files_open(struct posting_files *files, const char *root, pid_t pid, int fd)
{
	(void)root;
	(void)pid;
	(void)fd;
	if (files->host)
		irq_trace_begin(&files->host->trace);
}

void posting_function_add(struct posting_files *files, const char *root, struct vfio_device *device)
{
	struct posting_host *host = files->host;
	struct posting_function *more;

	if (!host || host->tables.table_fd < 0)
		return;
	more = reallocarray(host->functions, host->function_count + 1, sizeof(*more));
	if (!more)
		return;
	host->functions = more;
	more += host->function_count++;
	more->device = device;
	irte_source_open(&more->source, root, device);
}

/* What is mapped of it would keep it open. */
void posting_function_remove(struct posting_files *files, const struct vfio_device *device)
{
	struct posting_host *host = files->host;

	for (unsigned int i = 0; host && i < host->function_count; i++) {
		if (host->functions[i].device != device)
			continue;
		irte_source_close(&host->functions[i].source);
		host->functions[i] = host->functions[--host->function_count];
		return;
	}
}

void posting_thread_add(struct posting_files *files, pid_t thread)
{
	if (files->host)
		irq_trace_thread_add(&files->host->trace, thread);
}

void posting_files_close(struct posting_files *files)
{
	struct posting_host *host = files->host;

	files->host = NULL;
	if (!host)
		return;
	for (unsigned int i = 0; i < host->function_count; i++)
		irte_source_close(&host->functions[i].source);
	free(host->functions);
	irte_tables_close(&host->tables);
	irq_trace_close(&host->trace);
	free(host);
}

/* KVM told that the interrupt is posted: does AVIC do it? If so, @seen is what else is to be said.
 */
static enum posting_state avic_judge(const struct irq_trace *trace,
				     const struct irq_trace_entry *entry, char *seen, size_t size)
{
	char names[POSTING_TEXT_SIZE / 2];

	if (!trace->inhibits_known) {
		snprintf(seen, size, "whether AVIC is inhibited is not known: %s",
			 trace->lost ? "lines of the trace were lost"
				     : "in a PID namespace threads have other numbers");
		return POSTING_UNKNOWN;
	}
	if (trace->inhibits) {
		inhibits_explain(trace->inhibit_names, names, sizeof(names));
		snprintf(seen, size, "AVIC is inhibited (kvm_apicv_inhibit_changed): %s", names);
		return POSTING_NO;
	}
	if (trace->is_early && entry->inhibited) {
		snprintf(seen, size,
			 "AVIC was inhibited when kvm_pi_irte_update posted host interrupt %u, and "
			 "before Linux 6.17 KVM does not come back to it",
			 entry->irq);
		return POSTING_NO;
	}
	if (trace->is_early && entry->unsure) {
		snprintf(seen, size,
			 "whether AVIC was inhibited when kvm_pi_irte_update posted host interrupt "
			 "%u is not known: lines of the trace were lost",
			 entry->irq);
		return POSTING_UNKNOWN;
	}
	inhibits_explain(trace->past_names, names, sizeof(names));
	snprintf(seen, size, ", and AVIC is not inhibited%s%s", names[0] ? ", but was: " : "",
		 names);
	return POSTING_YES;
}

/* The last that KVM told of the interrupt was that it is posted: is that so? */
static enum posting_state entry_judge(const struct posting_host *host,
				      const struct irq_trace_entry *entry,
				      const struct posting_vector *vector, char *seen, size_t size)
{
	const struct irq_trace *trace = &host->trace;
	enum posting_state state = POSTING_YES;
	char more[POSTING_TEXT_SIZE] = "";

	if ((int)entry->gsi != vector->gsi ||
	    entry->vector != MSI_DATA_VECTOR(vector->message.data)) {
		snprintf(seen, size,
			 "kvm_pi_irte_update posts host interrupt %u as another: GSI %u, vector "
			 "0x%x",
			 entry->irq, entry->gsi, entry->vector);
		return POSTING_UNKNOWN;
	}
	if (host->has_avic)
		state = avic_judge(trace, entry, more, sizeof(more));
	else if (trace->is_early)
		snprintf(more, sizeof(more), ", which before Linux 6.17 it says a moment before");
	if (state == POSTING_YES)
		snprintf(seen, size,
			 "kvm_pi_irte_update posts host interrupt %u to vCPU %d as vector 0x%x%s",
			 entry->irq, entry->vcpu, entry->vector, more);
	else
		snprintf(seen, size, "%s", more);
	return state;
}

/* What the tracepoints say. */
static enum posting_state trace_probe(struct posting_host *host,
				      const struct posting_vector *vector, char *seen, size_t size)
{
	struct irq_trace *trace = &host->trace;
	const struct irq_trace_entry *entry;

	if (trace->fd < 0) {
		snprintf(seen, size, "%s", trace->why);
		return POSTING_UNKNOWN;
	}
	if (vector->host_irq < 0) {
		snprintf(seen, size, "/proc/interrupts has no row of it to look for in the trace");
		return POSTING_UNKNOWN;
	}
	irq_trace_read(trace);
	entry = irq_trace_find(trace, (unsigned int)vector->host_irq);
	if (entry && entry->posted)
		return entry_judge(host, entry, vector, seen, size);
	if (!entry && (trace->lost || !trace->heard)) {
		snprintf(seen, size, "%s",
			 trace->lost ? "lines of the trace of kvm_pi_irte_update were lost"
				     : "kvm_apicv_inhibit_changed did not tell of this VM: so that "
				       "kvm_pi_irte_update does not says nothing");
		return POSTING_UNKNOWN;
	}
	snprintf(seen, size, "kvm_pi_irte_update %s host interrupt %d",
		 entry ? "no longer posts" : "never posted", vector->host_irq);
	return POSTING_NO;
}

static const struct posting_function *function_find(const struct posting_host *host,
						    const struct vfio_device *device)
{
	for (unsigned int i = 0; i < host->function_count; i++)
		if (host->functions[i].device == device)
			return &host->functions[i];
	return NULL;
}

/* The device's registers can be read: VFIO makes a fault of it else. */
static bool memory_is_decoded(const struct posting_vector *vector)
{
	uint64_t command;

	return !vector->asleep &&
	       vfio_region_read(vector->device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
				&command) == 0 &&
	       command & PCI_COMMAND_MEMORY;
}

/* What the IOMMU's table has; @seen is left alone where nothing is known. */
static enum posting_state table_probe(const struct posting_host *host,
				      const struct posting_vector *vector, char *seen, size_t size)
{
	const struct posting_function *function = function_find(host, vector->device);
	unsigned int wanted = MSI_DATA_VECTOR(vector->message.data);
	const char *name = host->tables.maker == IRTE_AMD ? "irqtbl" : "ir_translation_struct";
	struct msi_message message;
	struct irte irte;

	if (!function || (vector->kind == IRQ_KIND_MSIX && !memory_is_decoded(vector)) ||
	    !irte_message_read(&function->source, vector->kind, vector->number, &message) ||
	    !irte_find(&host->tables, &function->source, vector->device->bdf, &message, &irte))
		return POSTING_UNKNOWN;
	if (!irte.posted) {
		snprintf(seen, size, "%s: its entry is remapped, not posted", name);
		return POSTING_NO;
	}
	/* The host's own would have a vector of the host's. */
	if (host->posted_msi || irte.vector != wanted) {
		snprintf(seen, size, "%s: its entry is posted, with vector 0x%x%s", name,
			 irte.vector,
			 host->posted_msi ? "; with intremap=posted_msi so are those of the host"
					  : "");
		return POSTING_UNKNOWN;
	}
	snprintf(seen, size, "%s: its entry is posted, with the guest's vector 0x%x", name, wanted);
	return POSTING_YES;
}

enum posting_state posting_probe(struct posting_files *files, const struct posting_vector *vector,
				 char *seen, size_t size)
{
	char second[POSTING_TEXT_SIZE / 2] = "";
	enum posting_state trace, table;
	size_t length;

	if (!files->host) {
		snprintf(seen, size,
			 "nobody looked: --irq-report and --require-posting have it done");
		return POSTING_UNKNOWN;
	}
	trace = trace_probe(files->host, vector, seen, size);
	table = table_probe(files->host, vector, second, sizeof(second));
	length = strlen(seen);
	if (second[0])
		snprintf(seen + length, size - length, "; %s", second);
	if (trace == POSTING_NO || table == POSTING_NO)
		return POSTING_NO;
	return trace == POSTING_YES || table == POSTING_YES ? POSTING_YES : POSTING_UNKNOWN;
}

bool posting_evidence(const char *root, char *why, size_t size)
{
	struct irq_trace trace = { .fd = -1 };
	bool readable = irq_trace_possible(&trace, root);

	snprintf(why, size, "%s",
		 readable ? "run can see it by the tracepoint kvm:kvm_pi_irte_update" : trace.why);
	return readable;
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
			 "its logical destination 0x%02x may be several CPUs%s, and only one CPU "
			 "can "
			 "be posted to",
			 destination,
			 mode == DELIVERY_LOWEST_PRIORITY
				 ? ", of which that with the lowest priority takes it"
				 : "");
	return !why[0];
}
