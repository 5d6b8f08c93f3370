/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/check/latency.c on made-up hosts. */
#include "tests/unit/check_findings.h"

#define CPUS "/sys/devices/system/cpu"

/* A guest's CPUs 2 and 3 on a host with eight, of which each two share a core. */
static struct cpu_options cpus;

static void host_put(void)
{
	char path[96], text[32];

	cpus = (struct cpu_options){ .count = 2, .pinned = true, .pins = { 2, 3 } };
	tree_text_put(CPUS "/present", "0-7\n");
	tree_text_put(CPUS "/online", "0-7\n");
	tree_text_put(CPUS "/isolated", "2-3,6-7\n");
	tree_text_put(CPUS "/nohz_full", "2-3\n");
	tree_text_put("/proc/self/status", "Name:\tcheck\nCpus_allowed_list:\t0-7\n");
	for (unsigned int cpu = 0; cpu < 8; cpu++) {
		snprintf(path, sizeof(path), CPUS "/cpu%u/cpufreq/scaling_governor", cpu);
		tree_text_put(path, "performance\n");
		snprintf(path, sizeof(path), CPUS "/cpu%u/topology/thread_siblings_list", cpu);
		snprintf(text, sizeof(text), "%u,%u\n", cpu % 4, cpu % 4 + 4);
		tree_text_put(path, text);
	}
}

static void irq_put(unsigned int irq, const char *actions, const char *effective)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/irq/%u/actions", irq);
	tree_text_put(path, actions);
	snprintf(path, sizeof(path), "/proc/irq/%u/effective_affinity_list", irq);
	tree_text_put(path, effective);
}

static void latency_check(const char *bdf)
{
	check_begin();
	check_latency(&check, &cpus, bdf);
}

static void test_a_host_that_is_prepared_has_nothing_to_mend(void **state)
{
	(void)state;
	host_put();
	irq_put(24, "ahci\n", "0\n");
	irq_put(25, "\n", "2\n"); /* nobody's */
	latency_check("");
	assert_finding(CHECK_OK, "CPU isolation", "CPUs 2-3 are isolated", "");
	assert_finding(CHECK_OK, "timer tick", "CPUs 2-3 do without", "");
	assert_finding(CHECK_OK, "host interrupts", "none is handled by CPUs 2-3", "");
	assert_int_equal(check.count, 3);
	assert_false(check_stops(&check));
}

static void test_each_thing_that_disturbs_is_a_note_with_its_remedy(void **state)
{
	(void)state;
	host_put();
	cpus.policy = CPU_POLICY_FIFO;
	cpus.priority = 1;
	tree_text_put(CPUS "/isolated", "3\n");
	tree_text_put(CPUS "/nohz_full", "(null)\n");
	tree_text_put("/proc/self/status", "Cpus_allowed_list:\t0-2,4\n");
	tree_text_put(CPUS "/cpu3/cpufreq/scaling_governor", "schedutil\n");
	tree_text_put("/proc/sys/kernel/sched_rt_runtime_us", "950000\n");
	tree_text_put("/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	tree_text_put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	tree_text_put(
		CPUS "/vulnerabilities/l1tf",
		"Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable\n");
	tree_text_put(CPUS "/vulnerabilities/mds", "Mitigation: Clear CPU buffers; SMT off\n");
	tree_text_put(CPUS "/vulnerabilities/meltdown", "Mitigation: PTI\n");
	latency_check("");
	assert_finding(CHECK_NOTE, "CPU isolation", "on CPUs 2", "isolcpus=2-3");
	assert_finding(CHECK_NOTE, "timer tick", "CPUs 2-3", "nohz_full=2-3 rcu_nocbs=2-3");
	assert_finding(CHECK_NOTE, "cpuset", "CPUs 3", "cpuset.cpus");
	assert_finding(CHECK_NOTE, "governor",
		       "CPUs 3 change their clock with the load (schedutil)", "cpupower -c 3");
	assert_finding(CHECK_NOTE, "SMT", "CPUs 6-7 are busy", "isolate them");
	assert_finding(CHECK_NOTE, "real-time scheduling", "950000 us", "echo -1");
	assert_finding(CHECK_NOTE, "halt polling", "200000 ns", "--halt-poll 0");
	assert_finding(CHECK_NOTE, "transparent huge pages", "join", "--memory 512M,hugepages=on");
	assert_finding(CHECK_NOTE, "mitigations", "because of l1tf, mds", "mitigations=off");
	assert_false(check_stops(&check));
}

static void test_a_guest_that_is_pinned_nowhere(void **state)
{
	(void)state;
	host_put();
	cpus.pinned = false;
	latency_check("");
	assert_finding(CHECK_NOTE, "CPU isolation", "isolated are CPUs 2-3,6-7", "pin=LIST");
	assert_no_finding("cpuset");
	assert_no_finding("host interrupts");
	assert_no_finding("SMT");
	tree_text_put(CPUS "/isolated", "\n");
	latency_check("");
	assert_finding(CHECK_NOTE, "CPU isolation", "none is isolated", "pin=LIST");
}

/* A control group can isolate CPUs, too. */
static void test_partitions_are_isolated(void **state)
{
	(void)state;
	host_put();
	tree_text_put(CPUS "/isolated", "\n");
	tree_text_put("/sys/fs/cgroup/cpuset.cpus.isolated", "2-3\n");
	latency_check("");
	assert_finding(CHECK_OK, "CPU isolation", "CPUs 2-3 are isolated", "");
}

/* One that is isolated and nobody's is idle. */
static void test_siblings_that_have_something_to_do(void **state)
{
	(void)state;
	host_put();
	latency_check("");
	assert_no_finding("SMT");
	CPU_SET(6, &cpus.helpers);
	latency_check("");
	assert_finding(CHECK_NOTE, "SMT", "CPUs 6 are busy", "online");
	cpus.pins[1] = 6;
	CPU_CLR(6, &cpus.helpers);
	latency_check("");
	assert_finding(CHECK_NOTE, "SMT", "CPUs 2,6 are busy", "online");
}

static void test_interrupts_of_the_host_are_listed(void **state)
{
	(void)state;
	host_put();
	for (unsigned int irq = 30; irq < 40; irq++)
		irq_put(irq, "mlx5\n", irq == 31 ? "1\n" : "2-3\n");
	tree_text_put("/proc/irq/default_smp_affinity", "ff\n");
	latency_check("");
	assert_finding(CHECK_NOTE, "host interrupts",
		       "CPUs 2-3 handle 9: 30, 32, 33, 34, 35, 36, 37, 38, ...", "irqbalance");
}

static void test_interrupts_of_the_function(void **state)
{
	(void)state;
	host_put();
	tree_host_put();
	latency_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts", "it has none now", "while a guest runs");
	irq_put(40, "vfio-msix[0]\n", "1\n");
	irq_put(41, "vfio-msix[1]\n", "1\n");
	tree_text_put(NIC_PATH "/msi_irqs/40", "msix\n");
	tree_text_put(NIC_PATH "/msi_irqs/41", "msix\n");
	latency_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts",
		       "CPUs 1 handle 40, 41: unless they are "
		       "posted, each takes a message",
		       "irqbalance");
	irq_put(41, "vfio-msix[1]\n", "2\n");
	latency_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts",
		       "CPUs 1-2 handle 40, 41: unless they are "
		       "posted, each makes a guest there leave",
		       "irqbalance");
}

static void test_huge_pages_of_the_pool_stay(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	latency_check("");
	assert_finding(CHECK_NOTE, "transparent huge pages", "small pages", "hugepages=on");
	check_begin();
	check.huge_page_size = 2 * MIB;
	check_latency(&check, &cpus, "");
	assert_no_finding("transparent huge pages");
}

/* As run does. */
static void test_cpus_that_the_guest_cannot_have(void **state)
{
	(void)state;
	host_put();
	cpus.pins[1] = 900;
	latency_check("");
	assert_finding(CHECK_STOPS, "CPUs", "this host has no CPUs 900", "lscpu -e");
	assert_no_finding("CPU isolation");
	host_put();
	CPU_SET(8, &cpus.helpers);
	latency_check("");
	assert_finding(CHECK_STOPS, "CPUs", "this host has no CPUs 8", "lscpu -e");
	host_put();
	tree_text_put(CPUS "/online", "0-2,4-7\n");
	latency_check("");
	assert_finding(CHECK_STOPS, "CPUs", "offline are CPUs 3", "echo 1");
	assert_true(check_stops(&check));
}

static void test_halt_polling_that_is_off(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/sys/module/kvm/parameters/halt_poll_ns", "0\n");
	latency_check("");
	assert_no_finding("halt polling");
}

static void test_real_time_scheduling_from_6_12_on(void **state)
{
	(void)state;
	host_put();
	cpus.policy = CPU_POLICY_FIFO;
	tree_text_put("/proc/sys/kernel/sched_rt_runtime_us", "950000\n");
	tree_text_put("/proc/sys/kernel/osrelease", "6.11.9\n");
	latency_check("");
	assert_finding(CHECK_NOTE, "real-time scheduling", "950000 us", "echo -1");
	tree_text_put("/proc/sys/kernel/osrelease", "6.12.0-rc1\n");
	latency_check("");
	assert_finding(CHECK_NOTE, "real-time scheduling", "wait for its CPU", "fair_server");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(test_a_host_that_is_prepared_has_nothing_to_mend),
		CHECK_TEST(test_each_thing_that_disturbs_is_a_note_with_its_remedy),
		CHECK_TEST(test_a_guest_that_is_pinned_nowhere),
		CHECK_TEST(test_partitions_are_isolated),
		CHECK_TEST(test_siblings_that_have_something_to_do),
		CHECK_TEST(test_interrupts_of_the_host_are_listed),
		CHECK_TEST(test_interrupts_of_the_function),
		CHECK_TEST(test_huge_pages_of_the_pool_stay),
		CHECK_TEST(test_cpus_that_the_guest_cannot_have),
		CHECK_TEST(test_halt_polling_that_is_off),
		CHECK_TEST(test_real_time_scheduling_from_6_12_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
