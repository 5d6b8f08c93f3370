/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/report/posting on x86-64: each reason why a host cannot post, and what is no reason; and what
 * can be seen of one vector.
 */
#include "vmm/report/posting.h"

#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kvm/irq.h"
#include "lib/util.h"
#include "tests/unit/fake_tracefs.h"
#include "tests/unit/host_tree.h"
#include "vfio/device.h"

/* Registers of real machines: all of posting, and without the bit that is tested. */
#define CAP	    "8d2008c40660462"
#define CAP_NO_PI   "d2008c40660462"
#define ECAP	    "f050da"
#define ECAP_NO_IR  "f050d2"
#define EFR	    "246577efa2254afa" /* has bit 21 */
#define EFR_NO_GAM  "246577efa2054afa"
#define INTEL_CAP   "/sys/class/iommu/dmar0/intel-iommu/cap"
#define INTEL_ECAP  "/sys/class/iommu/dmar0/intel-iommu/ecap"
#define INTEL_CAP1  "/sys/class/iommu/dmar1/intel-iommu/cap"
#define INTEL_ECAP1 "/sys/class/iommu/dmar1/intel-iommu/ecap"
#define AMD_EFR	    "/sys/class/iommu/ivhd0/amd-iommu/features"
#define AMD_EFR1    "/sys/class/iommu/ivhd1/amd-iommu/features"
#define APICV	    "/sys/module/kvm_intel/parameters/enable_apicv"
#define AVIC	    "/sys/module/kvm_amd/parameters/avic"

static char why[POSTING_TEXT_SIZE];

static void intel_put(void)
{
	tree_text_put(INTEL_CAP, CAP "\n");
	tree_text_put(INTEL_ECAP, ECAP "\n");
	tree_text_put(INTEL_CAP1, CAP "\n");
	tree_text_put(INTEL_ECAP1, ECAP "\n");
	tree_text_put(APICV, "Y\n");
	tree_text_put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro intel_iommu=on quiet\n");
}

static void amd_put(void)
{
	tree_text_put(AMD_EFR, EFR "\n");
	tree_text_put(AMD_EFR1, EFR "\n");
	tree_text_put(AVIC, "Y\n");
	tree_text_put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro quiet\n");
}

static void assert_possible(void)
{
	snprintf(why, sizeof(why), "left over");
	if (!posting_possible(tree.root, why, sizeof(why)))
		fail_msg("impossible: %s", why);
	assert_string_equal(why, "");
}

static void assert_impossible(const char *part)
{
	assert_false(posting_possible(tree.root, why, sizeof(why)));
	assert_says(why, part);
}

static void nothing_rules_out_a_good_host(void **state)
{
	(void)state;
	intel_put();
	assert_possible();
	/* Attributes that cannot be read rule nothing out either. */
	tree_text_put(INTEL_CAP, "");
	tree_text_put(INTEL_ECAP, "?");
	tree_text_put(APICV, "");
	assert_possible();
}

static void kvm_without_its_module_cannot(void **state)
{
	(void)state;
	assert_impossible("neither kvm_intel nor kvm_amd is loaded");
}

static void intel_needs_an_iommu(void **state)
{
	(void)state;
	tree_text_put(APICV, "N\n");
	/* Hardware comes before parameters. */
	assert_impossible("/sys/class/iommu has no dmar*): turn VT-d on");
	tree_directory_put("/sys/class/iommu");
	assert_impossible("/sys/class/iommu has no dmar*): turn VT-d on");
}

static void every_vtd_needs_both_bits(void **state)
{
	(void)state;
	intel_put();
	tree_text_put(INTEL_CAP1, CAP_NO_PI "\n");
	assert_impossible("dmar1 cannot post interrupts (bit 59, PI, of its cap is 0)");
	intel_put();
	tree_text_put(INTEL_ECAP, ECAP_NO_IR "\n");
	assert_impossible("dmar0 cannot remap interrupts (bit 3 of its ecap is 0)");
}

static void apicv_must_be_on(void **state)
{
	(void)state;
	intel_put();
	tree_text_put(APICV, "N\n");
	assert_impossible("APICv is off (enable_apicv of kvm_intel is N): load kvm_intel with "
			  "enable_apicv=1");
}

static void an_amd_cpu_cannot_use_a_vtd(void **state)
{
	(void)state;
	tree_text_put(INTEL_CAP, CAP "\n");
	tree_text_put(INTEL_ECAP, ECAP "\n");
	tree_text_put(AVIC, "Y\n");
	assert_impossible("kvm_amd can post with is on (/sys/class/iommu has no ivhd*)");
}

static void every_amd_iommu_needs_gam(void **state)
{
	static const char *const good[] = { EFR "\n", EFR ":10\n", "10:" EFR "\n", "", "?" };
	static const char *const bad[] = { EFR_NO_GAM "\n", EFR_NO_GAM ":10\n",
					   "10:" EFR_NO_GAM "\n" };

	(void)state;
	amd_put();
	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		tree_text_put(AMD_EFR1, good[i]);
		assert_possible();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		tree_text_put(AMD_EFR1, bad[i]);
		assert_impossible("ivhd1 cannot post interrupts (bit 21, GAMSup");
	}
}

static void avic_must_be_on(void **state)
{
	(void)state;
	amd_put();
	tree_text_put(AVIC, "N\n");
	assert_impossible("AVIC is off (avic of kvm_amd is N): load kvm_amd with avic=1");
	tree_text_put(AVIC, "0\n"); /* a number in older kernels */
	assert_impossible("AVIC is off");
}

static void the_command_line_can_forbid_it(void **state)
{
	static const struct {
		const char *cmdline, *reason;
	} rows[] = {
		{ "quiet nointremap", "booted with nointremap" },
		{ "intremap=off", "booted with intremap=off" },
		{ "intremap=nosid,off quiet", "booted with intremap=off" },
		{ "intremap=nopost", "booted with intremap=nopost: boot without it" },
		{ "intremap=on intremap=nopost", "booted with intremap=nopost" },
		{ "intremap=on,,nopost", "booted with intremap=nopost" },
		{ "intremap=nopost,on", NULL },
		{ "intremap=off intremap=on", NULL },
		{ "intremap=nosid,no_x2apic_optout", NULL },
		{ "intremap", NULL },
		{ "xintremap=off intremapx=off x.intremap=nopost", NULL },
		{ "quiet -- nointremap intremap=off", NULL },
		/* It is another maker's. */
		{ "amd_iommu_intr=legacy", NULL },
		{ "", NULL },
	};

	(void)state;
	intel_put();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		tree_text_put("/proc/cmdline", rows[i].cmdline);
		if (rows[i].reason)
			assert_impossible(rows[i].reason);
		else
			assert_possible();
	}
}

static void amds_command_line_can_forbid_it(void **state)
{
	(void)state;
	amd_put();
	tree_text_put("/proc/cmdline", "amd_iommu_intr=legacy\n");
	assert_impossible("booted with amd_iommu_intr=legacy: boot without it");
	tree_text_put("/proc/cmdline", "amd_iommu_intr=legacy_ga amd-iommu-intr=vapic\n");
	assert_possible();
	tree_text_put("/proc/cmdline", "intremap=nopost\n");
	assert_impossible("booted with intremap=nopost");
}

static void kvms_own_answer_counts(void **state)
{
	(void)state;
	intel_put();
	tree_text_put("/sys/module/kvm_intel/parameters/enable_device_posted_irqs", "Y\n");
	assert_possible();
	tree_text_put("/sys/module/kvm_intel/parameters/enable_device_posted_irqs", "N\n");
	assert_impossible("enable_device_posted_irqs of kvm_intel is N");
	/* What is seen from here explains more. */
	tree_text_put("/proc/cmdline", "intremap=off\n");
	assert_impossible("booted with intremap=off");
}

static void a_short_buffer_is_respected(void **state)
{
	char text[8] = "xxxxxxx";

	(void)state;
	assert_false(posting_possible(tree.root, text, 5));
	assert_string_equal(text, "neit");
	assert_int_equal(text[5], 'x');
}

static void kvms_own_answer_may_be_of_the_common_module(void **state)
{
	(void)state;
	amd_put();
	tree_text_put("/sys/module/kvm/parameters/enable_device_posted_irqs", "N\n");
	assert_impossible("enable_device_posted_irqs of kvm is N");
}

/* ---- looks ---- */

#define BDF	"0000:01:00.0"
#define MSI_AT	0x50
#define AMDS	"/sys/kernel/debug/iommu/amd/"
#define INTELS	"/sys/kernel/debug/iommu/intel/ir_translation_struct"
#define ENABLED "PI is enabled and being updated for irq 34, vcpu 1, gsi: 0x18, gvec: 0x31"
/* What kernels before 6.17 have at the end. */
#define ADDRESS ", pi_desc_addr: 0x10a3c5040"

static struct vfio_device device = { .bdf = BDF };
static struct posting_files files;
static struct posting_vector vector;
static uint64_t command; /* the guest's register */

int __wrap_vfio_region_read(struct vfio_device *asked, unsigned int index, uint64_t offset,
			    unsigned int size, uint64_t *value);

int __wrap_vfio_region_read(struct vfio_device *asked, unsigned int index, uint64_t offset,
			    unsigned int size, uint64_t *value)
{
	assert_ptr_equal(asked, &device);
	assert_int_equal(index, VFIO_PCI_CONFIG_REGION_INDEX);
	assert_int_equal(offset, PCI_COMMAND);
	assert_int_equal(size, 2);
	*value = command;
	return 0;
}

/* A line of this process, which makes the VM. */
static void traced(const char *event, const char *text)
{
	fake_trace("%16s-%-7d [001] ..... 1.000001: %s: %s\n", "posthorn", (int)getpid(), event,
		   text);
}

static void irte_traced(const char *text)
{
	traced("kvm_pi_irte_update", text);
}

static void inhibit_traced(const char *text)
{
	traced("kvm_apicv_inhibit_changed", text);
}

/* A host of AMD's with this kernel, on which a VM was made, and a look at vector 0 of a device. */
static void amd_open(enum fake_release release)
{
	amd_put();
	fake_tracefs_put(release);
	posting_files_init(&files, tree.root);
	assert_true(files.by_irq);
	inhibit_traced("set reason=2, inhibits=0x4 ABSENT");
	inhibit_traced("cleared reason=2, inhibits=0x0");
	posting_files_open(&files, tree.root, getpid(), 5);
	posting_function_add(&files, tree.root, &device);
	vector = (struct posting_vector){
		.device = &device,
		.kind = IRQ_KIND_MSI,
		.message = { .address = 0xfee00000, .data = 0x31 },
		.gsi = 0x18,
		.host_irq = 34,
		.connected = 1,
	};
	command = PCI_COMMAND_MEMORY;
}

static void intel_open(enum fake_release release)
{
	amd_open(release);
	posting_files_close(&files);
	tree_remove("/sys/module/kvm_amd");
	intel_put();
	fake_tracefs_put(release);
	posting_files_init(&files, tree.root);
	inhibit_traced("set reason=2, inhibits=0x4 ABSENT");
	inhibit_traced("cleared reason=2, inhibits=0x0");
	posting_files_open(&files, tree.root, getpid(), 5);
	posting_function_add(&files, tree.root, &device);
}

static void assert_look(enum posting_state state, const char *part)
{
	enum posting_state seen = posting_probe(&files, &vector, why, sizeof(why));

	if (seen != state)
		fail_msg("%s, not %s: %s", posting_state_name(seen), posting_state_name(state),
			 why);
	assert_says(why, part);
}

static void nobody_looks_unasked(void **state)
{
	(void)state;
	amd_put();
	files = (struct posting_files){ .state_fd = -1 };
	posting_files_open(&files, tree.root, getpid(), 5);
	posting_function_add(&files, tree.root, &device);
	posting_thread_add(&files, getpid());
	vector = (struct posting_vector){ .device = &device };
	assert_look(POSTING_UNKNOWN, "--irq-report and --require-posting have it done");
	posting_files_close(&files);
}

static void without_tracefs_it_is_said_what_would_tell(void **state)
{
	(void)state;
	amd_put();
	posting_files_init(&files, tree.root);
	assert_false(files.by_irq);
	posting_files_open(&files, tree.root, getpid(), 5);
	vector = (struct posting_vector){ .device = &device, .host_irq = -1 };
	assert_look(POSTING_UNKNOWN, "mount -t tracefs none /sys/kernel/tracing");
	posting_files_close(&files);
}

static void the_tracepoint_tells_on_every_kernel(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_RELEASES; i++) {
		const char *end = i < LINUX_6_18 ? ADDRESS : "";
		char text[256];

		amd_open(i);
		assert_look(POSTING_NO, "kvm_pi_irte_update never posted host interrupt 34");
		snprintf(text, sizeof(text), "%s" ENABLED "%s", i == LINUX_6_1 ? "VT-d " : "", end);
		irte_traced(text);
		assert_look(POSTING_YES, "kvm_pi_irte_update posts host interrupt 34 to vCPU 1 as "
					 "vector 0x31, and AVIC is not inhibited");
		snprintf(text, sizeof(text),
			 "PI is disabled for irq 34, vcpu %s, gsi: 0x18, gvec: 0x31%s",
			 i < LINUX_6_18 ? "1" : "-1", end);
		irte_traced(text);
		assert_look(POSTING_NO, "kvm_pi_irte_update no longer posts host interrupt 34");
		posting_files_close(&files);
	}
}

static void intels_half_needs_no_avic(void **state)
{
	(void)state;
	intel_open(LINUX_6_18);
	irte_traced(ENABLED);
	assert_look(POSTING_YES, "as vector 0x31");
	assert_null(strstr(why, "AVIC"));
	inhibit_traced("set reason=1, inhibits=0x2 HYPERV");
	assert_look(POSTING_YES, "as vector 0x31");
	posting_files_close(&files);
	/* It says so before it is done: that is said. */
	intel_open(LINUX_6_12);
	irte_traced(ENABLED ADDRESS);
	assert_look(POSTING_YES, "before Linux 6.17");
	posting_files_close(&files);
}

static void avic_that_is_inhibited_does_not_post(void **state)
{
	static const struct {
		const char *line, *reason;
	} rows[] = {
		{ "set reason=0, inhibits=0x1 DISABLED", "DISABLED (AVIC is off" },
		{ "set reason=2, inhibits=0x4 ABSENT", "ABSENT (there is no local APIC" },
		{ "set reason=9, inhibits=0x200 PIT_REINJ", "PIT_REINJ (a PIT" },
		{ "set reason=7, inhibits=0x80 NESTED", "NESTED (a vCPU runs a guest of its own)" },
		{ "set reason=1, inhibits=0x2 HYPERV", "HYPERV (the guest uses Hyper-V's" },
		{ "set reason=8, inhibits=0x100 IRQWIN", "IRQWIN (KVM waits" },
		{ "set reason=3, inhibits=0x8 BLOCKIRQ", "BLOCKIRQ (a debugger" },
		{ "set reason=5, inhibits=0x20 APIC_ID_MODIFIED", "APIC_ID_MODIFIED (the guest" },
		{ "set reason=6, inhibits=0x40 APIC_BASE_MODIFIED", "APIC_BASE_MODIFIED (the" },
		{ "set reason=8, inhibits=0x180 NESTED|IRQWIN", "of its own), IRQWIN (KVM" },
		{ "set reason=40, inhibits=0x10000000000 NEW_ONE", "changed): NEW_ONE" },
	};

	(void)state;
	amd_open(LINUX_7_3);
	irte_traced(ENABLED);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		inhibit_traced(rows[i].line);
		assert_look(POSTING_NO, rows[i].reason);
		assert_says(why, "AVIC is inhibited (kvm_apicv_inhibit_changed): ");
	}
	inhibit_traced("cleared reason=40, inhibits=0x0");
	/* What there was is not forgotten: it may be why the host's handler ran. */
	assert_look(POSTING_YES,
		    "AVIC is not inhibited, but was: DISABLED (AVIC is off, or the CPU "
		    "has none), ABSENT (there");
	posting_files_close(&files);
	/* How it was while the VM was made does not count. */
	amd_open(LINUX_7_3);
	irte_traced(ENABLED);
	assert_look(POSTING_YES, "AVIC is not inhibited");
	assert_null(strstr(why, "but was"));
	posting_files_close(&files);
}

/* Whether KVM comes back to it when the inhibit is over depends on the release. */
static void avic_that_was_inhibited_may_post_later(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_RELEASES; i++) {
		amd_open(i);
		inhibit_traced("set reason=8, inhibits=0x100 IRQWIN");
		irte_traced(ENABLED);
		inhibit_traced("cleared reason=8, inhibits=0x0");
		if (i < LINUX_6_18)
			assert_look(POSTING_NO,
				    "AVIC was inhibited when kvm_pi_irte_update posted");
		else
			assert_look(POSTING_YES, "AVIC is not inhibited");
		posting_files_close(&files);
	}
}

/* What kept AVIC off at that moment may have been in the lines that are gone. */
static void avic_that_may_have_been_inhibited_is_not_known(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_RELEASES; i++) {
		amd_open(i);
		fake_trace("CPU:2 [LOST 17 EVENTS]\n");
		irte_traced(ENABLED);
		inhibit_traced("cleared reason=8, inhibits=0x0");
		if (i < LINUX_6_18)
			assert_look(
				POSTING_UNKNOWN,
				"whether AVIC was inhibited when kvm_pi_irte_update posted host "
				"interrupt 34 is not known");
		else
			assert_look(POSTING_YES, "AVIC is not inhibited");
		irte_traced(ENABLED);
		assert_look(POSTING_YES, "AVIC is not inhibited");
		posting_files_close(&files);
	}
}

static void another_thread_than_the_vms_tells_no_inhibits(void **state)
{
	(void)state;
	amd_open(LINUX_7_3);
	irte_traced(ENABLED);
	fake_trace(
		"x-%d [0] . 1.0: kvm_apicv_inhibit_changed: set reason=7, inhibits=0x80 NESTED\n",
		(int)getpid() + 1);
	assert_look(POSTING_YES, "AVIC is not inhibited");
	posting_thread_add(&files, getpid() + 1);
	fake_trace(
		"x-%d [0] . 1.0: kvm_apicv_inhibit_changed: set reason=7, inhibits=0x80 NESTED\n",
		(int)getpid() + 1);
	assert_look(POSTING_NO, "NESTED");
	posting_files_close(&files);
}

/* In a PID namespace the lines have other numbers than this process knows. */
static void without_a_known_thread_avic_is_not_known(void **state)
{
	(void)state;
	amd_put();
	fake_tracefs_put(LINUX_7_3);
	posting_files_init(&files, tree.root);
	irte_traced(ENABLED);
	assert_look(POSTING_UNKNOWN, "whether AVIC is inhibited is not known: in a PID namespace");
	posting_files_close(&files);
}

static void silence_says_nothing_unless_the_trace_is_whole(void **state)
{
	(void)state;
	amd_open(LINUX_7_3);
	fake_trace("CPU:1 [LOST 4 EVENTS]\n");
	assert_look(POSTING_UNKNOWN, "lines of the trace of kvm_pi_irte_update were lost");
	irte_traced(ENABLED);
	assert_look(POSTING_UNKNOWN, "not known: lines of the trace were lost");
	inhibit_traced("cleared reason=2, inhibits=0x0");
	assert_look(POSTING_YES, "posts host interrupt 34");
	posting_files_close(&files);
	/* It never was seen to work. */
	fake_tracefs_put(LINUX_7_3);
	posting_files_init(&files, tree.root);
	assert_look(POSTING_UNKNOWN, "kvm_apicv_inhibit_changed did not tell of this VM");
	posting_files_close(&files);
}

static void only_this_interrupt_counts(void **state)
{
	(void)state;
	amd_open(LINUX_7_3);
	irte_traced(ENABLED);
	vector.host_irq = 35;
	assert_look(POSTING_NO, "never posted host interrupt 35");
	vector.host_irq = -1;
	assert_look(POSTING_UNKNOWN, "/proc/interrupts has no row of it");
	vector.host_irq = 34;
	vector.gsi = 0x19;
	assert_look(POSTING_UNKNOWN, "as another: GSI 24, vector 0x31");
	vector.gsi = 0x18;
	vector.message.data = 0x4132;
	assert_look(POSTING_UNKNOWN, "as another: GSI 24, vector 0x31");
	vector.message.data = 0x4131;
	assert_look(POSTING_YES, "posts host interrupt 34");
	posting_files_close(&files);
}

/* ---- what the IOMMU's table adds ---- */

/* The device's configuration space, with an MSI of @address and @data. */
static void msi_put(uint32_t address, uint16_t data)
{
	uint8_t config[256] = { 0 };
	char path[PATH_MAX];
	FILE *file;

	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = MSI_AT;
	config[MSI_AT] = PCI_CAP_ID_MSI;
	le_store(config + MSI_AT + PCI_MSI_ADDRESS_LO, 4, address);
	le_store(config + MSI_AT + PCI_MSI_DATA_32, 2, data);
	tree_text_put("/sys/bus/pci/devices/" BDF "/config", "");
	tree_path(path, "/sys/bus/pci/devices/" BDF "/config");
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(config, 1, sizeof(config), file), sizeof(config));
	fclose(file);
}

static void amds_table_tells_too(void **state)
{
	(void)state;
	msi_put(0xfee00000, 1);
	tree_text_put(AMDS "devid", "");
	tree_text_put(AMDS "irqtbl", "DeviceId 0000:01:00:0\n"
				     "IRT[0001] 00000010a3c50031 01000002000000c1\n");
	amd_open(LINUX_7_3);
	irte_traced(ENABLED);
	assert_look(POSTING_YES, "AVIC is not inhibited; irqtbl: its entry is posted, with the "
				 "guest's vector 0x31");
	/* Of two that contradict each other the one counts that says no. */
	tree_text_put(AMDS "irqtbl", "DeviceId 0000:01:00:0\n"
				     "IRT[0001] 0000000000000031 0000000100000009\n");
	assert_look(POSTING_NO, "irqtbl: its entry is remapped, not posted");
	tree_text_put(AMDS "irqtbl", "DeviceId 0000:01:00:0\n"
				     "IRT[0001] 00000010a3c50031 01000002000000c1\n");
	inhibit_traced("set reason=7, inhibits=0x80 NESTED");
	assert_look(POSTING_NO, "NESTED");
	assert_says(why, "irqtbl: its entry is posted");
	posting_files_close(&files);
	/* Alone it is as good. */
	amd_put();
	tree_remove("/sys/kernel/tracing");
	posting_files_init(&files, tree.root);
	posting_function_add(&files, tree.root, &device);
	assert_look(POSTING_YES, "mount -t tracefs none /sys/kernel/tracing; irqtbl: its entry is "
				 "posted");
	/* Another vector than the guest's is not what the guest asked for. */
	vector.message.data = 0x32;
	assert_look(POSTING_UNKNOWN, "irqtbl: its entry is posted, with vector 0x31");
	vector.message.data = 0x31;
	posting_function_remove(&files, &device);
	assert_look(POSTING_UNKNOWN, "mount -t tracefs none /sys/kernel/tracing");
	posting_function_remove(&files, &device);
	posting_files_close(&files);
}

static void intel_table_put(void)
{
	msi_put(0xfee004d8, 0);
	tree_link_put("/sys/bus/pci/devices/" BDF "/iommu", "/sys/class/iommu/dmar0");
	tree_text_put(INTELS,
		      "Posted Interrupt supported on IOMMU: dmar0\n IR table address:100900000\n"
		      " Entry SrcID   PDA_high PDA_low  Vct IRTE_high\t\tIRTE_low\n"
		      " 38    01:00.0 00000001 0a3c5040 31  0000000100040100\t0a3c504000318001\n");
}

static void intels_table_tells_too(void **state)
{
	(void)state;
	intel_table_put();
	intel_open(LINUX_6_18);
	irte_traced(ENABLED);
	assert_look(POSTING_YES, "ir_translation_struct: its entry is posted, with the guest's "
				 "vector 0x31");
	posting_files_close(&files);
}

/* Then the table says nothing of the guest's: the host's own interrupts look the same. */
static void where_the_host_posts_its_own_the_table_is_no_evidence(void **state)
{
	(void)state;
	intel_table_put();
	intel_open(LINUX_6_18);
	posting_files_close(&files);
	tree_text_put("/proc/cmdline", "intel_iommu=on intremap=posted_msi\n");
	assert_possible();
	fake_tracefs_put(LINUX_6_18);
	posting_files_init(&files, tree.root);
	inhibit_traced("cleared reason=2, inhibits=0x0");
	posting_function_add(&files, tree.root, &device);
	assert_look(POSTING_NO,
		    "never posted host interrupt 34; ir_translation_struct: its entry "
		    "is posted, with vector 0x31; with intremap=posted_msi so are those");
	irte_traced(ENABLED);
	assert_look(POSTING_YES, "posts host interrupt 34");
	posting_files_close(&files);
}

/* An access to its table would be a fault. */
static void a_device_that_does_not_decode_is_not_read(void **state)
{
	(void)state;
	tree_text_put(AMDS "devid", "");
	tree_text_put(AMDS "irqtbl", "DeviceId 0000:01:00:0\nIRT[0000] 0000000000000031 09\n");
	amd_open(LINUX_7_3);
	irte_traced(ENABLED);
	vector.kind = IRQ_KIND_MSIX;
	vector.asleep = true;
	command = 0;
	assert_look(POSTING_YES, "AVIC is not inhibited");
	assert_null(strstr(why, "irqtbl"));
	posting_files_close(&files);
}

static void whether_a_run_can_see_is_known_before(void **state)
{
	(void)state;
	assert_false(posting_evidence(tree.root, why, sizeof(why)));
	assert_says(why, "mount -t tracefs none /sys/kernel/tracing");
	fake_tracefs_put(LINUX_7_3);
	assert_true(posting_evidence(tree.root, why, sizeof(why)));
	assert_says(why, "kvm:kvm_pi_irte_update");
	assert_int_equal(fake_tracefs.made, 0);
}

static void a_message_must_go_to_one_cpu(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t data;
		const char *reason;
	} rows[] = {
		{ 0xfee00000, 0x0031, NULL },
		{ 0xfee03000, 0x0041, NULL },
		{ 0xfee0300c, 0x0041, "logical destination 0x03 may be several CPUs" },
		{ 0xfee02004, 0x0041, NULL },
		{ 0xfee0200c, 0x0141, NULL },
		{ 0xfee0f00c, 0x0141,
		  "0x0f may be several CPUs, of which that with the lowest priority takes it" },
		{ 0xfeeff000, 0x0041, "goes to all CPUs" },
		{ 0xfeeff004, 0x0041, "goes to all CPUs" },
		{ 0xfee00000, 0x0231, "delivery mode is 2" },
		{ 0xfee00000, 0x0400, "delivery mode is 4" },
		{ 0xfee00000, 0x0531, "delivery mode is 5" },
		{ 0xfee00000, 0x0700, "delivery mode is 7" },
		/* More than 8 bits of destination: the rest is elsewhere in the address. */
		{ 0xfee00024, 0x0041, NULL },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct msi_message message = { rows[i].address, rows[i].data, 8 };

		assert_int_equal(posting_message_fits(&message, why, sizeof(why)), !rows[i].reason);
		if (rows[i].reason)
			assert_says(why, rows[i].reason);
		else
			assert_string_equal(why, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(nothing_rules_out_a_good_host),
		TREE_TEST(kvm_without_its_module_cannot),
		TREE_TEST(intel_needs_an_iommu),
		TREE_TEST(every_vtd_needs_both_bits),
		TREE_TEST(apicv_must_be_on),
		TREE_TEST(an_amd_cpu_cannot_use_a_vtd),
		TREE_TEST(every_amd_iommu_needs_gam),
		TREE_TEST(avic_must_be_on),
		TREE_TEST(the_command_line_can_forbid_it),
		TREE_TEST(amds_command_line_can_forbid_it),
		TREE_TEST(kvms_own_answer_counts),
		TREE_TEST(a_short_buffer_is_respected),
		TREE_TEST(kvms_own_answer_may_be_of_the_common_module),
		TREE_TEST(nobody_looks_unasked),
		TREE_TEST(without_tracefs_it_is_said_what_would_tell),
		TREE_TEST(the_tracepoint_tells_on_every_kernel),
		TREE_TEST(intels_half_needs_no_avic),
		TREE_TEST(avic_that_is_inhibited_does_not_post),
		TREE_TEST(avic_that_was_inhibited_may_post_later),
		TREE_TEST(avic_that_may_have_been_inhibited_is_not_known),
		TREE_TEST(another_thread_than_the_vms_tells_no_inhibits),
		TREE_TEST(without_a_known_thread_avic_is_not_known),
		TREE_TEST(silence_says_nothing_unless_the_trace_is_whole),
		TREE_TEST(only_this_interrupt_counts),
		TREE_TEST(amds_table_tells_too),
		TREE_TEST(intels_table_tells_too),
		TREE_TEST(where_the_host_posts_its_own_the_table_is_no_evidence),
		TREE_TEST(a_device_that_does_not_decode_is_not_read),
		TREE_TEST(whether_a_run_can_see_is_known_before),
		TREE_TEST(a_message_must_go_to_one_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
