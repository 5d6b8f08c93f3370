/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine of KVM: its file descriptors, its memory, and the memslots that say which
 * host memory answers at which guest-physical address (KVM API 4.35, KVM_SET_USER_MEMORY_REGION).
 */
#ifndef POSTHORN_KVM_VM_H
#define POSTHORN_KVM_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/irq.h"
#include "kvm/ram.h"
#include "lib/log.h"

struct kvm_cpuid2;
struct vcpu;

#define VM_RAM_MAX	8
#define VM_MEMSLOTS_MAX 512

/* A contiguous piece of the guest's RAM. */
struct vm_ram {
	uint64_t gpa;  /* guest-physical address, page-aligned */
	uint64_t size; /* bytes, a multiple of the page size */
	void *hva;     /* where it is in this process; set by vm_init() */
};

struct vm_config {
	const struct vm_ram *ram; /* gpa and size are read */
	unsigned int ram_count;
	unsigned int cpus;
	struct ram_config memory;
	bool idle_guest;       /* vCPUs that sleep keep their CPU: see VM_IDLE_EXITS */
	uint64_t halt_poll_ns; /* VM_HALT_POLL_HOST: as the host has it for all VMs */
	/*
	 * Addresses of RAM at which it does not answer the guest, because a device does:
	 * page-aligned, within one piece. size 0: none. To all but vCPUs it is RAM.
	 */
	struct {
		uint64_t gpa, size;
	} hole;
};

/*
 * x86-64: what of a vCPU that has nothing to do stays in the guest with @idle_guest, as far as KVM
 * offers it (KVM API 7.13, KVM_CAP_X86_DISABLE_EXITS). Linux 6.17 knows more, which is not idle.
 */
#define VM_IDLE_EXITS                                                                            \
	(KVM_X86_DISABLE_EXITS_MWAIT | KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE | \
	 KVM_X86_DISABLE_EXITS_CSTATE)

#define VM_HALT_POLL_HOST UINT64_MAX

struct vm {
	int kvm_fd; /* /dev/kvm */
	int fd;
	unsigned int cpus;
	struct vm_ram ram[VM_RAM_MAX];
	unsigned int ram_count;
	void *ram_hva; /* the one mapping behind all of ram[] */
	size_t ram_size;
	size_t page_size;	 /* the host's, in bytes */
	size_t vcpu_mmap_size;	 /* bytes of a vCPU's struct kvm_run mapping */
	size_t coalesced_offset; /* where in it the ring of gathered writes is, in bytes; 0: nowhere
				  */
	bool coalesced_ports;	 /* writes to I/O ports can be gathered too */
	pthread_mutex_t slot_lock;
	uint64_t slot_used[VM_MEMSLOTS_MAX / 64];
	struct irq_router irq;
	struct kvm_cpuid2 *cpuid; /* x86-64: of the vCPUs, until vm_finish() */
	bool idle_guest;
	int vfio_fd;	    /* the KVM_DEV_TYPE_VFIO device, -1 until the first vm_vfio_add() */
	int gic_fd, its_fd; /* arm64: the interrupt controller; else -1 */
	bool has_pmu;	    /* arm64: the vCPUs have performance counters */
};

/* What to do when KVM_CREATE_VM fails with EBUSY: the CPU's mode for guests is taken. */
#define VM_BUSY_REMEDY "end other hypervisors, such as VirtualBox or VMware"

/* Why a KVM will not do: two phrases, what is wrong and what mends it. */
struct vm_refusal {
	char what[128], remedy[192];
};

/*
 * Open /dev/kvm below @root ("" on a real host) and look whether this KVM will do. Returns its
 * descriptor, the caller's, or -1 with the reason in @refusal.
 */
int vm_kvm_open(const char *root, struct vm_refusal *refusal);

/*
 * Open /dev/kvm, or take it over as @kvm_fd if that is not 0, and look whether this KVM will do. 0
 * or -errno with the reason in @why.
 */
int vm_open(struct vm *vm, int kvm_fd, char why[WHY_SIZE]);

/*
 * After vm_open(): create the VM with its in-kernel interrupt controllers, and give it RAM: zeroed,
 * not yet touched unless config->memory wants that, huge pages where the host has them, never in a
 * core dump. 0, or -errno with the reason in @why when KVM refuses or there is not enough memory.
 */
int vm_init(struct vm *vm, const struct vm_config *config, char why[WHY_SIZE]);

/*
 * After the last vcpu_init(), before any interrupt is connected: start what needs all vCPUs to be
 * there. @vcpus are all of them. 0 or -errno with the reason in @why.
 */
int vm_finish(struct vm *vm, struct vcpu *vcpus, char why[WHY_SIZE]);

/* Close and unmap everything. The vCPUs must be gone (vcpu_cleanup()). */
void vm_cleanup(struct vm *vm);

/*
 * Let @hva answer at [@gpa, @gpa + @size): page-aligned, not overlapping another slot. The guest
 * sees it from its next access on. @hva must stay mapped until vm_memslot_remove(). Returns the
 * slot's number, or -errno (-ENOSPC: no slot left). Any thread.
 */
int vm_memslot_add(struct vm *vm, uint64_t gpa, uint64_t size, void *hva, bool read_only);

/*
 * Take a memslot away: when it returns, no vCPU can reach the memory any more. Cannot fail for a
 * slot that vm_memslot_add() returned. Any thread.
 */
void vm_memslot_remove(struct vm *vm, int slot);

/* Where [@gpa, @gpa + @size) of RAM is in this process, or NULL if not all of it is RAM. */
void *vm_gpa_to_hva(const struct vm *vm, uint64_t gpa, uint64_t size);

/*
 * Tell KVM's VFIO device about a VFIO group or device file (KVM_DEV_VFIO_FILE_ADD), so that it
 * can honour the device's needs (non-coherent DMA). 0 or -errno. @file_fd stays the caller's.
 */
int vm_vfio_add(struct vm *vm, int file_fd);

/*
 * Let KVM gather writes of one byte to @address, an I/O port or else guest-physical, instead of
 * leaving to user space for each (KVM_REGISTER_COALESCED_MMIO); vcpu_coalesced_drain() gets them,
 * with the address alone: gather at one kind of address only. 0 or -errno (-ENOTSUP where the
 * kernel cannot). Any thread.
 */
int vm_write_coalesce(struct vm *vm, uint64_t address, bool is_port);

/*
 * Let KVM signal @eventfd by itself when the guest writes @size bytes (1, 2, 4 or 8) to
 * guest-physical @address (KVM_IOEVENTFD): the write does not come to this process. Ends with the
 * VM or with the eventfd. 0 or -errno. Any thread.
 */
int vm_ioeventfd_add(struct vm *vm, uint64_t address, unsigned int size, int eventfd);

#endif
