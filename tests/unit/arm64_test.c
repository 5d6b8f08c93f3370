/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm/arm64.c: performance counters, which KVM may have and refuse. __wrap_ioctl_named() stands in
 * for KVM.
 */
#include <asm/kvm.h>
#include <errno.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kvm/arch.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "lib/ioctl.h"
#include "lib/util.h"
#include "tests/unit/stderr_capture.h"

#define CPUS 2

/* Which request, one that performance counters are the reason for, is the first to fail. */
enum refusal {
	REFUSE_NOTHING,
	REFUSE_CAPABILITY,
	REFUSE_VM,
	REFUSE_VCPU,
	REFUSE_FEATURE,
	REFUSE_ATTRIBUTE,
};

static struct fake_kvm {
	enum refusal refusal;
	bool started;		  /* arch_vm_init() is over: what was tried was tried */
	unsigned int with_pmu;	  /* vCPUs of the guest that were set up with the feature */
	unsigned int without_pmu; /* and without it */
	unsigned int pmu_inits;	  /* of the guest's vCPUs */
} kvm;

static int vcpu_init_answer(const struct kvm_vcpu_init *init)
{
	bool pmu = init->features[0] & BIT(KVM_ARM_VCPU_PMU_V3);

	if (pmu && kvm.refusal == REFUSE_FEATURE)
		return -ENODEV;
	if (kvm.started && pmu)
		kvm.with_pmu++;
	else if (kvm.started)
		kvm.without_pmu++;
	return 0;
}

static int attribute_answer(const struct kvm_device_attr *attr)
{
	if (attr->group != KVM_ARM_VCPU_PMU_V3_CTRL || attr->attr != KVM_ARM_VCPU_PMU_V3_INIT)
		return 0;
	if (kvm.refusal == REFUSE_ATTRIBUTE)
		return -ENODEV;
	kvm.pmu_inits += kvm.started;
	return 0;
}

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	(void)fd;
	(void)name;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return (uintptr_t)argument == KVM_CAP_ARM_PMU_V3 &&
		       kvm.refusal != REFUSE_CAPABILITY;
	case KVM_CREATE_VM:
		return kvm.refusal == REFUSE_VM ? -ENOMEM : dup(STDIN_FILENO);
	case KVM_CREATE_VCPU:
		return kvm.refusal == REFUSE_VCPU ? -ENOMEM : dup(STDIN_FILENO);
	case KVM_ARM_PREFERRED_TARGET:
		memset(argument, 0, sizeof(struct kvm_vcpu_init));
		return 0;
	case KVM_ARM_VCPU_INIT:
		return vcpu_init_answer(argument);
	case KVM_SET_DEVICE_ATTR:
		return attribute_answer(argument);
	default:
		return 0;
	}
}

/*
 * Set a VM and its vCPUs up as vm.c and vcpu.c do. Returns whether they have performance counters,
 * and how many lines that took on standard error.
 */
static bool start(enum refusal refusal, unsigned int *lines)
{
	struct vm vm = { .fd = -1, .kvm_fd = -1, .cpus = CPUS };
	struct vcpu vcpus[CPUS];
	char why[WHY_SIZE];
	struct capture capture = capture_start();
	int lowest = dup(STDIN_FILENO);

	close(lowest);
	kvm = (struct fake_kvm){ .refusal = refusal };
	assert_int_equal(arch_vm_init(&vm, why), 0);
	/* Nothing of what was tried is left open. */
	assert_int_equal(dup(STDIN_FILENO), lowest);
	close(lowest);
	kvm.started = true;
	for (unsigned int i = 0; i < CPUS; i++) {
		vcpus[i] = (struct vcpu){ .vm = &vm, .index = i, .fd = -1 };
		assert_int_equal(arch_vcpu_init(&vcpus[i], why), 0);
	}
	assert_int_equal(vm_finish(&vm, vcpus, why), 0);
	*lines = capture_lines(capture);
	return vm.has_pmu;
}

static void test_all_vcpus_have_performance_counters(void **state)
{
	unsigned int lines;

	(void)state;
	assert_true(start(REFUSE_NOTHING, &lines));
	assert_int_equal(lines, 0);
	assert_int_equal(kvm.with_pmu, CPUS);
	assert_int_equal(kvm.pmu_inits, CPUS);
}

static void test_a_kvm_without_performance_counters_is_nothing_to_speak_of(void **state)
{
	unsigned int lines;

	(void)state;
	assert_false(start(REFUSE_CAPABILITY, &lines));
	assert_int_equal(lines, 0);
	assert_int_equal(kvm.without_pmu, CPUS);
	assert_int_equal(kvm.pmu_inits, 0);
}

static void test_wherever_kvm_refuses_them_the_guest_goes_without(void **state)
{
	(void)state;
	for (enum refusal refusal = REFUSE_VM; refusal <= REFUSE_ATTRIBUTE; refusal++) {
		unsigned int lines;

		assert_false(start(refusal, &lines));
		assert_int_equal(lines, 1);
		assert_int_equal(kvm.with_pmu, 0);
		assert_int_equal(kvm.without_pmu, CPUS);
		assert_int_equal(kvm.pmu_inits, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_vcpus_have_performance_counters),
		cmocka_unit_test(test_a_kvm_without_performance_counters_is_nothing_to_speak_of),
		cmocka_unit_test(test_wherever_kvm_refuses_them_the_guest_goes_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
