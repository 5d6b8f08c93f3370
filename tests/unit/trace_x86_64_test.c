/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/report/trace: what the lines of each kernel mean, and the life of the tracing instance. */
#include "vmm/report/trace_x86_64.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/util.h"
#include "tests/unit/fake_tracefs.h"
#include "tests/unit/host_tree.h"

#define THREAD 4711

static struct irq_trace trace;

/* Take in a line of @thread. */
static void line(pid_t thread, const char *event, const char *text)
{
	char buffer[512];

	snprintf(buffer, sizeof(buffer), "%16s-%-7d [003] ..... %6d.%06d: %s: %s\n", "vcpu 0",
		 (int)thread, 123, 456789, event, text);
	irq_trace_take(&trace, buffer, strlen(buffer));
}

static void irte(const char *text)
{
	line(THREAD, "kvm_pi_irte_update", text);
}

static void inhibit(const char *text)
{
	line(THREAD, "kvm_apicv_inhibit_changed", text);
}

/* A trace without an instance, which knows THREAD. */
static int bare_setup(void **state)
{
	(void)state;
	trace = (struct irq_trace){ .fd = STDIN_FILENO, .guard_fd = -1 };
	irq_trace_thread_add(&trace, THREAD);
	return 0;
}

static int bare_teardown(void **state)
{
	(void)state;
	trace.fd = -1; /* it is not the trace's */
	irq_trace_close(&trace);
	return 0;
}

static void assert_entry(unsigned int irq, bool posted, int vcpu, unsigned int gsi,
			 unsigned int vector)
{
	const struct irq_trace_entry *entry = irq_trace_find(&trace, irq);

	assert_non_null(entry);
	assert_int_equal(entry->posted, posted);
	assert_int_equal(entry->vcpu, vcpu);
	assert_int_equal(entry->gsi, gsi);
	assert_int_equal(entry->vector, vector);
}

/* ---- lines ---- */

static void every_kernels_lines_are_understood(void **state)
{
	static const char *const rows[FAKE_RELEASES][2] = {
		[LINUX_6_1] = { "VT-d PI is enabled and being updated for irq 34, vcpu 1, gsi: "
				"0x18, "
				"gvec: 0x31, pi_desc_addr: 0x10a3c5040",
				"VT-d PI is disabled for irq 34, vcpu 1, gsi: 0x18, gvec: 0x31, "
				"pi_desc_addr: 0x10a3c5040" },
		[LINUX_6_12] = { "PI is enabled and being updated for irq 34, vcpu 1, gsi: 0x18, "
				 "gvec: 0x31, pi_desc_addr: 0x10a3c5040",
				 "PI is disabled for irq 34, vcpu 1, gsi: 0x18, gvec: 0x31, "
				 "pi_desc_addr: 0x10a3c5040" },
		[LINUX_6_18] = { "PI is enabled and being updated for irq 34, vcpu 1, gsi: 0x18, "
				 "gvec: 0x31",
				 "PI is disabled for irq 34, vcpu -1, gsi: 0x18, gvec: 0x31" },
		[LINUX_7_3] = { "PI is enabled and being updated for irq 34, vcpu 1, gsi: 0x18, "
				"gvec: 0x31",
				"PI is disabled for irq 34, vcpu -1, gsi: 0x18, gvec: 0x31" },
	};

	(void)state;
	for (unsigned int i = 0; i < FAKE_RELEASES; i++) {
		irte(rows[i][0]);
		assert_entry(34, true, 1, 0x18, 0x31);
		irte(rows[i][1]);
		assert_entry(34, false, i < LINUX_6_18 ? 1 : -1, 0x18, 0x31);
	}
	assert_int_equal(trace.entry_count, 1);
}

static void every_kernels_forms_are_known(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_RELEASES; i++) {
		fake_tracefs_put(i);
		trace = (struct irq_trace){ .fd = -1, .guard_fd = -1 };
		assert_true(irq_trace_forms_check(&trace, fake_tracefs.irte, fake_tracefs.inhibit));
		assert_int_equal(trace.is_early, i < LINUX_6_18);
		assert_string_equal(trace.why, "");
	}
}

static void another_form_is_not_guessed_at(void **state)
{
	static const char *const forms[] = {
		"",
		"print fmt: ",
		"print fmt: \"PI is %s for irq %u, vcpu %d, gsi: 0x%x, gvec: 0x%x",
		"print fmt: \"PI is %s for irq %u, vcpu %d, gsi: 0x%x, gvec: 0x%x, more: %u\", ...",
		"print fmt: \"irq %u, PI is %s, vcpu %d, gsi: 0x%x, gvec: 0x%x\", ...",
	};

	(void)state;
	fake_tracefs_put(LINUX_7_3);
	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		assert_false(irq_trace_forms_check(&trace, forms[i], fake_tracefs.inhibit));
		assert_says(trace.why, "kvm:kvm_pi_irte_update is of a form");
		assert_false(irq_trace_forms_check(&trace, fake_tracefs.irte, forms[i]));
		assert_says(trace.why, "kvm:kvm_apicv_inhibit_changed is of a form");
	}
}

static void each_interrupt_has_its_last_line(void **state)
{
	char text[128];

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text),
			 "PI is enabled and being updated for irq %u, vcpu 0, gsi: 0x%x, gvec: "
			 "0x%x",
			 1000 + i, i, i & 0xff);
		irte(text);
	}
	irte("PI is disabled for irq 1007, vcpu -1, gsi: 0x7, gvec: 0x7");
	for (unsigned int i = 0; i < 300; i++)
		assert_entry(1000 + i, i != 7, i == 7 ? -1 : 0, i, i & 0xff);
	assert_null(irq_trace_find(&trace, 999));
	assert_null(irq_trace_find(&trace, 1300));
}

static void lines_may_come_in_pieces(void **state)
{
	static const char text[] = "          vcpu 0-4711    [000] ..... 1.000001: "
				   "kvm_pi_irte_update: PI is enabled and "
				   "being updated for irq 50, vcpu 0, gsi: 0x18, gvec: 0x31\n"
				   "          vcpu 0-4711    [000] ..... 1.000002: "
				   "kvm_pi_irte_update: PI is enabled and "
				   "being updated for irq 51, vcpu 0, gsi: 0x19, gvec: 0x32\n";

	(void)state;
	for (size_t cut = 0; cut < strlen(text); cut++) {
		trace.entry_count = 0;
		irq_trace_take(&trace, text, cut);
		irq_trace_take(&trace, text + cut, strlen(text) - cut);
		assert_int_equal(trace.entry_count, 2);
		assert_entry(50, true, 0, 0x18, 0x31);
		assert_entry(51, true, 0, 0x19, 0x32);
	}
}

static void what_is_no_line_of_these_is_not_read(void **state)
{
	static const char *const rows[] = {
		"",
		"# tracer: nop",
		"PI is enabled for irq 34, vcpu 1, gsi: 0x18, gvec: 0x31",
		"x-1 [0] 1.0: kvm_pi_irte_update: PI is enabled and being updated for irq x, vcpu "
		"1",
		"x-1 [0] 1.0: kvm_pi_irte_update: PI is enabled and being updated for irq 34, vcpu "
		"1",
		"x-1 [0] 1.0: kvm_pi_irte_update: for irq 34, vcpu 1, gsi: 0x18, gvec: 0x31",
		"x-1 [0] 1.0: kvm_msi_set_irq: PI is enabled for irq 34, vcpu 1, gsi: 0x18, gvec: "
		"0x3",
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		irq_trace_take(&trace, rows[i], strlen(rows[i]));
		irq_trace_take(&trace, "\n", 1);
	}
	assert_int_equal(trace.entry_count, 0);
	assert_false(trace.heard);
	assert_false(trace.lost);
}

static void a_long_line_is_cut(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10000; i++)
		irq_trace_take(&trace, "x", 1);
	irq_trace_take(&trace, "\n", 1);
	irte("PI is enabled and being updated for irq 34, vcpu 1, gsi: 0x18, gvec: 0x31");
	assert_entry(34, true, 1, 0x18, 0x31);
}

/* ---- inhibits ---- */

static void the_vms_own_threads_tell_its_inhibits(void **state)
{
	(void)state;
	assert_false(trace.heard);
	line(THREAD + 1, "kvm_apicv_inhibit_changed", "set reason=2, inhibits=0x4 ABSENT");
	assert_true(trace.heard);
	assert_false(trace.inhibits_known);
	inhibit("cleared reason=2, inhibits=0x0");
	assert_true(trace.inhibits_known);
	assert_int_equal(trace.inhibits, 0);
	line(THREAD + 1, "kvm_apicv_inhibit_changed", "set reason=7, inhibits=0x80 NESTED");
	assert_int_equal(trace.inhibits, 0);
	irq_trace_thread_add(&trace, THREAD + 1);
	line(THREAD + 1, "kvm_apicv_inhibit_changed", "set reason=8, inhibits=0x180 NESTED|IRQWIN");
	assert_int_equal(trace.inhibits, 0x180);
	assert_string_equal(trace.inhibit_names, "NESTED|IRQWIN");
}

/* The words come from kernels before 6.10 as numbers, of which the first four are the same in all.
 */
static void without_names_inhibits_have_numbers(void **state)
{
	static const struct {
		const char *line, *names;
	} rows[] = {
		{ "set reason=0, inhibits=0x1", "DISABLED" },
		{ "set reason=2, inhibits=0x5", "DISABLED|ABSENT" },
		{ "set reason=3, inhibits=0xa", "HYPERV|BLOCKIRQ" },
		{ "set reason=9, inhibits=0x210", "reason 4|reason 9" },
		{ "cleared reason=9, inhibits=0x0", "" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		inhibit(rows[i].line);
		assert_string_equal(trace.inhibit_names, rows[i].names);
	}
	/* More than there is room for. */
	inhibit("set reason=9, inhibits=0xffffffffffffffff");
	assert_int_equal(strlen(trace.inhibit_names), sizeof(trace.inhibit_names) - 1);
}

static void an_interrupt_remembers_whether_avic_was_inhibited(void **state)
{
	(void)state;
	inhibit("set reason=8, inhibits=0x100 IRQWIN");
	irte("PI is enabled and being updated for irq 34, vcpu 0, gsi: 0x18, gvec: 0x31");
	inhibit("cleared reason=8, inhibits=0x0");
	irte("PI is enabled and being updated for irq 35, vcpu 0, gsi: 0x19, gvec: 0x32");
	assert_true(irq_trace_find(&trace, 34)->inhibited);
	assert_false(irq_trace_find(&trace, 35)->inhibited);
}

static void all_inhibits_since_the_vm_was_there_are_known(void **state)
{
	(void)state;
	trace.fd = -1; /* there is nothing to read */
	inhibit("set reason=2, inhibits=0x4 ABSENT");
	inhibit("cleared reason=2, inhibits=0x0");
	assert_string_equal(trace.past_names, "ABSENT");
	irq_trace_begin(&trace);
	assert_string_equal(trace.past_names, "");
	inhibit("set reason=8, inhibits=0x100 IRQWIN");
	inhibit("set reason=7, inhibits=0x180 NESTED|IRQWIN");
	inhibit("cleared reason=8, inhibits=0x80 NESTED");
	inhibit("set reason=9, inhibits=0x280 NESTED|IRQ");
	inhibit("cleared reason=7, inhibits=0x0");
	assert_string_equal(trace.past_names, "IRQWIN|NESTED|IRQ");
	for (unsigned int i = 0; i < 20; i++) {
		char text[64];

		snprintf(text, sizeof(text), "set reason=9, inhibits=0x200 SOMETHING_%u", i);
		inhibit(text);
	}
	assert_true(strlen(trace.past_names) < sizeof(trace.past_names));
	assert_says(trace.past_names, "IRQWIN|NESTED|IRQ|SOMETHING_0|SOMETHING_1|");
	/* What is still so stays. */
	irq_trace_begin(&trace);
	assert_string_equal(trace.past_names, "SOMETHING_19");
}

/* A command is what its process likes, and the line of another may look like one of ours. */
static void a_threads_name_is_not_taken_for_its_number(void **state)
{
	static const struct {
		const char *head;
		bool ours;
	} rows[] = {
		{ "a-1 [000]-4711    [001] .....", true },
		{ "a-4711 [000]-1    [001] .....", false },
		{ "   4711-1       [001] .....", false },
		{ "           <...>-4711    [001] d..1.", true },
		{ "-4711 [1] .", true },
		{ "x-14711 [1] .", false },
		{ "x-47112 [1] .", false },
		{ "4711 [1] .", false },
		{ "x- [1] .", false },
		{ "[", false },
		{ "", false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256];

		trace.inhibits_known = false;
		snprintf(text, sizeof(text),
			 "%s 1.000001: kvm_apicv_inhibit_changed: cleared reason=2, inhibits=0x0\n",
			 rows[i].head);
		irq_trace_take(&trace, text, strlen(text));
		if (trace.inhibits_known != rows[i].ours)
			fail_msg("%s", text);
	}
}

static void what_was_lost_makes_the_rest_unknown(void **state)
{
	static const char lost[] = "CPU:2 [LOST 17 EVENTS]\n";

	(void)state;
	inhibit("cleared reason=2, inhibits=0x0");
	irte("PI is enabled and being updated for irq 34, vcpu 0, gsi: 0x18, gvec: 0x31");
	irq_trace_take(&trace, lost, strlen(lost));
	assert_true(trace.lost);
	assert_false(trace.inhibits_known);
	assert_null(irq_trace_find(&trace, 34));
	/* What comes from now on is true again. */
	irte("PI is enabled and being updated for irq 34, vcpu 0, gsi: 0x18, gvec: 0x31");
	inhibit("cleared reason=2, inhibits=0x0");
	assert_entry(34, true, 0, 0x18, 0x31);
	assert_true(trace.inhibits_known);
	assert_true(trace.lost);
}

static void what_cannot_be_read_is_lost(void **state)
{
	(void)state;
	trace.fd = open("/", O_RDONLY | O_DIRECTORY);
	irte("PI is enabled and being updated for irq 34, vcpu 0, gsi: 0x18, gvec: 0x31");
	irq_trace_read(&trace);
	assert_true(trace.lost);
	assert_null(irq_trace_find(&trace, 34));
	close(trace.fd);
}

/* ---- the instance ---- */

static void an_instance_is_armed_read_and_removed(void **state)
{
	(void)state;
	fake_tracefs_put(LINUX_6_12);
	irq_trace_open(&trace, tree.root);
	assert_string_equal(trace.why, "");
	assert_true(trace.fd >= 0);
	assert_true(trace.is_early);
	assert_true(tree_has(fake_instance()));
	assert_string_equal(fake_instance_file("buffer_size_kb"), "64");
	assert_string_equal(fake_instance_file("events/kvm/kvm_pi_irte_update/enable"), "1");
	assert_string_equal(fake_instance_file("events/kvm/kvm_apicv_inhibit_changed/enable"), "1");
	irq_trace_read(&trace);
	assert_false(trace.heard);
	fake_trace("x-%d [0] . 1.0: kvm_apicv_inhibit_changed: set reason=2, inhibits=0x4 ABSENT\n",
		   (int)getpid());
	irq_trace_read(&trace);
	assert_int_equal(trace.inhibits, 4);
	fake_trace("x-%d [0] . 1.1: kvm_apicv_inhibit_changed: cleared reason=2, inhibits=0x0\n",
		   (int)getpid());
	irq_trace_read(&trace);
	assert_true(trace.inhibits_known);
	assert_int_equal(trace.inhibits, 0);
	irq_trace_close(&trace);
	assert_false(tree_has(fake_instance()));
	assert_int_equal(trace.fd, -1);
}

/* It has those of the kernel's own trace, which are somebody's choice. */
static void an_instance_has_options_of_its_own(void **state)
{
	static const char *const on[] = { "overwrite", "context-info" };
	static const char *const off[] = { "record-tgid", "latency-format", "raw", "hex", "bin" };
	char file[64];

	(void)state;
	fake_tracefs_put(LINUX_6_1);
	irq_trace_open(&trace, tree.root);
	for (unsigned int i = 0; i < ARRAY_SIZE(on); i++) {
		snprintf(file, sizeof(file), "options/%s", on[i]);
		assert_string_equal(fake_instance_file(file), "1");
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(off); i++) {
		snprintf(file, sizeof(file), "options/%s", off[i]);
		assert_string_equal(fake_instance_file(file), "0");
	}
	irq_trace_close(&trace);
}

static void stale_instances_are_removed_and_others_not(void **state)
{
	(void)state;
	fake_tracefs_put(LINUX_7_3);
	tree_directory_put(INSTANCES "/posthorn-1");
	tree_directory_put(INSTANCES "/posthorn-22.1");
	tree_directory_put(INSTANCES "/posthorn-333");
	tree_directory_put(INSTANCES "/somebody");
	fake_tracefs.busy = "/posthorn-333";
	irq_trace_open(&trace, tree.root);
	assert_false(tree_has(INSTANCES "/posthorn-1"));
	assert_false(tree_has(INSTANCES "/posthorn-22.1"));
	assert_true(tree_has(INSTANCES "/posthorn-333"));
	assert_true(tree_has(INSTANCES "/somebody"));
	irq_trace_close(&trace);
	assert_true(tree_has(INSTANCES "/posthorn-333"));
}

static void a_name_that_is_taken_gets_another(void **state)
{
	char other[96];

	(void)state;
	fake_tracefs_put(LINUX_7_3);
	tree_directory_put(fake_instance());
	fake_tracefs.busy = strrchr(fake_instance(), '/');
	irq_trace_open(&trace, tree.root);
	assert_true(trace.fd >= 0);
	snprintf(other, sizeof(other), "%s.1", fake_instance());
	assert_true(tree_has(other));
	irq_trace_close(&trace);
	assert_false(tree_has(other));
	assert_true(tree_has(fake_instance()));
}

static void a_process_that_is_killed_leaves_no_instance(void **state)
{
	const struct timespec interval = { .tv_nsec = 10000000 };
	char name[64];
	int status;
	pid_t child;

	(void)state;
	fake_tracefs_put(LINUX_7_3);
	child = fork();
	if (child == 0) {
		irq_trace_open(&trace, tree.root);
		if (trace.fd >= 0 && tree_has(fake_instance()))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	snprintf(name, sizeof(name), INSTANCES "/posthorn-%d", (int)child);
	/* For ever, if nobody removes it. */
	while (tree_has(name))
		nanosleep(&interval, NULL);
}

static void assert_closed(const char *why)
{
	assert_int_equal(trace.fd, -1);
	assert_int_equal(trace.guard_fd, -1);
	assert_says(trace.why, why);
	/* All of it does nothing then. */
	irq_trace_thread_add(&trace, THREAD);
	irq_trace_read(&trace);
	assert_int_equal(trace.thread_count, 0);
	irq_trace_close(&trace);
}

static void what_is_missing_is_said_with_its_remedy(void **state)
{
	(void)state;
	irq_trace_open(&trace, tree.root);
	assert_closed("/sys/kernel/tracing/instances is missing: mount -t tracefs none");
	fake_tracefs_put(LINUX_7_3);
	fake_tracefs.mkdir_error = EPERM;
	irq_trace_open(&trace, tree.root);
	assert_closed("it takes root, and a kernel that is not locked down");
	fake_tracefs.mkdir_error = EACCES;
	irq_trace_open(&trace, tree.root);
	assert_closed("it takes root, and a kernel that is not locked down");
	fake_tracefs.mkdir_error = ENOMEM;
	irq_trace_open(&trace, tree.root);
	assert_closed("the tracepoint kvm:kvm_pi_irte_update: Cannot allocate memory");
	fake_tracefs.mkdir_error = 0;
	fake_tracefs.irte = NULL;
	irq_trace_open(&trace, tree.root);
	assert_closed("no tracepoint kvm:kvm_pi_irte_update: load the KVM of this CPU");
	assert_false(tree_has(fake_instance()));
	fake_tracefs.irte = "print fmt: \"another\"";
	irq_trace_open(&trace, tree.root);
	assert_closed("of a form that posthorn does not know");
	assert_false(tree_has(fake_instance()));
}

static void whether_it_can_be_is_known_before(void **state)
{
	(void)state;
	trace = (struct irq_trace){ .fd = -1, .guard_fd = -1 };
	assert_false(irq_trace_possible(&trace, tree.root));
	assert_says(trace.why, "mount -t tracefs none");
	fake_tracefs_put(LINUX_7_3);
	assert_true(irq_trace_possible(&trace, tree.root));
	assert_int_equal(fake_tracefs.made, 0);
}

#define BARE(test) cmocka_unit_test_setup_teardown(test, bare_setup, bare_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BARE(every_kernels_lines_are_understood),
		BARE(each_interrupt_has_its_last_line),
		BARE(lines_may_come_in_pieces),
		BARE(what_is_no_line_of_these_is_not_read),
		BARE(a_long_line_is_cut),
		BARE(the_vms_own_threads_tell_its_inhibits),
		BARE(without_names_inhibits_have_numbers),
		BARE(an_interrupt_remembers_whether_avic_was_inhibited),
		BARE(all_inhibits_since_the_vm_was_there_are_known),
		BARE(a_threads_name_is_not_taken_for_its_number),
		BARE(what_was_lost_makes_the_rest_unknown),
		BARE(what_cannot_be_read_is_lost),
		TREE_TEST(every_kernels_forms_are_known),
		TREE_TEST(another_form_is_not_guessed_at),
		TREE_TEST(an_instance_is_armed_read_and_removed),
		TREE_TEST(an_instance_has_options_of_its_own),
		TREE_TEST(stale_instances_are_removed_and_others_not),
		TREE_TEST(a_name_that_is_taken_gets_another),
		TREE_TEST(a_process_that_is_killed_leaves_no_instance),
		TREE_TEST(what_is_missing_is_said_with_its_remedy),
		TREE_TEST(whether_it_can_be_is_known_before),
	};

	return cmocka_run_group_tests_name("trace_x86_64", tests, NULL, NULL);
}
