/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "kvm/ram.h"
#include "kvm/wire.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"

/* Of those that the kernel makes of ordinary pages by itself. */
#define HUGE_PAGE_SIZE (2 * MIB)

/* What posthorn cannot do without; all are in Linux 6.1, most in much older kernels. */
static const struct {
	int capability;
	const char *name;
} required[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE" },
	{ KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

/* Will the KVM behind @fd do? */
static bool kvm_suits(int fd, struct vm_refusal *refusal)
{
	int version = ioctl_value(fd, KVM_GET_API_VERSION, 0);

	snprintf(refusal->remedy, sizeof(refusal->remedy), "use Linux 6.1 or newer");
	if (version != KVM_API_VERSION) {
		snprintf(refusal->what, sizeof(refusal->what), "API version %d, posthorn speaks %d",
			 version, KVM_API_VERSION);
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		if (ioctl_value(fd, KVM_CHECK_EXTENSION, required[i].capability) > 0)
			continue;
		snprintf(refusal->what, sizeof(refusal->what), "the host's kernel lacks %s",
			 required[i].name);
		return false;
	}
	return true;
}

int vm_kvm_open(const char *root, struct vm_refusal *refusal)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/dev/kvm", root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !kvm_suits(fd, refusal))
		fd_close(&fd);
	else if (fd < 0 && errno == EACCES)
		*refusal = (struct vm_refusal){
			"permission denied",
			"join the group kvm (usermod -aG kvm USER, then log in again) or run as "
			"root",
		};
	else if (fd < 0) {
		snprintf(refusal->what, sizeof(refusal->what), "%s", strerror(errno));
		/* Without the semicolon. */
		snprintf(refusal->remedy, sizeof(refusal->remedy), "%s",
			 errno == EMFILE ? error_remedy(errno) + strlen("; ") : arch_kvm_remedy);
	}
	return fd;
}

int vm_open(struct vm *vm, int kvm_fd, char why[WHY_SIZE])
{
	struct vm_refusal refusal = { .what = "" };

	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->vfio_fd = vm->gic_fd = vm->its_fd = -1;
	vm->kvm_fd = kvm_fd;
	if (!kvm_fd)
		vm->kvm_fd = vm_kvm_open("", &refusal);
	else if (!kvm_suits(kvm_fd, &refusal))
		return refuse(why, -ENODEV, "--kvm: descriptor %d is no KVM that will do: %s; %s",
			      kvm_fd, refusal.what, refusal.remedy);
	if (vm->kvm_fd < 0)
		return refuse(why, -ENODEV, "/dev/kvm: %s; %s", refusal.what, refusal.remedy);
	return 0;
}

static int cpus_check(const struct vm *vm, char why[WHY_SIZE])
{
	int limit = ioctl_value(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if ((int)vm->cpus > limit)
		return refuse(why, -ERANGE, "--cpus %u: this host's KVM runs at most %d", vm->cpus,
			      limit);
	return 0;
}

/* Where a piece of RAM starts in the mapping, so that huge pages line up on both sides. */
static size_t ram_offset(size_t end, const struct vm_ram *ram, uint64_t page)
{
	return align_up(end, page) + ram->gpa % page;
}

/* Let what of @ram is in [@start, @end) answer the guest. */
static int ram_show(struct vm *vm, const struct vm_ram *ram, uint64_t start, uint64_t end,
		    char why[WHY_SIZE])
{
	int slot;

	start = max(start, ram->gpa);
	end = min(end, ram->gpa + ram->size);
	if (start >= end)
		return 0;
	slot = vm_memslot_add(vm, start, end - start, (char *)ram->hva + (start - ram->gpa), false);
	if (slot >= 0)
		return 0;
	return refuse(why, slot, "cannot give the guest %llu KiB of memory at 0x%llx: %s",
		      (unsigned long long)((end - start) / KIB), (unsigned long long)start,
		      strerror(-slot));
}

static int ram_init(struct vm *vm, const struct vm_config *config, char why[WHY_SIZE])
{
	uint64_t hole_end = config->hole.gpa + config->hole.size;
	uint64_t pool = config->memory.huge_page_size, page = pool ? pool : HUGE_PAGE_SIZE;
	size_t end = 0;
	char *base;
	int error = 0;

	vm->ram_count = config->ram_count;
	for (unsigned int i = 0; i < vm->ram_count; i++) {
		vm->ram[i] = config->ram[i];
		end = ram_offset(end, &vm->ram[i], page) + vm->ram[i].size;
	}
	/* mmap(2) aligns to pages only: one huge page more lets the start be moved up. */
	vm->ram_size = align_up(end, page) + (pool ? 0 : page);
	vm->ram_hva = ram_map(vm->ram_size, &config->memory, why);
	if (!vm->ram_hva)
		return -ENOMEM;
	base = (char *)align_up((uintptr_t)vm->ram_hva, page);

	end = 0;
	for (unsigned int i = 0; i < vm->ram_count && error == 0; i++) {
		struct vm_ram *ram = &vm->ram[i];

		end = ram_offset(end, ram, page);
		ram->hva = base + end;
		end += ram->size;
		if (config->hole.size)
			error = ram_show(vm, ram, 0, config->hole.gpa, why);
		if (error == 0)
			error = ram_show(vm, ram, hole_end, UINT64_MAX, why);
	}
	return error;
}

/* How long KVM spins for a vCPU that sleeps, before it gives the CPU away (KVM API 7.21). */
static int halt_poll_set(const struct vm *vm, uint64_t ns, char why[WHY_SIZE])
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL, .args = { ns } };
	int error;

	if (ns == VM_HALT_POLL_HOST)
		return 0;
	error = ioctl_call(vm->fd, KVM_ENABLE_CAP, &cap);
	if (error < 0)
		refuse(why, error,
		       "--halt-poll: KVM_CAP_HALT_POLL: %s; for all VMs of this host it is "
		       "/sys/module/kvm/parameters/halt_poll_ns",
		       strerror(-error));
	return error;
}

int vm_init(struct vm *vm, const struct vm_config *config, char why[WHY_SIZE])
{
	struct utsname host;
	int size, error;

	vm->cpus = config->cpus;
	vm->idle_guest = config->idle_guest;
	pthread_mutex_init(&vm->slot_lock, NULL);
	error = cpus_check(vm, why);
	if (error < 0)
		return error;
	vm->fd = ioctl_value(vm->kvm_fd, KVM_CREATE_VM, arch_vm_type(vm->kvm_fd));
	if (vm->fd < 0)
		return refuse(why, vm->fd, "KVM_CREATE_VM: %s%s", strerror(-vm->fd),
			      vm->fd == -EBUSY ? "; " VM_BUSY_REMEDY : error_remedy(-vm->fd));
	size = ioctl_value(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return refuse(why, size, "KVM_GET_VCPU_MMAP_SIZE: %s", strerror(-size));
	vm->vcpu_mmap_size = (size_t)size;
	vm->page_size = (size_t)sysconf(_SC_PAGESIZE);
	/* Where KVM has the ring, the answer is the number of its page in the vCPU's mapping. */
	size = ioctl_value(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	if (size > 0)
		vm->coalesced_offset = (size_t)size * vm->page_size;
	vm->coalesced_ports =
		ioctl_value(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) > 0;
	if (irq_router_init(&vm->irq, vm->fd) < 0)
		return refuse(why, -ENOMEM, "no memory for the interrupt routes");
	vm->irq.deassign_defect = uname(&host) == 0 && irq_deassign_defect(host.release);
	error = halt_poll_set(vm, config->halt_poll_ns, why);
	if (error == 0)
		error = arch_vm_init(vm, why);
	return error < 0 ? error : ram_init(vm, config, why);
}

void vm_cleanup(struct vm *vm)
{
	fd_close(&vm->its_fd);
	fd_close(&vm->gic_fd);
	fd_close(&vm->vfio_fd);
	/* KVM drops the memslots with the VM, and the VM with its last descriptor. */
	fd_close(&vm->fd);
	fd_close(&vm->kvm_fd);
	free(vm->cpuid);
	munmap(vm->ram_hva, vm->ram_size);
	irq_router_cleanup(&vm->irq);
	pthread_mutex_destroy(&vm->slot_lock);
}

static int memslot_set(struct vm *vm, unsigned int slot, uint64_t gpa, uint64_t size, void *hva,
		       bool read_only)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = read_only ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl_call(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int slot_find_free(const struct vm *vm)
{
	for (size_t i = 0; i < ARRAY_SIZE(vm->slot_used); i++)
		if (~vm->slot_used[i])
			return (int)(64 * i) + __builtin_ctzll(~vm->slot_used[i]);
	return -ENOSPC;
}

int vm_memslot_add(struct vm *vm, uint64_t gpa, uint64_t size, void *hva, bool read_only)
{
	int slot, error;

	pthread_mutex_lock(&vm->slot_lock);
	slot = slot_find_free(vm);
	if (slot >= 0) {
		error = memslot_set(vm, (unsigned int)slot, gpa, size, hva, read_only);
		if (error < 0)
			slot = error;
		else
			vm->slot_used[slot / 64] |= BIT(slot % 64);
	}
	pthread_mutex_unlock(&vm->slot_lock);
	return slot;
}

void vm_memslot_remove(struct vm *vm, int slot)
{
	int error;

	pthread_mutex_lock(&vm->slot_lock);
	error = memslot_set(vm, (unsigned int)slot, 0, 0, NULL, false);
	/* One that KVM keeps is not used again: it would not take another size or place. */
	if (error == 0)
		vm->slot_used[slot / 64] &= ~BIT(slot % 64);
	pthread_mutex_unlock(&vm->slot_lock);
	/* EIO: KVM has given the VM up, and runs none of its vCPUs any more. */
	if (error < 0 && error != -EIO)
		log_error("memslot %d: KVM does not take it back: %s; the guest still sees what "
			  "was there",
			  slot, strerror(-error));
}

void *vm_gpa_to_hva(const struct vm *vm, uint64_t gpa, uint64_t size)
{
	for (unsigned int i = 0; i < vm->ram_count; i++)
		if (range_within(gpa, size, vm->ram[i].gpa, vm->ram[i].size))
			return (char *)vm->ram[i].hva + (gpa - vm->ram[i].gpa);
	return NULL;
}

int vm_vfio_add(struct vm *vm, int file_fd)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };
	struct kvm_device_attr attribute = {
		/* KVM_DEV_VFIO_FILE of Linux 6.6 has the number of the older _GROUP. */
		.group = KVM_DEV_VFIO_GROUP,
		.attr = KVM_DEV_VFIO_GROUP_ADD,
		.addr = (uintptr_t)&file_fd,
	};
	int error;

	if (vm->vfio_fd < 0) {
		error = ioctl_call(vm->fd, KVM_CREATE_DEVICE, &create);
		if (error < 0)
			return error;
		vm->vfio_fd = (int)create.fd;
	}
	return ioctl_call(vm->vfio_fd, KVM_SET_DEVICE_ATTR, &attribute);
}

int vm_write_coalesce(struct vm *vm, uint64_t address, bool is_port)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = address, .size = 1, .pio = is_port };

	if (!vm->coalesced_offset || (is_port && !vm->coalesced_ports))
		return -ENOTSUP;
	return ioctl_call(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone);
}

int vm_ioeventfd_add(struct vm *vm, uint64_t address, unsigned int size, int eventfd)
{
	struct kvm_ioeventfd ioeventfd = { .addr = address, .len = size, .fd = eventfd };

	return ioctl_call(vm->fd, KVM_IOEVENTFD, &ioeventfd);
}
