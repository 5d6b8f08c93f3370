/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AMD's Advanced Virtual Interrupt Controller (AVIC) for TCG's SVM.
 *
 * The registers of a virtual APIC are a page of the hypervisor's memory, the
 * backing page. Anybody may set bits of IRR there: the hypervisor, the IOMMU.
 * The processor that runs the guest delivers them without #VMEXIT.
 *
 * Sections and tables are those of the AMD64 Architecture Programmer's Manual,
 * volume 2 (24593), revision 3.44.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "system/system.h"
#include "tcg/helper-tcg.h"
#include "avic.h"

/* The VMCB's fields (Appendix B, Table B-1) */
#define VMCB_AVIC_APIC_BAR      0x98
#define VMCB_AVIC_BACKING_PAGE  0xe0
#define VMCB_ADDRESS_MASK       MAKE_64BIT_MASK(12, 40)

/* The bit of int_ctl (VMCB, 60h) */
#define V_AVIC_ENABLE_MASK      (1U << 31)

/* 15.29.8.2 */
#define MSR_AVIC_DOORBELL       0xc001011b

/* 15.29.9 */
#define SVM_EXIT_AVIC_INCOMPLETE_IPI    0x401
#define SVM_EXIT_AVIC_NOACCEL           0x402
#define AVIC_NOACCEL_WRITE              (1ULL << 32)

/* Registers of an APIC (Table 16-2); ISR, TMR and IRR are eight each */
enum {
    APIC_REG_ID = 0x20,
    APIC_REG_VERSION = 0x30,
    APIC_REG_TPR = 0x80,
    APIC_REG_APR = 0x90,
    APIC_REG_PPR = 0xa0,
    APIC_REG_EOI = 0xb0,
    APIC_REG_REMOTE_READ = 0xc0,
    APIC_REG_LDR = 0xd0,
    APIC_REG_DFR = 0xe0,
    APIC_REG_SVR = 0xf0,
    APIC_REG_ISR = 0x100,
    APIC_REG_TMR = 0x180,
    APIC_REG_IRR = 0x200,
    APIC_REG_IRR_LAST = 0x270,
    APIC_REG_ESR = 0x280,
    APIC_REG_ICR = 0x300,
    APIC_REG_ICR_HIGH = 0x310,
    APIC_REG_LVT_TIMER = 0x320,
    APIC_REG_LVT_ERROR = 0x370,
    APIC_REG_TIMER_INITIAL = 0x380,
    APIC_REG_TIMER_CURRENT = 0x390,
    APIC_REG_TIMER_DIVIDE = 0x3e0,
};

#define APIC_ICR_BUSY (1U << 12)

/* ---- the backing page ---- */

static uint8_t *page_at(hwaddr address)
{
    hwaddr offset, length = TARGET_PAGE_SIZE;
    MemoryRegion *region;

    RCU_READ_LOCK_GUARD();
    region = address_space_translate(&address_space_memory, address, &offset,
                                     &length, true, MEMTXATTRS_UNSPECIFIED);
    if (!memory_region_is_ram(region) || length < TARGET_PAGE_SIZE) {
        return NULL;
    }
    return (uint8_t *)memory_region_get_ram_ptr(region) + offset;
}

/* The word of @reg, one of ISR, TMR and IRR, with the bit of @vector */
static uint32_t *vector_word(uint8_t *page, int reg, int vector)
{
    return (uint32_t *)(page + reg + vector / 32 * 16);
}

static uint32_t vector_bit(int vector)
{
    return cpu_to_le32(1U << vector % 32);
}

static int vector_highest(uint8_t *page, int reg)
{
    int base;

    for (base = 224; base >= 0; base -= 32) {
        uint32_t *word = vector_word(page, reg, base);
        uint32_t bits = le32_to_cpu(qatomic_read(word));

        if (bits) {
            return base + 31 - clz32(bits);
        }
    }
    return -1;
}

/* 16.6.4; V_TPR has the priority class alone */
static int processor_priority(CPUX86State *env)
{
    int tpr = (env->int_ctl & V_TPR_MASK) << 4;
    int in_service = MAX(vector_highest(env->avic.page, APIC_REG_ISR), 0);

    return MAX(tpr, in_service & 0xf0);
}

/* 15.29.3.1: what AVIC delivers next, or -1 */
static int vector_deliverable(CPUX86State *env)
{
    int vector = vector_highest(env->avic.page, APIC_REG_IRR);

    return vector >= 0 && (vector & 0xf0) > processor_priority(env) ? vector : -1;
}

/* Behind each change that may let an interrupt through */
static void reevaluate(CPUX86State *env)
{
    if (vector_deliverable(env) >= 0) {
        BQL_LOCK_GUARD();
        cpu_interrupt(env_cpu(env), CPU_INTERRUPT_AVIC);
    }
}

/* ---- the guest starts and ends ---- */

static uint64_t vmcb_address(CPUX86State *env, int field)
{
    return x86_ldq_phys(env_cpu(env), env->vm_vmcb + field) & VMCB_ADDRESS_MASK;
}

void avic_vmrun(CPUX86State *env, uintptr_t retaddr)
{
    if (!(env->features[FEAT_SVM] & CPUID_SVM_AVIC) ||
        !(env->int_ctl & V_AVIC_ENABLE_MASK)) {
        return;
    }
    env->avic.bar = vmcb_address(env, VMCB_AVIC_APIC_BAR);
    env->avic.page = page_at(vmcb_address(env, VMCB_AVIC_BACKING_PAGE));
    if (!env->avic.page) {
        cpu_vmexit(env, SVM_EXIT_ERR, 0, retaddr);
    }
    /*
     * V_IRQ is ignored with AVIC. IRR is read behind the reset: a doorbell that
     * came before it followed a write of IRR.
     */
    cpu_reset_interrupt(env_cpu(env), CPU_INTERRUPT_VIRQ | CPU_INTERRUPT_AVIC);
    reevaluate(env);
}

void avic_vmexit(CPUX86State *env)
{
    env->avic = (AvicState){};
    cpu_reset_interrupt(env_cpu(env), CPU_INTERRUPT_AVIC);
}

/* ---- interrupts ---- */

bool avic_exit_is_due(CPUX86State *env)
{
    return env->avic.exit_code != 0;
}

bool avic_interrupt_is_pending(CPUX86State *env)
{
    return env->avic.page && vector_deliverable(env) >= 0;
}

void avic_interrupt(CPUX86State *env)
{
    uint8_t *page = env->avic.page;
    int vector;

    cpu_reset_interrupt(env_cpu(env), CPU_INTERRUPT_AVIC);
    if (env->avic.exit_code) {
        x86_stq_phys(env_cpu(env),
                     env->vm_vmcb + offsetof(struct vmcb, control.exit_info_2),
                     env->avic.exit_info_2);
        cpu_vmexit(env, env->avic.exit_code, env->avic.exit_info_1, 0);
    }
    vector = vector_deliverable(env);
    if (vector < 0) {
        return;
    }
    qatomic_and(vector_word(page, APIC_REG_IRR, vector), ~vector_bit(vector));
    qatomic_or(vector_word(page, APIC_REG_ISR, vector), vector_bit(vector));
    do_interrupt_x86_hardirq(env, vector, 1);
}

AvicPost avic_post(hwaddr address, uint8_t vector)
{
    uint8_t *page = page_at(address);
    uint32_t before;

    if (!page) {
        return AVIC_POST_NO_PAGE;
    }
    before = qatomic_fetch_or(vector_word(page, APIC_REG_IRR, vector),
                              vector_bit(vector));
    return before & vector_bit(vector) ? AVIC_POST_MERGED : AVIC_POST_SET;
}

/* 15.29.8.3: a CPU that runs no such guest looks at IRR at its next VMRUN */
void avic_doorbell(uint32_t apic_id)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (X86_CPU(cs)->apic_id == apic_id) {
            cpu_interrupt(cs, CPU_INTERRUPT_AVIC);
        }
    }
}

bool avic_wrmsr(CPUX86State *env)
{
    if ((uint32_t)env->regs[R_ECX] != MSR_AVIC_DOORBELL ||
        !(env->features[FEAT_SVM] & CPUID_SVM_AVIC)) {
        return false;
    }
    BQL_LOCK_GUARD();
    avic_doorbell(env->regs[R_EAX]);
    return true;
}

/* V_TPR decides, and a guest's writes keep the page's TPR in step with it */
void avic_cr8_written(CPUX86State *env)
{
    if (env->avic.page) {
        stl_le_p(env->avic.page + APIC_REG_TPR,
                 (env->int_ctl & V_TPR_MASK) << 4);
        reevaluate(env);
    }
}

/* ---- accesses of the guest to registers in memory (xAPIC) ---- */

bool avic_has_address(CPUX86State *env, hwaddr address)
{
    return env->avic.page && (address & TARGET_PAGE_MASK) == env->avic.bar;
}

/* 15.29.9.2: #VMEXIT in front of the instruction */
static G_NORETURN void access_fault(CPUX86State *env, uint64_t info)
{
    CPUState *cs = env_cpu(env);

    x86_stq_phys(cs, env->vm_vmcb + offsetof(struct vmcb, control.exit_info_2),
                 0);
    cpu_vmexit(env, SVM_EXIT_AVIC_NOACCEL, info, cs->mem_io_pc);
}

/*
 * 15.29.9: #VMEXIT behind the instruction. One that does I/O is the last of its
 * translation block, and interrupts are looked at in front of the next one.
 */
static void access_trap(CPUX86State *env, uint64_t exit_code, uint64_t info_1,
                        uint64_t info_2)
{
    env->avic.exit_code = exit_code;
    env->avic.exit_info_1 = info_1;
    env->avic.exit_info_2 = info_2;
    cpu_interrupt(env_cpu(env), CPU_INTERRUPT_AVIC);
}

/*
 * Table 15-22: edge-triggered interrupts end here, level-triggered ones with a
 * #VMEXIT, which tells the vector and leaves its bit of ISR to the hypervisor.
 */
static void write_eoi(CPUX86State *env)
{
    uint8_t *page = env->avic.page;
    int vector = vector_highest(page, APIC_REG_ISR);

    if (vector < 0) {
        return;
    }
    if (qatomic_read(vector_word(page, APIC_REG_TMR, vector)) &
        vector_bit(vector)) {
        access_trap(env, SVM_EXIT_AVIC_NOACCEL,
                    APIC_REG_EOI | AVIC_NOACCEL_WRITE, vector);
        return;
    }
    qatomic_and(vector_word(page, APIC_REG_ISR, vector), ~vector_bit(vector));
    reevaluate(env);
}

/* The CPU that makes the access; NULL for a device's, which finds nothing */
static CPUX86State *window_user(void)
{
    CPUX86State *env = current_cpu ? cpu_env(current_cpu) : NULL;

    return env && env->avic.page ? env : NULL;
}

/* Table 15-22, reads */
static uint64_t window_read(void *opaque, hwaddr offset, unsigned size)
{
    CPUX86State *env = window_user();

    if (!env) {
        return 0;
    }
    switch (offset) {
    case APIC_REG_PPR:
        return processor_priority(env);
    case APIC_REG_ID:
    case APIC_REG_VERSION:
    case APIC_REG_TPR:
    case APIC_REG_EOI ... APIC_REG_ESR:
    case APIC_REG_ICR ... APIC_REG_TIMER_INITIAL:
    case APIC_REG_TIMER_DIVIDE:
        return ldl_le_p(env->avic.page + offset);
    default:
        access_fault(env, offset & 0xff0);
    }
}

/* Table 15-22, writes */
static void window_write(void *opaque, hwaddr offset, uint64_t value,
                         unsigned size)
{
    CPUX86State *env = window_user();
    uint8_t *page;

    if (!env) {
        return;
    }
    page = env->avic.page;
    switch (offset) {
    case APIC_REG_TPR:
        stl_le_p(page + offset, value & 0xff);
        env->int_ctl = (env->int_ctl & ~V_TPR_MASK) | (value >> 4 & V_TPR_MASK);
        reevaluate(env);
        break;
    case APIC_REG_EOI:
        write_eoi(env);
        break;
    case APIC_REG_ICR_HIGH:
        stl_le_p(page + offset, value);
        break;
    case APIC_REG_ICR:
        /* 15.29.9.1, ID 0: nothing is accelerated, the hypervisor sends all */
        value &= ~APIC_ICR_BUSY;
        stl_le_p(page + offset, value);
        access_trap(env, SVM_EXIT_AVIC_INCOMPLETE_IPI,
                    deposit64(value, 32, 32, ldl_le_p(page + APIC_REG_ICR_HIGH)),
                    0);
        break;
    case APIC_REG_ID:
    case APIC_REG_REMOTE_READ:
    case APIC_REG_LDR:
    case APIC_REG_DFR:
    case APIC_REG_SVR:
    case APIC_REG_ESR:
    case APIC_REG_LVT_TIMER ... APIC_REG_LVT_ERROR:
    case APIC_REG_TIMER_INITIAL:
    case APIC_REG_TIMER_DIVIDE:
        stl_le_p(page + offset, value);
        access_trap(env, SVM_EXIT_AVIC_NOACCEL, offset | AVIC_NOACCEL_WRITE, 0);
        break;
    default:
        access_fault(env, (offset & 0xff0) | AVIC_NOACCEL_WRITE);
    }
}

/* Registers are 32 bits wide, 16 bytes apart; what fits none is dropped */
static const MemoryRegionOps window_ops = {
    .read = window_read,
    .write = window_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void window_create(Notifier *notifier, void *unused)
{
    MemoryRegion *window = g_new0(MemoryRegion, 1);

    memory_region_init_io(window, NULL, &window_ops, NULL, "avic",
                          TARGET_PAGE_SIZE);
    memory_region_add_subregion(get_system_memory(), AVIC_WINDOW_BASE, window);
}

static void avic_register(void)
{
    static Notifier machine_done = { .notify = window_create };

    qemu_add_machine_init_done_notifier(&machine_done);
}

type_init(avic_register)
