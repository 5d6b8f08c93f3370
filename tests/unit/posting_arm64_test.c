/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/report/posting on arm64: why a host cannot post, and what the states of the virtual GIC, in
 * the form in which KVM writes them (arch/arm64/kvm/vgic/vgic-debug.c), prove of one message.
 */
#include "vmm/report/posting.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kvm/irq.h"
#include "lib/cmdline.h"
#include "lib/util.h"
#include "tests/unit/host_tree.h"

#define VM	   "/sys/kernel/debug/kvm/1234-7"
#define ITS_STATE  VM "/vgic-its-state@8080000"
#define VGIC_STATE VM "/vgic-state"

static char text[POSTING_TEXT_SIZE];
static int opendir_error; /* what the next opendir() fails with; 0: nothing */

DIR *__wrap_opendir(const char *name);
DIR *__real_opendir(const char *name);

DIR *__wrap_opendir(const char *name)
{
	errno = opendir_error;
	return opendir_error ? NULL : __real_opendir(name);
}

/* ---- what this host could do ---- */

static const char interrupts_v3[] =
	"           CPU0       CPU1       \n"
	" 11:       5013       4211     GICv3  27 Level     arch_timer\n"
	" 52:         11          2   ITS-MSI 524288 Edge      "
	"vfio-msix[0](0000:01:00.0)\n"
	"IPI0:       300        200       Rescheduling interrupts\n";

static const char log_v4[] = "6,0,0,-;Booting Linux on physical CPU 0x0000000000 [0x000f0510]\n"
			     "5,1,0,-;Linux version 6.12.0\n"
			     "6,60,0,-;ITS [mem 0x08080000-0x0809ffff]\n"
			     "6,61,0,-;ITS: Enabling GICv4 support\n"
			     "6,800,2406010,-;kvm [1]: GICv4 support enabled\n";

static const char log_v3[] = "6,0,0,-;Booting Linux on physical CPU 0x0000000000 [0x000f0510]\n"
			     "5,1,0,-;Linux version 6.12.0\n"
			     " SUBSYSTEM=none\n"
			     "6,60,0,-;ITS [mem 0x08080000-0x0809ffff]\n";

static void host_put(void)
{
	opendir_error = 0;
	tree_text_put("/dev/kvm", "");
	tree_text_put("/dev/kmsg", log_v4);
	tree_text_put("/proc/interrupts", interrupts_v3);
	tree_text_put("/proc/cmdline", "console=ttyAMA0 kvm-arm.vgic_v4_enable=1 quiet\n");
}

static void assert_possible(void)
{
	snprintf(text, sizeof(text), "left over");
	if (!posting_possible(tree.root, text, sizeof(text)))
		fail_msg("impossible: %s", text);
	assert_string_equal(text, "");
}

static void assert_impossible(const char *part)
{
	assert_false(posting_possible(tree.root, text, sizeof(text)));
	assert_says(text, part);
}

static void nothing_rules_out_a_good_host(void **state)
{
	(void)state;
	host_put();
	assert_possible();
}

static void what_cannot_be_read_rules_nothing_out(void **state)
{
	(void)state;
	tree_text_put("/dev/kvm", "");
	assert_possible();
}

static void a_host_without_kvm_cannot(void **state)
{
	(void)state;
	assert_impossible("no /dev/kvm: its kernel must be started at EL2");
}

static void a_gicv2_cannot(void **state)
{
	(void)state;
	host_put();
	/* Hardware comes before parameters. */
	tree_text_put("/proc/cmdline", "quiet\n");
	tree_text_put("/proc/interrupts", "           CPU0\n"
					  " 11:       5013     GICv2  27 Level     arch_timer\n"
					  " 12:          0     xGICv3  1 Level     GICv3\n");
	assert_impossible("is no GICv3 or GICv4");
}

static void a_whole_log_without_gicv4_is_proof(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/dev/kmsg", log_v3);
	assert_impossible("is no GICv4 (the kernel's log does not say");
}

static void a_log_that_lost_its_start_is_none(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/dev/kmsg", strchr(log_v3, '\n') + 1);
	assert_possible();
	tree_text_put("/dev/kmsg", "no record\n");
	assert_possible();
	tree_text_put("/dev/kmsg", "");
	assert_possible();
}

static void gicv4_must_be_turned_on(void **state)
{
	static const struct {
		const char *cmdline;
		bool possible;
	} rows[] = {
		{ "quiet", false },
		{ "kvm-arm.vgic_v4_enable", false }, /* refused: it takes a value */
		{ "kvm-arm.vgic_v4_enable=", false },
		{ "kvm-arm.vgic_v4_enable=0", false },
		{ "kvm-arm.vgic_v4_enable=n", false },
		{ "kvm-arm.vgic_v4_enable=off", false },
		{ "kvm-arm.vgic_v4_enable=1", true },
		{ "kvm-arm.vgic_v4_enable=y", true },
		{ "kvm-arm.vgic_v4_enable=on", true },
		{ "kvm_arm.vgic-v4-enable=1", true },
		{ "kvm-arm.vgic_v4_enable=1 kvm-arm.vgic_v4_enable=0", false },
		{ "kvm-arm.vgic_v4_enable=0 x kvm-arm.vgic_v4_enable=1", true },
		{ "kvm-arm.vgic_v4_enable=1 kvm-arm.vgic_v4_enable=?", true },
		{ "kvm-arm.vgic_v4_enablex=1", false },
		{ "x kvm-arm.vgic_v4=1", false },
		{ "-- kvm-arm.vgic_v4_enable=1", false },
	};

	(void)state;
	host_put();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		tree_text_put("/proc/cmdline", rows[i].cmdline);
		if (posting_possible(tree.root, text, sizeof(text)) != rows[i].possible)
			fail_msg("%s", rows[i].cmdline);
		assert_int_equal(cmdline_bool(tree.root, "kvm-arm.vgic_v4_enable"),
				 rows[i].possible);
		if (!rows[i].possible)
			assert_says(text, "booted without kvm-arm.vgic_v4_enable=1: boot with it");
	}
}

static void every_message_fits(void **state)
{
	const struct msi_message message = { 0x08090040, 0x700, 8 };

	(void)state;
	snprintf(text, sizeof(text), "left over");
	assert_true(posting_message_fits(&message, text, sizeof(text)));
	assert_string_equal(text, "");
}

/* ---- how one message goes now ---- */

static const char its_state[] = "\n"
				"Device ID: 0x8, Event ID Range: [0 - 31]\n"
				"EVENT_ID    INTID  HWINTID   TARGET   COL_ID HW\n"
				"-----------------------------------------------\n"
				"       0     8192        0        0        0  1\n"
				"       1     8193        0        1        1  0\n"
				"      10     8194        0        1        1  1\n"
				"\n"
				"Device ID: 0x10, Event ID Range: [0 - 1]\n"
				"EVENT_ID    INTID  HWINTID   TARGET   COL_ID HW\n"
				"-----------------------------------------------\n"
				"       0     8224        0        0        0  0\n"
				"       2     8226        0        0        0  1\n";

/* vgic-state up to its LPIs. The software interrupts of a GICv4.1 have H as well. */
#define VGIC_HEAD(lpis, flags)                                                 \
	"Distributor\n===========\nvgic_model:\tGICv3\nnr_spis:\t32\n" lpis    \
	"enabled:\t1\n\nP=pending_latch, L=line_level, A=active\n"             \
	"E=enabled, H=hw, C=config (level=1, edge=0)\nG=group\n\n"             \
	"VCPU 0 TYP   ID TGT_ID " flags "     HWID   TARGET SRC PRI VCPU_ID\n" \
	"----------------------------------------------------------------\n"   \
	"       SGI    0      0 0001101        0        0   0 160      0 \n"   \
	"       PPI   27      0 0101011       27        0   0 160      0 \n\n" \
	"SPI  0 TYP   ID TGT_ID " flags "     HWID   TARGET SRC PRI VCPU_ID\n" \
	"----------------------------------------------------------------\n"   \
	"       SPI   33      0 0001001        0        0   0 160     -1 \n"
#define VGIC_FLAGS     "PLAEHCG"
#define LPI(id, flags) "       LPI " id "      0 " flags "        0        0   0 160     -1 \n"

static enum posting_state probe_connected(unsigned int connected, uint32_t device_id,
					  uint32_t event)
{
	const struct posting_vector vector = {
		.kind = IRQ_KIND_MSIX,
		.message = { .data = event, .device_id = device_id },
		.host_irq = -1,
		.connected = connected,
	};
	struct posting_files files;
	enum posting_state state;

	posting_files_init(&files, tree.root);
	assert_false(files.by_irq);
	posting_files_open(&files, tree.root, 1234, 7);
	posting_thread_add(&files, 1234);
	state = posting_probe(&files, &vector, text, sizeof(text));
	posting_files_close(&files);
	return state;
}

static enum posting_state probe(uint32_t device_id, uint32_t event)
{
	return probe_connected(99, device_id, event);
}

static void the_its_tells_each_message(void **state)
{
	(void)state;
	host_put();
	tree_text_put(ITS_STATE, its_state);
	/* It is asked first. */
	tree_text_put(VGIC_STATE, VGIC_HEAD("nr_lpis:\t1\n", VGIC_FLAGS) LPI("8192", "0001001"));
	assert_int_equal(probe(8, 0), POSTING_YES);
	assert_string_equal(
		text, "vgic-its-state: device 0x8 event 0 is LPI 8192, forwarded by the hardware");
	assert_int_equal(probe(8, 1), POSTING_NO);
	assert_string_equal(text, "vgic-its-state: device 0x8 event 1 is LPI 8193, not forwarded");
	assert_int_equal(probe(8, 10), POSTING_YES);
	assert_int_equal(probe(16, 0), POSTING_NO);
	assert_int_equal(probe(16, 2), POSTING_YES);
}

static void a_message_that_the_its_does_not_know_goes_nowhere(void **state)
{
	(void)state;
	host_put();
	tree_text_put(ITS_STATE, its_state);
	assert_int_equal(probe(8, 2), POSTING_UNMAPPED);
	assert_says(text, "has not mapped event 2 of device 0x8");
	assert_int_equal(probe(24, 0), POSTING_UNMAPPED);
	assert_int_equal(probe(16, 1), POSTING_UNMAPPED);
	tree_text_put(ITS_STATE, "");
	assert_int_equal(probe(8, 0), POSTING_UNMAPPED);
}

static void another_vm_is_not_asked(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/sys/kernel/debug/kvm/1234-8/vgic-its-state@8080000", its_state);
	tree_text_put("/proc/interrupts", " 54:  0  4  GICv4-vpe   0 Edge      vcpu\n");
	assert_int_equal(probe(8, 0), POSTING_UNKNOWN);
	assert_says(text, "has no 1234-7");
}

static void lpis_tell_when_they_agree(void **state)
{
	static const struct {
		const char *file;
		enum posting_state state;
		const char *seen;
	} rows[] = {
		{ VGIC_HEAD("nr_lpis:\t2\n", VGIC_FLAGS) LPI("8192", "0001101")
			  LPI("8193", "0000101"),
		  POSTING_YES, "2 LPIs, 99 of them connected, the hardware forwards 2" },
		{ VGIC_HEAD("nr_lpis:\t2\n", VGIC_FLAGS) LPI("8192", "1111011")
			  LPI("8193", "0001001"),
		  POSTING_NO, "2 LPIs, 99 of them connected, the hardware forwards 0" },
		{ VGIC_HEAD("nr_lpis:\t2\n", VGIC_FLAGS) LPI("8192", "0001101")
			  LPI("8193", "0001001"),
		  POSTING_UNKNOWN, "forwards 1: whose they are only Linux 6.16 and later show" },
		{ VGIC_HEAD("nr_lpis:\t0\n", VGIC_FLAGS), POSTING_UNMAPPED, "0 LPIs" },
		/* LPIs that come and go between two pages of the file */
		{ VGIC_HEAD("nr_lpis:\t2\n", VGIC_FLAGS) LPI("8192", "0001101"), POSTING_UNKNOWN,
		  "it changed while it was read" },
		{ VGIC_HEAD("nr_lpis:\t2\n", VGIC_FLAGS)
			  LPI("8192", "0001101") "       LPI 8193 freed\n",
		  POSTING_UNKNOWN, "it changed while it was read" },
		/* A column more, and forms that no kernel has yet */
		{ VGIC_HEAD("nr_lpis:\t1\n", "PLAEXHCG") LPI("8192", "00011001"), POSTING_NO,
		  "forwards 0" },
		{ VGIC_HEAD("nr_lpis:\t1\n", "PLAEXHCG") LPI("8192", "00010101"), POSTING_YES,
		  "forwards 1" },
		{ VGIC_HEAD("nr_lpis:\t1\n", "PLAECG") LPI("8192", "000101"), POSTING_UNKNOWN,
		  "its form is not known" },
		{ VGIC_HEAD("", VGIC_FLAGS) LPI("8192", "0001101"), POSTING_UNKNOWN,
		  "its form is not known" },
		{ "", POSTING_UNKNOWN, "its form is not known" },
	};

	(void)state;
	host_put();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		enum posting_state seen;

		tree_text_put(VGIC_STATE, rows[i].file);
		seen = probe(8, 0);
		if (seen != rows[i].state)
			fail_msg("row %u: %d, %s", i, seen, text);
		assert_says(text, rows[i].seen);
	}
}

/* What is forwarded is one of the connected, and all of them are when their numbers are equal. */
static void as_many_lpis_as_are_connected_are_all_of_them(void **state)
{
	(void)state;
	host_put();
	tree_text_put(VGIC_STATE, VGIC_HEAD("nr_lpis:\t3\n", VGIC_FLAGS) LPI("8192", "0001101")
					  LPI("8193", "0001101") LPI("8194", "0001001"));
	assert_int_equal(probe_connected(2, 8, 0), POSTING_YES);
	assert_says(text, "3 LPIs, 2 of them connected, the hardware forwards 2");
	assert_int_equal(probe_connected(1, 8, 0), POSTING_UNKNOWN);
	assert_int_equal(probe_connected(3, 8, 0), POSTING_UNKNOWN);
}

static void an_open_file_is_read_anew_each_time(void **state)
{
	const struct posting_vector vector = { .message.device_id = 8, .connected = 1 };
	struct posting_files files;

	(void)state;
	host_put();
	tree_text_put(ITS_STATE, its_state);
	posting_files_open(&files, tree.root, 1234, 7);
	assert_int_equal(posting_probe(&files, &vector, text, sizeof(text)), POSTING_YES);
	tree_text_put(ITS_STATE, "");
	assert_int_equal(posting_probe(&files, &vector, text, sizeof(text)), POSTING_UNMAPPED);
	posting_files_close(&files);
}

static void whether_a_run_can_see_is_known_before(void **state)
{
	(void)state;
	host_put();
	assert_false(posting_evidence(tree.root, text, sizeof(text)));
	assert_says(text, "cannot be read: run posthorn as root");
	tree_text_put(ITS_STATE, its_state);
	assert_true(posting_evidence(tree.root, text, sizeof(text)));
	assert_says(text, "/sys/kernel/debug/kvm");
}

static void without_debugfs_no_doorbell_is_proof(void **state)
{
	(void)state;
	host_put();
	assert_int_equal(probe(8, 0), POSTING_NO);
	assert_says(text, "/proc/interrupts has no row of GICv4");
}

/* What is said when the doorbells are there, and so prove nothing. */
static void blame_assert(const char *part)
{
	static const char *const chips[] = { "GICv4-vpe", "GICv4.1-vpe" };
	char interrupts[128];

	for (unsigned int i = 0; i < ARRAY_SIZE(chips); i++) {
		snprintf(interrupts, sizeof(interrupts),
			 "  CPU0 CPU1\n 54:  0  4  %s   0 Edge      vcpu\n", chips[i]);
		tree_text_put("/proc/interrupts", interrupts);
		assert_int_equal(probe(8, 0), POSTING_UNKNOWN);
		assert_says(text, part);
	}
}

static void an_unreadable_debugfs_is_named_with_its_remedy(void **state)
{
	(void)state;
	host_put();
	blame_assert("/sys/kernel/debug/kvm is missing: mount -t debugfs none /sys/kernel/debug");
	tree_directory_put("/sys/kernel/debug/kvm");
	blame_assert("has no 1234-7 with the state");
	tree_directory_put(VM);
	blame_assert("has no 1234-7 with the state");
	opendir_error = EACCES;
	blame_assert("may not be read: it takes root");
	opendir_error = EPERM;
	blame_assert("not locked down");
	opendir_error = EMFILE;
	blame_assert("Too many open files");
	opendir_error = 0;
}

static void nothing_at_all_is_unknown(void **state)
{
	(void)state;
	opendir_error = 0;
	assert_int_equal(probe(8, 0), POSTING_UNKNOWN);
	assert_says(text, "mount -t debugfs");
}

/* A directory opens like a file, and its read fails. */
static void a_failed_read_is_no_answer(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/proc/interrupts", " 54:  0  4  GICv4-vpe   0 Edge      vcpu\n");
	tree_directory_put(VGIC_STATE);
	assert_int_equal(probe(8, 0), POSTING_UNKNOWN);
	assert_says(text, "Is a directory");
	tree_directory_put(ITS_STATE);
	assert_int_equal(probe(8, 0), POSTING_UNKNOWN);
	assert_says(text, "Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(nothing_rules_out_a_good_host),
		TREE_TEST(what_cannot_be_read_rules_nothing_out),
		TREE_TEST(a_host_without_kvm_cannot),
		TREE_TEST(a_gicv2_cannot),
		TREE_TEST(a_whole_log_without_gicv4_is_proof),
		TREE_TEST(a_log_that_lost_its_start_is_none),
		TREE_TEST(gicv4_must_be_turned_on),
		TREE_TEST(every_message_fits),
		TREE_TEST(the_its_tells_each_message),
		TREE_TEST(a_message_that_the_its_does_not_know_goes_nowhere),
		TREE_TEST(another_vm_is_not_asked),
		TREE_TEST(lpis_tell_when_they_agree),
		TREE_TEST(as_many_lpis_as_are_connected_are_all_of_them),
		TREE_TEST(an_open_file_is_read_anew_each_time),
		TREE_TEST(whether_a_run_can_see_is_known_before),
		TREE_TEST(without_debugfs_no_doorbell_is_proof),
		TREE_TEST(an_unreadable_debugfs_is_named_with_its_remedy),
		TREE_TEST(nothing_at_all_is_unknown),
		TREE_TEST(a_failed_read_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
