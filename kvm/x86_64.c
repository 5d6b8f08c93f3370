/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/arch.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"

/* Four pages that KVM needs on Intel; in the hole below 4 GiB: see guest/layout.h. */
#define IDENTITY_MAP_ADDRESS 0xfffbc000ULL
#define TSS_ADDRESS	     0xfffbd000UL

#define CPUID_ENTRIES_MAX 256

/* MSRs and register bits: Intel SDM volume 4, and volume 3 sections 2.5 and 12.11.2. */
#define MSR_MTRR_DEF_TYPE      0x2ff
#define MTRR_ENABLE_WRITE_BACK 0x806 /* E, default type 6 */
#define CR0_PE		       BIT(0)
#define CR0_ET		       BIT(4)
#define CR0_PG		       BIT(31)
#define CR4_PAE		       BIT(5)
#define EFER_LME	       BIT(8)
#define EFER_LMA	       BIT(10)
#define RFLAGS_RESERVED	       BIT(1)

const char arch_kvm_remedy[] =
	"load kvm_intel or kvm_amd (modprobe), and turn virtualization (VT-x, AMD-V) on in the "
	"firmware or, for a nested guest, in its hypervisor";

const uint32_t arch_pin_irqchip = KVM_IRQCHIP_IOAPIC;

unsigned long arch_vm_type(int kvm_fd)
{
	(void)kvm_fd;
	return 0;
}

/* Bits that an APIC id needs for @cpus CPUs. */
static unsigned int apic_id_bits(unsigned int cpus)
{
	unsigned int bits = 0;

	while ((1U << bits) < cpus)
		bits++;
	return bits;
}

/* The number of CPUs that share a cache, less one, in EAX[25:14] of leaves 4 and 0x8000001d. */
static uint32_t cache_sharing(uint32_t eax, unsigned int cpus)
{
	unsigned int level = (eax >> 5) & 7;

	return (eax & ~(0xfffU << 14)) | (level >= 3 ? (cpus - 1) << 14 : 0);
}

/* One package, a core per vCPU, no threads: said in each of the ways that CPUs have had. */
static void topology_fill(struct kvm_cpuid_entry2 *entry, unsigned int apic_id, unsigned int cpus)
{
	unsigned int bits = apic_id_bits(cpus);

	switch (entry->function) {
	case 1:
		entry->ebx = (entry->ebx & 0xffff) | apic_id << 24 | cpus << 16;
		entry->ecx |= BIT(21) | BIT(24) | BIT(31); /* x2APIC, TSC deadline, hypervisor */
		entry->edx = cpus > 1 ? entry->edx | BIT(28) : entry->edx & ~BIT(28);
		break;
	case 4:
		entry->eax = (cache_sharing(entry->eax, cpus) & 0x03ffffff) |
			     (entry->eax & 0x1f ? (cpus - 1) << 26 : 0);
		break;
	case 0xb:
		entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		entry->eax = entry->index == 1 ? bits : 0;
		entry->ebx = entry->index == 1 ? cpus : entry->index == 0 ? 1 : 0;
		/* The level's type: 1 is threads, 2 is cores. */
		entry->ecx = entry->index | (entry->index < 2 ? (entry->index + 1) << 8 : 0);
		entry->edx = apic_id;
		break;
	case 0x80000008:
		entry->ecx = (entry->ecx & ~0xf0ffU) | bits << 12 | (cpus - 1);
		break;
	case 0x8000001d:
		entry->eax = cache_sharing(entry->eax, cpus);
		break;
	case 0x8000001e:
		entry->eax = apic_id;
		entry->ebx = apic_id & 0xff;
		entry->ecx = 0;
		break;
	}
}

/* Leaves with a topology of their own that would contradict ours; 0xb is added anew. */
static bool leaf_dropped(uint32_t function)
{
	return function == 0xb || function == 0x1f || function == 0x80000026;
}

/*
 * What KVM can show a guest of this CPU. The caller frees it; it has room for CPUID_ENTRIES_MAX.
 * NULL when it cannot be had, errno set.
 */
static struct kvm_cpuid2 *cpuid_supported(int kvm_fd)
{
	struct kvm_cpuid2 *cpuid;
	int error;

	cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return NULL;
	cpuid->nent = CPUID_ENTRIES_MAX;
	error = ioctl_array(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (error == 0)
		return cpuid;
	free(cpuid);
	errno = -error;
	return NULL;
}

/* The same, with room in it for the topology of the guest's vCPUs. */
static int cpuid_init(struct vm *vm, char why[WHY_SIZE])
{
	struct kvm_cpuid2 *cpuid = cpuid_supported(vm->kvm_fd);
	unsigned int kept = 0;

	if (!cpuid)
		return refuse(why, -errno, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	for (unsigned int i = 0; i < cpuid->nent; i++)
		if (!leaf_dropped(cpuid->entries[i].function))
			cpuid->entries[kept++] = cpuid->entries[i];
	for (unsigned int level = 0; level < 3 && kept < CPUID_ENTRIES_MAX; level++)
		cpuid->entries[kept++] =
			(struct kvm_cpuid_entry2){ .function = 0xb, .index = level };
	cpuid->nent = kept;
	vm->cpuid = cpuid;
	return 0;
}

/* So that the guest sees that it may, and how deep: KVM shows no MWAIT by itself. */
static void mwait_show(struct kvm_cpuid2 *cpuid)
{
	for (unsigned int i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 1)
			entry->ecx |= BIT(3);
		else if (entry->function == 5)
			__cpuid(5, entry->eax, entry->ebx, entry->ecx, entry->edx);
	}
}

/* Let vCPUs that have nothing to do stay in the guest. After cpuid_init(). */
static int idle_guest_set(struct vm *vm, char why[WHY_SIZE])
{
	int offered = ioctl_value(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS,
		.args = { VM_IDLE_EXITS & (unsigned int)max(offered, 0) },
	};
	int error = cap.args[0] ? ioctl_call(vm->fd, KVM_ENABLE_CAP, &cap) : -ENOTSUP;

	if (error < 0)
		return refuse(why, error,
			      "--idle guest: KVM_CAP_X86_DISABLE_EXITS: %s; use --idle host",
			      strerror(-error));
	if (cap.args[0] & KVM_X86_DISABLE_EXITS_MWAIT)
		mwait_show(vm->cpuid);
	return 0;
}

int arch_vm_init(struct vm *vm, char why[WHY_SIZE])
{
	__u64 identity_map = IDENTITY_MAP_ADDRESS;
	int error;

	error = ioctl_call(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (error == 0)
		error = ioctl_value(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	if (error < 0)
		return refuse(why, error, "KVM_SET_TSS_ADDR: %s", strerror(-error));
	/*
	 * PIC, IOAPIC and local APICs. The guest is never told of the PIC, and the routes that
	 * KVM sets up for it go when posthorn sets its own first one. No PIT is created: AMD's AVIC
	 * could not be used beside a PIT that reinjects ticks, and Linux has the TSC deadline.
	 */
	error = ioctl_value(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (error < 0)
		return refuse(why, error, "KVM_CREATE_IRQCHIP: %s", strerror(-error));
	error = cpuid_init(vm, why);
	return error || !vm->idle_guest ? error : idle_guest_set(vm, why);
}

static int cpuid_set(struct vcpu *vcpu, char why[WHY_SIZE])
{
	struct kvm_cpuid2 *cpuid = vcpu->vm->cpuid;
	int error;

	for (unsigned int i = 0; i < cpuid->nent; i++)
		topology_fill(&cpuid->entries[i], vcpu->index, vcpu->vm->cpus);
	error = ioctl_array(vcpu->fd, KVM_SET_CPUID2, cpuid);
	if (error < 0)
		return refuse(why, error, "vCPU %u: KVM_SET_CPUID2: %s", vcpu->index,
			      strerror(-error));
	return 0;
}

/*
 * After reset the MTRRs are off, which means uncached. Firmware would turn them on; there is none,
 * and with an IOMMU that does not snoop, KVM takes the guest at its word: boot is 20 times slower.
 */
static int mtrr_set(struct vcpu *vcpu, char why[WHY_SIZE])
{
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(msrs->entries[0]));
	int set;

	if (!msrs)
		return refuse(why, -ENOMEM, "no memory for a vCPU's registers");
	msrs->nmsrs = 1;
	msrs->entries[0].index = MSR_MTRR_DEF_TYPE;
	msrs->entries[0].data = MTRR_ENABLE_WRITE_BACK;
	set = ioctl_array(vcpu->fd, KVM_SET_MSRS, msrs);
	free(msrs);
	if (set != 1)
		return refuse(why, -EIO, "vCPU %u: KVM_SET_MSRS refuses MTRRdefType", vcpu->index);
	return 0;
}

/*
 * KVM starts with 32 banks of machine-check registers, and a guest's kernel visits each a dozen
 * times while it boots. Nobody injects machine checks here: one bank is the least there may be.
 */
static void machine_check_set(struct vcpu *vcpu)
{
	__u64 capabilities = 1;
	int error = ioctl_call(vcpu->fd, KVM_X86_SETUP_MCE, &capabilities);

	if (error < 0)
		log_info("vCPU %u: KVM_X86_SETUP_MCE: %s", vcpu->index, strerror(-error));
}

/*
 * The guest's TSC is to be the host's, as it is now: 0 means that. KVM itself takes what the host
 * thought when KVM was loaded. Where the host has found out better since (Linux measures a TSC that
 * is not known to be constant for a second more), and the CPU cannot scale it, KVM's
 * kvm_set_tsc_khz() fails half-way. KVM's idea of the guest's TSC is then not what the guest reads,
 * and a deadline fires as late again as the host is up. So it was seen on Linux 6.12, whose log has
 * "user requested TSC rate below hardware speed" then.
 */
static void tsc_set(struct vcpu *vcpu)
{
	int error = ioctl_value(vcpu->fd, KVM_SET_TSC_KHZ, 0);

	if (error < 0)
		log_info("vCPU %u: KVM_SET_TSC_KHZ: %s", vcpu->index, strerror(-error));
}

int arch_vcpu_init(struct vcpu *vcpu, char why[WHY_SIZE])
{
	int error = cpuid_set(vcpu, why);

	if (error == 0)
		error = mtrr_set(vcpu, why);
	machine_check_set(vcpu);
	tsc_set(vcpu);
	return error;
}

static struct kvm_segment segment_make(uint16_t selector, uint8_t type, bool is_64bit_code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !is_64bit_code,
		.s = 1,
		.l = is_64bit_code,
		.g = 1,
	};
}

/* The state that both boot protocols ask for: flat segments, paging only for the 64-bit one. */
static void sregs_fill(struct kvm_sregs *sregs, const struct vcpu_entry *entry)
{
	bool is_64bit = entry->cr3 != 0;
	struct kvm_segment data = segment_make(0x18, 3 /* read, write, accessed */, false);

	sregs->cs = segment_make(0x10, 11 /* execute, read, accessed */, is_64bit);
	sregs->ds = sregs->es = sregs->ss = sregs->fs = sregs->gs = data;
	sregs->tr = (struct kvm_segment){ .limit = 0x67, .type = 11, .present = 1 };
	sregs->gdt.base = entry->gdt;
	sregs->gdt.limit = (uint16_t)(entry->gdt_size - 1);
	sregs->idt.limit = 0;
	sregs->cr0 = CR0_PE | CR0_ET;
	if (is_64bit) {
		sregs->cr0 |= CR0_PG;
		sregs->cr3 = entry->cr3;
		sregs->cr4 = CR4_PAE;
		sregs->efer = EFER_LME | EFER_LMA;
	}
}

int vcpu_entry_set(struct vcpu *vcpu, const struct vcpu_entry *entry, char why[WHY_SIZE])
{
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsi = entry->rsi,
		.rbx = entry->rbx,
		.rflags = RFLAGS_RESERVED,
	};
	struct kvm_sregs sregs;
	int error;

	error = ioctl_call(vcpu->fd, KVM_GET_SREGS, &sregs);
	if (error == 0) {
		sregs_fill(&sregs, entry);
		error = ioctl_call(vcpu->fd, KVM_SET_SREGS, &sregs);
	}
	if (error == 0)
		error = ioctl_call(vcpu->fd, KVM_SET_REGS, &regs);
	if (error < 0)
		return refuse(why, error, "vCPU %u: cannot set its first registers: %s",
			      vcpu->index, strerror(-error));
	return 0;
}

int vm_finish(struct vm *vm, struct vcpu *vcpus, char why[WHY_SIZE])
{
	(void)vcpus;
	(void)why;
	free(vm->cpuid);
	vm->cpuid = NULL;
	return 0;
}

uint64_t vcpu_pc(const struct vcpu *vcpu)
{
	struct kvm_regs regs = { 0 };

	ioctl_call(vcpu->fd, KVM_GET_REGS, &regs);
	return regs.rip;
}

unsigned int vcpu_page_sizes(const struct vcpu *vcpu)
{
	(void)vcpu;
	return 4 * KIB;
}

/* KVM never asks for it here: accesses to nothing read as all-ones. */
int vcpu_bus_error(struct vcpu *vcpu)
{
	(void)vcpu;
	return -ENOTSUP;
}

unsigned int arch_physical_bits(int kvm_fd)
{
	struct kvm_cpuid2 *cpuid = cpuid_supported(kvm_fd);
	unsigned int bits = 36; /* what every 64-bit CPU has */

	for (unsigned int i = 0; cpuid && i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			bits = cpuid->entries[i].eax & 0xff;
	free(cpuid);
	return bits;
}
