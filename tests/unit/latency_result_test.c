/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VM of `posthorn latency` leaves behind: written by the probe, read into runs. */
#include "vmm/latency/result.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/latency/kvm_stats.h"
#include "lib/file.h"
#include "lib/util.h"
#include "vmm/report/host_irq.h"
#include "vmm/latency/probe.h"
#include "vmm/latency/run.h"
#include "vmm/latency/vm.h"

static struct latency_runs runs;

static int setup(void **state)
{
	struct latency_run *run = latency_run_add(&runs);

	*state = run;
	if (!run)
		return -1;
	run->count = 1; /* a run of interrupts */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	latency_runs_cleanup(&runs);
	return 0;
}

/* The value of @key, or "". */
static const char *fact(const struct latency_run *run, const char *key)
{
	for (unsigned int i = 0; i < run->fact_count; i++) {
		if (!strcmp(run->facts[i].key, key))
			return run->facts[i].value;
	}
	return "";
}

/* The count of @reason, or -1. */
static int exits(const struct latency_run *run, const char *reason)
{
	for (unsigned int i = 0; i < run->exits.count; i++) {
		if (!strcmp(run->exits.list[i].reason, reason))
			return (int)run->exits.list[i].count;
	}
	return -1;
}

/* ---- the irq report ---- */

#define ROW(kind, host, delivery)                                                       \
	"{\"kind\": \"" kind "\", \"host\": " host ", \"delivery\": \"" delivery "\", " \
	"\"reason\": \"because of " delivery "\"}"
#define REPORT(rows) "{\"posting\": {}, \"iommu\": \"iommufd\", \"interrupts\": [" rows "]}"

static void test_the_path_is_what_the_report_found(void **state)
{
	static const char *const reports[][2] = {
		{ REPORT(ROW("MSI", "null", "posted")), "posted" },
		{ REPORT(ROW("MSI-X", "null", "injected")), "injected" },
		{ REPORT(ROW("MSI", "null", "userspace")), "userspace" },
		{ REPORT(ROW("MSI", "null", "unknown")), "unknown" },
	};
	struct latency_run *run = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(reports); i++) {
		assert_int_equal(latency_result_report(run, reports[i][0], false), 0);
		assert_string_equal(run->path, reports[i][1]);
	}
}

static void test_the_row_is_the_one_that_was_used(void **state)
{
	static const char report[] =
		REPORT(ROW("INTx", "{\"irq\": 9, \"count\": 5}", "injected") ", " ROW(
			"MSI-X", "null",
			"none") ", " ROW("MSI-X", "{\"irq\": 130, \"count\": 11000}", "injected"));
	struct latency_run *run = *state;

	assert_int_equal(latency_result_report(run, report, false), 0);
	assert_string_equal(run->path, "injected");
	assert_string_equal(fact(run, "delivery"), "injected");
	assert_string_equal(fact(run, "delivery.why"), "because of injected");
	assert_string_equal(fact(run, "host.irq"), "130");
	assert_string_equal(fact(run, "host.count"), "11000");
	assert_string_equal(fact(run, "iommu"), "iommufd");
}

static void test_an_intx_is_called_intx_and_its_delivery_kept(void **state)
{
	static const char report[] = REPORT(ROW("INTx", "{\"irq\": 9, \"count\": 5}",
						"injected") ", " ROW("MSI", "null", "posted"));
	struct latency_run *run = *state;

	assert_int_equal(latency_result_report(run, report, true), 0);
	assert_string_equal(run->path, "intx");
	assert_string_equal(fact(run, "delivery"), "injected");
	assert_string_equal(fact(run, "host.irq"), "9");
}

static void test_a_report_without_the_interrupt_leaves_it_unknown(void **state)
{
	struct latency_run *run = *state;

	assert_int_equal(latency_result_report(run, REPORT(""), false), 0);
	assert_string_equal(run->path, "unknown");
	assert_int_equal(latency_result_report(run, REPORT(ROW("INTx", "null", "injected")), false),
			 0);
	assert_string_equal(run->path, "unknown");
	assert_string_equal(fact(run, "host.irq"), "");
}

static void test_what_is_no_report_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"interrupts\": 1}" };

	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(latency_result_report(*state, texts[i], false), -EINVAL);
}

/* ---- the probe ---- */

#define BDF "0000:01:00.0"

/* What KVM and the host show to the probe. */
static struct {
	uint64_t exits, mmio, other;
	int fd; /* of the counters */
	int error;
	int irqs;
} shown;

int __wrap_stats_read(int fd, void (*visit)(void *, const char *, uint64_t), void *opaque);
int __wrap_stats_read(int fd, void (*visit)(void *, const char *, uint64_t), void *opaque)
{
	assert_int_equal(fd, shown.fd);
	if (shown.error)
		return shown.error;
	visit(opaque, "exits", shown.exits);
	visit(opaque, "mmio_exit_user", shown.mmio);
	visit(opaque, "halt_wakeup", shown.other);
	return 0;
}

int __wrap_host_irqs_read(int fd, const char *bdf, struct host_irq **irqs);
int __wrap_host_irqs_read(int fd, const char *bdf, struct host_irq **irqs)
{
	(void)fd;
	assert_string_equal(bdf, BDF);
	*irqs = calloc(2, sizeof(**irqs));
	/* Numbers that no host has, so that there is no affinity to read. */
	(*irqs)[0].irq = 999999;
	(*irqs)[1].irq = 999998;
	return shown.irqs;
}

/* A probe with a file, which is open for as long as the test. */
static struct latency_probe probe_make(void)
{
	memset(&shown, 0, sizeof(shown));
	shown.fd = memfd_create("counters", MFD_CLOEXEC);
	return (struct latency_probe){
		.stats_fd = shown.fd,
		.fd = memfd_create("probe", MFD_CLOEXEC),
		.socket = -1,
		.migrations_fd = -1,
	};
}

/* What the probe wrote becomes part of @run. Returns what latency_result_probe() does. */
static int probe_read(struct latency_probe *probe, struct latency_run *run)
{
	char text[8192] = "";
	int error;

	assert_true(pread(probe->fd, text, sizeof(text) - 1, 0) >= 0);
	error = latency_result_probe(run, text);
	latency_probe_cleanup(probe);
	fd_close(&probe->fd);
	return error;
}

/* The count of @name around the @index-th of the longest times, or -1. */
static int counted(const struct latency_run *run, unsigned int index, const char *name)
{
	const struct latency_exits *all = &run->around[index].counted;

	for (unsigned int i = 0; i < all->count; i++)
		if (!strcmp(all->list[i].reason, name))
			return (int)all->list[i].count;
	return -1;
}

static void test_counters_around_the_longest_times_go_with_them(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	latency_probe_look(&probe, 1 << 8 | 0); /* there is no mark yet */
	latency_probe_mark(&probe, true);
	shown.exits = 10;
	latency_probe_look(&probe, 7 << 8 | 0);
	shown.exits = 1000;
	latency_probe_look(&probe,
			   990 << 8 | LATENCY_WORST_MAX); /* of none: the next begins here */
	shown.exits = 1003;
	shown.other = 4;
	latency_probe_look(&probe, 3 << 8 | 0); /* longer than the one before */
	shown.other = 5;
	latency_probe_look(&probe, 2 << 8 | 1); /* between the two */
	latency_probe_look(&probe, 1 << 8 | 9); /* there are not so many */
	latency_probe_mark(&probe, false);
	run->worst_count = 3;
	assert_int_equal(probe_read(&probe, run), 0);
	assert_int_equal(run->around[0].interrupts, 3);
	assert_int_equal(counted(run, 0, "exits"), 3);
	assert_int_equal(counted(run, 0, "halt_wakeup"), 4);
	assert_int_equal(run->around[1].interrupts, 2);
	assert_int_equal(counted(run, 1, "halt_wakeup"), 1);
	/* What did not move is left out. */
	assert_int_equal(counted(run, 1, "exits"), -1);
	assert_int_equal(run->around[2].interrupts, 7);
	assert_int_equal(counted(run, 2, "exits"), 10);
}

static void test_only_so_many_are_kept_and_a_list_that_does_not_fit_is_not(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	latency_probe_mark(&probe, true);
	for (unsigned int i = 0; i < 3 * LATENCY_WORST_MAX; i++)
		latency_probe_look(&probe, (i + 1) << 8 | 0);
	latency_probe_mark(&probe, false);
	assert_int_equal(json_array_size(probe.worst), LATENCY_WORST_MAX);
	run->worst_count = 1;
	assert_int_equal(probe_read(&probe, run), 0);
	assert_int_equal(run->around[0].interrupts, 0);
}

/* As with --costs: that of a section is not that of the run. */
static void test_migrations_of_all_sections_are_added_up(void **state)
{
	/* What the counter says at a begin, an end, a begin and an end. */
	static const uint64_t readings[] = { 5, 8, 10, 11 };
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	probe.migrations_fd = memfd_create("migrations", MFD_CLOEXEC);
	assert_int_equal(pwrite(probe.migrations_fd, readings, sizeof(readings), 0),
			 sizeof(readings));
	for (unsigned int i = 0; i < ARRAY_SIZE(readings); i++)
		latency_probe_mark(&probe, i % 2 == 0);
	assert_int_equal(probe_read(&probe, run), 0);
	assert_string_equal(latency_fact_find(run, "migrations"), "4");
}

static void test_exits_are_counted_from_mark_to_mark(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	shown.exits = 1000;
	shown.mmio = 400;
	latency_probe_mark(&probe, true);
	shown.exits = 3500;
	shown.mmio = 401;
	shown.other = 77;
	latency_probe_mark(&probe, false);
	assert_int_equal(probe_read(&probe, run), 0);
	assert_int_equal(exits(run, "exits"), 2500);
	assert_int_equal(exits(run, "mmio_exit_user"), 1);
	assert_int_equal(run->exits.count, 2);
	assert_string_equal(fact(run, "exits"), "");
	assert_string_equal(fact(run, "host.affinity"), "");
}

/* The interrupts come first, then the costs: a metric for each. */
static void test_each_cost_has_its_own_exits(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	latency_metric_add(run, "config-read");
	latency_metric_add(run, "bar-read");
	for (unsigned int i = 1; i <= 3; i++) {
		shown.exits += 1000000;
		latency_probe_mark(&probe, true);
		shown.exits += i;
		latency_probe_mark(&probe, false);
	}
	run->count = 0;
	assert_int_equal(probe_read(&probe, run), 0);
	assert_int_equal(run->exits.count, 0);
	assert_int_equal(run->metrics[0].exits.list[0].count, 2);
	assert_int_equal(run->metrics[1].exits.list[0].count, 3);
}

static void test_exits_of_another_number_of_costs_are_refused(void **state)
{
	static const char text[] = "{\"exits\": [{}, {}], \"irqs\": [], \"error\": \"\"}";
	struct latency_run *run = *state;

	run->count = 0;
	assert_int_equal(latency_result_probe(run, text), -EINVAL);
	latency_metric_add(run, "config-read");
	assert_int_equal(latency_result_probe(run, text), 0);
	latency_metric_add(run, "bar-read");
	assert_int_equal(latency_result_probe(run, text), -EINVAL);
}

/* A guest may write what it likes. */
static void test_marks_in_no_order_do_no_harm(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	shown.exits = 5;
	latency_probe_mark(&probe, false);
	latency_probe_mark(&probe, true);
	latency_probe_mark(&probe, true);
	latency_probe_mark(&probe, false);
	latency_probe_mark(&probe, false);
	assert_int_equal(probe_read(&probe, run), 0);
	assert_int_equal(exits(run, "exits"), -1);
}

static void test_no_number_of_marks_is_too_much(void **state)
{
	struct latency_probe probe = probe_make();

	latency_probe_mark(&probe, true);
	shown.exits = 7;
	for (unsigned int i = 0; i < 1000; i++)
		latency_probe_mark(&probe, false);
	assert_true(lseek(probe.fd, 0, SEEK_END) < 1024);
	assert_int_equal(probe_read(&probe, *state), 0);
	assert_int_equal(exits(*state, "exits"), 7);
}

static void test_a_kernel_without_counters_is_said(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;

	shown.error = -ENOTTY;
	latency_probe_mark(&probe, true);
	latency_probe_mark(&probe, false);
	assert_int_equal(probe_read(&probe, run), 0);
	assert_int_equal(run->exits.count, 0);
	assert_string_equal(fact(run, "exits"), strerror(ENOTTY));
}

static void test_the_interrupts_of_the_device_are_named(void **state)
{
	struct latency_probe probe = probe_make();
	struct latency_run *run = *state;
	int sockets[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	probe.socket = sockets[0];
	shown.irqs = 2;
	/* Somebody has asked already, so that the answer is there before the probe waits for it. */
	assert_int_equal(write(sockets[0], "?", 1), 1);
	latency_probe_answer(sockets[1], BDF);
	latency_probe_mark(&probe, true);
	latency_probe_mark(&probe, false);
	assert_int_equal(probe_read(&probe, run), 0);
	close(sockets[0]);
	close(sockets[1]);
	assert_string_equal(fact(run, "host.affinity"), "999999: , 999998: ");
	assert_string_equal(fact(run, "host.effective"), "999999: , 999998: ");
}

static void test_affinities_are_kept(void **state)
{
	struct latency_run *run = *state;

	assert_int_equal(latency_result_probe(run, "{\"exits\": [{}], \"irqs\": [{\"irq\": 40, "
						   "\"affinity\": \"0-3\", \"effective\": \"2\"}], "
						   "\"error\": \"\"}"),
			 0);
	assert_string_equal(fact(run, "host.affinity"), "40: 0-3");
	assert_string_equal(fact(run, "host.effective"), "40: 2");
}

/* A program that ended before its first mark. */
static void test_what_no_probe_wrote_is_refused(void **state)
{
	static const char *const texts[] = { "", "{}", "{\"exits\": [{}]}",
					     "{\"exits\": [], \"irqs\": []}", "{\"irqs\": []}" };

	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(latency_result_probe(*state, texts[i]), -EINVAL);
}

/* ---- what the VM is started with ---- */

static void test_the_program_is_told_all_it_needs(void **state)
{
	struct latency_options options = { .source = "edu",
					   .count = 10,
					   .warmup = 2,
					   .interval = 30,
					   .costs = 4,
					   .cpus = { .count = 1 } };
	struct latency_vm vm = { &options, LATENCY_PATH_INTX, LATENCY_STATE_HALTED, true };
	char text[256];

	(void)state;
	assert_true(latency_vm_cmdline(&vm, text, sizeof(text)) < sizeof(text));
	assert_non_null(strstr(
		text,
		"source=edu state=halted kind=intx count=10 warmup=2 "
		"interval=30 costs=4 random=0 cpus=1 load=0 until=0 break=0 noise=0 doorbell=0x"));
	vm = (struct latency_vm){ &options, LATENCY_PATH_USERSPACE, LATENCY_STATE_RUNNING, false };
	latency_vm_cmdline(&vm, text, sizeof(text));
	assert_non_null(strstr(text, "state=running kind=msi count=10 warmup=2 interval=30 costs=0"
				     " "));
	options.interval_random = true;
	options.break_above = 50;
	latency_vm_cmdline(&vm, text, sizeof(text));
	assert_non_null(strstr(text, " random=1 cpus=1 load=0 until=0 break=50 "));
}

static void test_the_time_limit_grows_with_the_work(void **state)
{
	struct latency_options options = { .count = 1 };
	const struct latency_vm vm = { .options = &options };

	(void)state;
	assert_int_equal(latency_vm_limit(&vm), 60002);
	options.count = 99000;
	options.warmup = 1000;
	assert_int_equal(latency_vm_limit(&vm), 260000);
	options.interval = 1000;
	assert_int_equal(latency_vm_limit(&vm), 460000);
}

#define RUN_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(test_the_path_is_what_the_report_found),
		RUN_TEST(test_the_row_is_the_one_that_was_used),
		RUN_TEST(test_an_intx_is_called_intx_and_its_delivery_kept),
		RUN_TEST(test_a_report_without_the_interrupt_leaves_it_unknown),
		RUN_TEST(test_what_is_no_report_is_refused),
		RUN_TEST(test_migrations_of_all_sections_are_added_up),
		RUN_TEST(test_exits_are_counted_from_mark_to_mark),
		RUN_TEST(test_counters_around_the_longest_times_go_with_them),
		RUN_TEST(test_only_so_many_are_kept_and_a_list_that_does_not_fit_is_not),
		RUN_TEST(test_each_cost_has_its_own_exits),
		RUN_TEST(test_exits_of_another_number_of_costs_are_refused),
		RUN_TEST(test_no_number_of_marks_is_too_much),
		RUN_TEST(test_marks_in_no_order_do_no_harm),
		RUN_TEST(test_a_kernel_without_counters_is_said),
		RUN_TEST(test_the_interrupts_of_the_device_are_named),
		RUN_TEST(test_affinities_are_kept),
		RUN_TEST(test_what_no_probe_wrote_is_refused),
		cmocka_unit_test(test_the_program_is_told_all_it_needs),
		cmocka_unit_test(test_the_time_limit_grows_with_the_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
