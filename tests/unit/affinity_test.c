/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/host/affinity.c on a made-up host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/util.h"
#include "tests/unit/stderr_capture.h"
#include "vmm/affinity.h"

/* The host: CPUs 0 to 5, of which 5 is offline and 3 is not in the cpuset. */
#define PRESENT 6

static struct {
	const char *usable;	       /* what sched_setaffinity(2) takes */
	cpu_set_t affinity;	       /* of this thread */
	rlim_t priority, priority_max; /* RLIMIT_RTPRIO */
	bool may_raise;
} host;

static cpu_set_t set_of(const char *list)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (*list)
		assert_true(cpu_list_parse(&list, &set, NULL, CPU_SETSIZE) > 0);
	return set;
}

static int host_setup(void **state)
{
	(void)state;
	host.usable = "0-2,4";
	host.affinity = set_of("0-2,4");
	host.priority = host.priority_max = 0;
	host.may_raise = true;
	return 0;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
int __wrap_getrlimit(int resource, struct rlimit *limit);
int __wrap_setrlimit(int resource, const struct rlimit *limit);
int __wrap_access(const char *path, int mode);
int __wrap_file_read_text(const char *path, char *text, size_t size);

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	assert_int_equal(pid, 0);
	assert_int_equal(size, sizeof(*set));
	*set = host.affinity;
	return 0;
}

/* As the kernel does it: what may not be used is left out, and only nothing is an error. */
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	cpu_set_t usable = set_of(host.usable);

	assert_int_equal(pid, 0);
	assert_int_equal(size, sizeof(*set));
	CPU_AND(&usable, &usable, set);
	if (!CPU_COUNT(&usable)) {
		errno = EINVAL;
		return -1;
	}
	host.affinity = usable;
	return 0;
}

int __wrap_getrlimit(int resource, struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_RTPRIO);
	*limit = (struct rlimit){ host.priority, host.priority_max };
	return 0;
}

int __wrap_setrlimit(int resource, const struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_RTPRIO);
	if (limit->rlim_max > host.priority_max && !host.may_raise) {
		errno = EPERM;
		return -1;
	}
	host.priority = limit->rlim_cur;
	host.priority_max = limit->rlim_max;
	return 0;
}

int __wrap_access(const char *path, int mode)
{
	(void)mode;
	return atoi(path + strcspn(path, "0123456789")) < PRESENT ? 0 : -1;
}

int __wrap_file_read_text(const char *path, char *text, size_t size)
{
	assert_string_equal(path, "/sys/devices/system/cpu/online");
	return snprintf(text, size, "0-4");
}

/* ---- lists ---- */

static void test_lists_are_read(void **state)
{
	static const struct {
		const char *text;
		int count;
		const char *printed;
	} lists[] = {
		{ "0", 1, "0" },	  { "2,3", 2, "2-3" },
		{ "3,2", 2, "2-3" },	  { "7,0-1,4", 4, "0-1,4,7" },
		{ "5-5", 1, "5" },	  { "0-1023", 1024, "0-1023" },
		{ "1023", 1, "1023" },	  { "", -EINVAL, "" },
		{ "a", -EINVAL, "" },	  { "1024", -EINVAL, "" },
		{ "3-2", -EINVAL, "" },	  { "2-", -EINVAL, "" },
		{ "-2", -EINVAL, "" },	  { "2,2", -EINVAL, "" },
		{ "1-3,2", -EINVAL, "" }, { "99999999999999999999", -EINVAL, "" },
	};
	char printed[64];
	cpu_set_t set;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		const char *text = lists[i].text;

		assert_int_equal(cpu_list_parse(&text, &set, NULL, CPU_SETSIZE), lists[i].count);
		if (lists[i].count < 0)
			continue;
		assert_string_equal(text, "");
		cpu_list_print(&set, printed, sizeof(printed));
		assert_string_equal(printed, lists[i].printed);
	}
}

static void test_the_order_of_a_list_is_kept(void **state)
{
	const char *text = "4,0-1,3,sched=fifo:1";
	uint16_t order[4];
	cpu_set_t set;

	(void)state;
	assert_int_equal(cpu_list_parse(&text, &set, order, 4), 4);
	assert_string_equal(text, ",sched=fifo:1");
	assert_int_equal(order[0], 4);
	assert_int_equal(order[1], 0);
	assert_int_equal(order[2], 1);
	assert_int_equal(order[3], 3);
	text = "0-4";
	assert_int_equal(cpu_list_parse(&text, &set, order, 4), -EINVAL);
}

static void test_a_list_that_does_not_fit_is_cut(void **state)
{
	cpu_set_t set = set_of("1,3,5,7,9");
	char text[6];

	(void)state;
	cpu_list_print(&set, text, sizeof(text));
	assert_string_equal(text, "1,3,5");
}

/* ---- the host ---- */

static struct cpu_options pinned(unsigned int count, const char *pins, const char *helpers)
{
	struct cpu_options cpus = { .count = count, .pinned = true, .helpers = set_of(helpers) };
	cpu_set_t set;

	assert_int_equal(cpu_list_parse(&pins, &set, cpus.pins, RUN_CPUS_MAX), count);
	return cpus;
}

static void assert_affinity(const char *list)
{
	cpu_set_t set = set_of(list);

	assert_true(CPU_EQUAL(&host.affinity, &set));
}

static void test_other_threads_get_what_the_pins_leave(void **state)
{
	struct cpu_options cpus = pinned(2, "4,1", "");

	(void)state;
	affinity_begin(&cpus);
	assert_affinity("0,2");
	host_setup(NULL);
	cpus = pinned(2, "4,1", "2");
	affinity_begin(&cpus);
	assert_affinity("2");
	/* Nothing is left: they share. */
	host_setup(NULL);
	cpus = pinned(4, "0-2,4", "");
	affinity_begin(&cpus);
	assert_affinity("0-2,4");
}

static void test_nothing_moves_unless_it_is_asked_for(void **state)
{
	struct cpu_options cpus = { .count = 2 };

	(void)state;
	host.affinity = set_of("1");
	affinity_begin(&cpus);
	assert_affinity("1");
	assert_int_equal(host.priority, 0);
}

/* What taskset(1) kept this process from is no limit: the user asks for another CPU now. */
static void test_a_cpu_outside_of_the_affinity_is_taken(void **state)
{
	struct cpu_options cpus = pinned(1, "4", "");

	(void)state;
	host.affinity = set_of("1");
	affinity_begin(&cpus);
	assert_affinity("1");
}

/* The exit code and the message of affinity_begin(), in a process of its own. */
static int begin_dies(const struct cpu_options *cpus, char *text, size_t size)
{
	struct capture capture = capture_start();
	pid_t child = fork();
	int status;

	if (!child) {
		affinity_begin(cpus);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	capture_text(capture, text, size);
	return WEXITSTATUS(status);
}

static void test_a_cpu_that_cannot_be_used_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *pin, *helpers;
		int code;
		const char *says[2];
	} refused[] = {
		{ "6", "", EXIT_USAGE, { "--cpus: this host has no CPU 6", "lscpu -e" } },
		{ "5", "", EXIT_HOST, { "--cpus: CPU 5 is offline", "cpu5/online" } },
		{ "3", "", EXIT_HOST, { "--cpus: CPU 3 is not in the cpuset", "AllowedCPUs=" } },
		{ "0", "1,6", EXIT_USAGE, { "--helpers-cpu: this host has no CPU 6", "lscpu" } },
		{ "0", "1,5", EXIT_HOST, { "--helpers-cpu: CPU 5 is offline", "cpu5/online" } },
		{ "0", "3", EXIT_HOST, { "--helpers-cpu: CPU 3 is not in", "cpuset.cpus" } },
	};
	char text[1024];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
		struct cpu_options cpus = pinned(1, refused[i].pin, refused[i].helpers);

		assert_int_equal(begin_dies(&cpus, text, sizeof(text)), refused[i].code);
		for (unsigned int j = 0; j < 2; j++)
			if (!strstr(text, refused[i].says[j]))
				fail_msg("'%s' is not in: %s", refused[i].says[j], text);
	}
}

static void test_the_limit_of_priorities_is_raised_where_it_may_be(void **state)
{
	struct cpu_options cpus = { .count = 1, .policy = CPU_POLICY_FIFO, .priority = 20 };
	char text[1024];

	(void)state;
	affinity_begin(&cpus);
	assert_int_equal(host.priority, 20);
	assert_int_equal(host.priority_max, 20);
	/* No more than is needed, and the rest stays possible. */
	host.may_raise = false;
	host.priority = 10;
	host.priority_max = 99;
	affinity_begin(&cpus);
	assert_int_equal(host.priority, 20);
	assert_int_equal(host.priority_max, 99);
	host.priority = host.priority_max = 19;
	assert_int_equal(begin_dies(&cpus, text, sizeof(text)), EXIT_HOST);
	assert_non_null(strstr(text, "sched=fifo:20: the limit of real-time priorities"));
	assert_non_null(strstr(text, "ulimit -r 20"));
	host.priority = host.priority_max = 20;
	affinity_begin(&cpus);
}

static void test_real_time_beside_other_threads_is_warned_of(void **state)
{
	struct cpu_options cpus = pinned(2, "1,2", "0,2");
	struct capture capture;
	char text[1024];

	(void)state;
	cpus.policy = CPU_POLICY_RR;
	cpus.priority = 1;
	capture = capture_start();
	affinity_begin(&cpus);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "sched=rr: other threads of posthorn run on CPU 2"));
	CPU_CLR(2, &cpus.helpers);
	capture = capture_start();
	affinity_begin(&cpus);
	assert_int_equal(capture_lines(capture), 0);
}

static void test_threads_of_vcpus_are_made_with_all_of_it(void **state)
{
	struct cpu_options cpus = pinned(2, "4,1", "");
	pthread_attr_t attributes;
	struct sched_param param;
	cpu_set_t set, expected = set_of("1");
	int inherit, policy;

	(void)state;
	pthread_attr_init(&attributes);
	affinity_vcpu(&cpus, 1, &attributes);
	pthread_attr_getaffinity_np(&attributes, sizeof(set), &set);
	assert_true(CPU_EQUAL(&set, &expected));
	pthread_attr_getinheritsched(&attributes, &inherit);
	assert_int_equal(inherit, PTHREAD_INHERIT_SCHED);
	cpus.policy = CPU_POLICY_FIFO;
	cpus.priority = 7;
	affinity_vcpu(&cpus, 0, &attributes);
	expected = set_of("4");
	pthread_attr_getaffinity_np(&attributes, sizeof(set), &set);
	assert_true(CPU_EQUAL(&set, &expected));
	pthread_attr_getinheritsched(&attributes, &inherit);
	pthread_attr_getschedpolicy(&attributes, &policy);
	pthread_attr_getschedparam(&attributes, &param);
	assert_int_equal(inherit, PTHREAD_EXPLICIT_SCHED);
	assert_int_equal(policy, SCHED_FIFO);
	assert_int_equal(param.sched_priority, 7);
	pthread_attr_destroy(&attributes);
}

#define HOST_TEST(test) cmocka_unit_test_setup(test, host_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(test_lists_are_read),
		HOST_TEST(test_the_order_of_a_list_is_kept),
		HOST_TEST(test_a_list_that_does_not_fit_is_cut),
		HOST_TEST(test_other_threads_get_what_the_pins_leave),
		HOST_TEST(test_nothing_moves_unless_it_is_asked_for),
		HOST_TEST(test_a_cpu_outside_of_the_affinity_is_taken),
		HOST_TEST(test_a_cpu_that_cannot_be_used_is_refused_with_the_reason),
		HOST_TEST(test_the_limit_of_priorities_is_raised_where_it_may_be),
		HOST_TEST(test_real_time_beside_other_threads_is_warned_of),
		HOST_TEST(test_threads_of_vcpus_are_made_with_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
