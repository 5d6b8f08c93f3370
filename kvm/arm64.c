/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/arm64.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>

#include "kvm/arch.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "lib/cmdline.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"

/* Address bits of the guest: what KVM has without being asked, and what posthorn makes use of. */
#define IPA_BITS_DEFAULT 40
#define IPA_BITS_MAX	 48

/* The GIC's interrupts, private ones included; KVM takes multiples of 32. */
#define GIC_INTERRUPTS 64
_Static_assert(ARM64_INTID_SPI + IRQ_PINS <= GIC_INTERRUPTS, "an SPI for each GSI below IRQ_PINS");

#define REGISTER_CORE(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

/* Memory model features: Arm ARM (DDI 0487), D19.2.64; 4-bit fields for the page sizes. */
#define REGISTER_ID_AA64MMFR0 ARM64_SYS_REG(3, 0, 0, 7, 0)
#define MMFR0_TGRAN16_SHIFT   20
#define MMFR0_TGRAN64_SHIFT   24
#define MMFR0_TGRAN4_SHIFT    28

const char arch_kvm_remedy[] = "the host's kernel must start in EL2 and have CONFIG_KVM; a nested "
			       "guest needs a hypervisor "
			       "that gives it EL2";

const uint32_t arch_pin_irqchip = 0; /* the one there is */

unsigned int arch_physical_bits(int kvm_fd)
{
	int bits = ioctl_value(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits > 0 ? (unsigned int)min(bits, IPA_BITS_MAX) : IPA_BITS_DEFAULT;
}

unsigned long arch_vm_type(int kvm_fd)
{
	unsigned int bits = arch_physical_bits(kvm_fd);

	return bits == IPA_BITS_DEFAULT ? 0 : KVM_VM_TYPE_ARM_IPA_SIZE(bits);
}

/* ---- the interrupt controller ---- */

/* Returns its descriptor or -errno. */
static int device_create(const struct vm *vm, uint32_t type, const char *name, char why[WHY_SIZE])
{
	struct kvm_create_device create = { .type = type };
	int error = ioctl_call(vm->fd, KVM_CREATE_DEVICE, &create);

	if (error < 0)
		return refuse(why, error,
			      "this host's KVM cannot emulate a %s: %s; posthorn needs a host "
			      "with a GICv3 or GICv4",
			      name, strerror(-error));
	return (int)create.fd;
}

/* KVM's Documentation/virt/kvm/devices/arm-vgic-v3.rst and arm-vgic-its.rst. */
static int device_set(int fd, uint32_t group, uint64_t attribute, const void *value,
		      const char *what, char why[WHY_SIZE])
{
	struct kvm_device_attr attr = {
		.group = group,
		.attr = attribute,
		.addr = (uintptr_t)value,
	};
	int error = ioctl_call(fd, KVM_SET_DEVICE_ATTR, &attr);

	if (error < 0)
		return refuse(why, error, "interrupt controller: KVM refuses its %s: %s", what,
			      strerror(-error));
	return 0;
}

static int gic_create(struct vm *vm, char why[WHY_SIZE])
{
	const __u64 distributor = ARM64_GIC_DISTRIBUTOR;
	/* Bits 63:52 are the number of redistributors, 11:0 the number of the region. */
	const __u64 redistributors = (uint64_t)vm->cpus << 52 | ARM64_GIC_REDISTRIBUTOR;
	const __u32 interrupts = GIC_INTERRUPTS;
	int error;

	vm->gic_fd = device_create(vm, KVM_DEV_TYPE_ARM_VGIC_V3, "GICv3", why);
	if (vm->gic_fd < 0)
		return vm->gic_fd;
	error = device_set(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
			   &distributor, "distributor", why);
	if (error == 0)
		error = device_set(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				   KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &redistributors,
				   "redistributors", why);
	if (error == 0)
		error = device_set(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts,
				   "number of interrupts", why);
	return error;
}

static int its_create(struct vm *vm, char why[WHY_SIZE])
{
	const __u64 address = ARM64_GIC_ITS;
	int error;

	vm->its_fd = device_create(vm, KVM_DEV_TYPE_ARM_VGIC_ITS, "GICv3 ITS", why);
	if (vm->its_fd < 0)
		return vm->its_fd;
	error = device_set(vm->its_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &address,
			   "ITS", why);
	if (error == 0)
		error = device_set(vm->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				   KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, "ITS's start", why);
	return error;
}

/*
 * A guest may touch addresses where nothing is with an instruction that KVM cannot take apart (a
 * pair of registers, say). Let that come here instead of ending KVM_RUN with -ENOSYS.
 */
static void unknown_accesses_ask(const struct vm *vm)
{
	struct kvm_enable_cap capability = { .cap = KVM_CAP_ARM_NISV_TO_USER };
	int error = ioctl_call(vm->fd, KVM_ENABLE_CAP, &capability);

	if (error < 0)
		log_info("KVM_CAP_ARM_NISV_TO_USER: %s", strerror(-error));
}

static void feature_set(struct kvm_vcpu_init *init, unsigned int feature)
{
	init->features[feature / 32] |= (uint32_t)BIT(feature % 32);
}

static int pmu_set(int vcpu_fd, uint64_t attribute, const void *value)
{
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = attribute,
		.addr = (uintptr_t)value,
	};

	return ioctl_call(vcpu_fd, KVM_SET_DEVICE_ATTR, &attr);
}

/* All that it takes to have performance counters, in the VM @vm_fd, which has nothing yet. */
static int pmu_try(int vm_fd)
{
	int vcpu_fd = ioctl_value(vm_fd, KVM_CREATE_VCPU, 0), error;
	struct kvm_vcpu_init init;

	if (vcpu_fd < 0)
		return vcpu_fd;
	error = ioctl_call(vm_fd, KVM_ARM_PREFERRED_TARGET, &init);
	feature_set(&init, KVM_ARM_VCPU_PMU_V3);
	if (error == 0)
		error = ioctl_call(vcpu_fd, KVM_ARM_VCPU_INIT, &init);
	/* Without an interrupt controller it does without an interrupt. */
	if (error == 0)
		error = pmu_set(vcpu_fd, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	fd_close(&vcpu_fd);
	return error;
}

/*
 * KVM can have performance counters, and the kind of CPU that this thread is on have none: then
 * Linux 6.1 refuses the attribute, newer kernels the feature. A vCPU that once had the feature
 * cannot lose it (kvm_vcpu_init_changed()), nor run without what the attribute does: so it is tried
 * in a VM that is thrown away.
 */
static bool pmu_works(const struct vm *vm)
{
	int vm_fd, error;

	if (ioctl_value(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_PMU_V3) <= 0)
		return false;
	vm_fd = ioctl_value(vm->kvm_fd, KVM_CREATE_VM, arch_vm_type(vm->kvm_fd));
	error = vm_fd < 0 ? vm_fd : pmu_try(vm_fd);
	fd_close(&vm_fd);
	if (error < 0)
		log_warn("KVM refuses performance counters: %s; the guest gets none",
			 strerror(-error));
	return error == 0;
}

int arch_vm_init(struct vm *vm, char why[WHY_SIZE])
{
	int error;

	vm->irq.detach_discards = cmdline_bool("", "kvm-arm.vgic_v4_enable") != 0;
	vm->has_pmu = pmu_works(vm);
	unknown_accesses_ask(vm);
	error = gic_create(vm, why);
	/* Before the GIC is started: only then KVM takes a GICv4's direct injection for the VM. */
	return error < 0 ? error : its_create(vm, why);
}

static int pmu_init(const struct vcpu *vcpu, char why[WHY_SIZE])
{
	const int interrupt = ARM64_INTID_PMU;
	int error = pmu_set(vcpu->fd, KVM_ARM_VCPU_PMU_V3_IRQ, &interrupt);

	if (error == 0)
		error = pmu_set(vcpu->fd, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	if (error < 0)
		return refuse(why, error, "vCPU %u: KVM refuses its performance counters: %s",
			      vcpu->index, strerror(-error));
	return 0;
}

int vm_finish(struct vm *vm, struct vcpu *vcpus, char why[WHY_SIZE])
{
	int error = device_set(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
			       NULL, "start", why);

	/* A performance counter wants its interrupt, and so the GIC, to be there. */
	for (unsigned int i = 0; error == 0 && vm->has_pmu && i < vm->cpus; i++)
		error = pmu_init(&vcpus[i], why);
	return error;
}

/* ---- vCPUs ---- */

/* What the guest's CPUs have when the host's have it (KVM API 4.82). */
static const struct {
	int capability;
	unsigned int feature;
} features[] = {
	{ KVM_CAP_ARM_PSCI_0_2, KVM_ARM_VCPU_PSCI_0_2 },
	{ KVM_CAP_ARM_SVE, KVM_ARM_VCPU_SVE },
	{ KVM_CAP_ARM_PTRAUTH_ADDRESS, KVM_ARM_VCPU_PTRAUTH_ADDRESS },
	{ KVM_CAP_ARM_PTRAUTH_GENERIC, KVM_ARM_VCPU_PTRAUTH_GENERIC },
};

static bool feature_is_set(const struct kvm_vcpu_init *init, unsigned int feature)
{
	return init->features[feature / 32] & BIT(feature % 32);
}

int arch_vcpu_init(struct vcpu *vcpu, char why[WHY_SIZE])
{
	int finalize = KVM_ARM_VCPU_SVE, error;
	struct kvm_vcpu_init init;

	error = ioctl_call(vcpu->vm->fd, KVM_ARM_PREFERRED_TARGET, &init);
	if (error < 0)
		return refuse(why, error, "KVM_ARM_PREFERRED_TARGET: %s", strerror(-error));
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (ioctl_value(vcpu->vm->kvm_fd, KVM_CHECK_EXTENSION, features[i].capability) > 0)
			feature_set(&init, features[i].feature);
	/* The others are started by the first, by PSCI's CPU_ON. */
	if (vcpu->index > 0)
		feature_set(&init, KVM_ARM_VCPU_POWER_OFF);
	if (vcpu->vm->has_pmu)
		feature_set(&init, KVM_ARM_VCPU_PMU_V3);
	error = ioctl_call(vcpu->fd, KVM_ARM_VCPU_INIT, &init);
	/* SVE's vector lengths could be changed until here. */
	if (error == 0 && feature_is_set(&init, KVM_ARM_VCPU_SVE))
		error = ioctl_call(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &finalize);
	if (error < 0)
		return refuse(why, error, "vCPU %u: KVM_ARM_VCPU_INIT: %s", vcpu->index,
			      strerror(-error));
	return 0;
}

static int register_set(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl_call(vcpu->fd, KVM_SET_ONE_REG, &reg);
}

/* 0 for a register that KVM does not have. */
static uint64_t register_get(const struct vcpu *vcpu, uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	ioctl_call(vcpu->fd, KVM_GET_ONE_REG, &reg);
	return value;
}

/* All else is as after reset: EL1, MMU and caches off, interrupts masked (booting.rst of Linux). */
int vcpu_entry_set(struct vcpu *vcpu, const struct vcpu_entry *entry, char why[WHY_SIZE])
{
	int error = register_set(vcpu, REGISTER_CORE(regs.pc), entry->pc);

	if (error == 0)
		error = register_set(vcpu, REGISTER_CORE(regs.regs[0]), entry->x0);
	if (error < 0)
		return refuse(why, error, "vCPU %u: cannot set its first registers: %s",
			      vcpu->index, strerror(-error));
	return 0;
}

uint64_t vcpu_pc(const struct vcpu *vcpu)
{
	return register_get(vcpu, REGISTER_CORE(regs.pc));
}

unsigned int vcpu_page_sizes(const struct vcpu *vcpu)
{
	uint64_t mmfr0 = register_get(vcpu, REGISTER_ID_AA64MMFR0);
	unsigned int sizes = 0;

	/* For 16 KiB, 0 means no; for the others, 15 does. */
	if (((mmfr0 >> MMFR0_TGRAN4_SHIFT) & 0xf) != 0xf)
		sizes |= 4 * KIB;
	if (((mmfr0 >> MMFR0_TGRAN16_SHIFT) & 0xf) != 0)
		sizes |= 16 * KIB;
	if (((mmfr0 >> MMFR0_TGRAN64_SHIFT) & 0xf) != 0xf)
		sizes |= 64 * KIB;
	return sizes;
}

/* A synchronous external abort, as when the bus answers an access with an error. */
int vcpu_bus_error(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { .exception.ext_dabt_pending = 1 };

	return ioctl_call(vcpu->fd, KVM_SET_VCPU_EVENTS, &events);
}
