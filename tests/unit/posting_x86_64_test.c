/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/report/posting on x86-64: each reason why a host cannot post, and what is no reason. */
#include "vmm/report/posting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kvm/irq.h"
#include "lib/util.h"
#include "tests/unit/host_tree.h"

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

static void no_single_message_can_be_told(void **state)
{
	struct posting_files files;

	(void)state;
	intel_put();
	posting_files_open(&files, tree.root, 100, 5);
	assert_int_equal(posting_probe(&files, 1, 8, 0, why, sizeof(why)), POSTING_UNKNOWN);
	posting_files_close(&files);
	assert_says(why, "kvm:kvm_pi_irte_update");
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
		{ 0xfee0f00c, 0x0141, "logical destination 0x0f may be several CPUs" },
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
		TREE_TEST(no_single_message_can_be_told),
		TREE_TEST(a_message_must_go_to_one_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
