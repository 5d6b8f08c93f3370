/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kvm/arch.h"
#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"

int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned int index, char why[WHY_SIZE])
{
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = ioctl_value(vm->fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		return refuse(why, vcpu->fd, "vCPU %u: KVM_CREATE_VCPU: %s%s", index,
			      strerror(-vcpu->fd), error_remedy(-vcpu->fd));
	vcpu->run = mmap(NULL, vm->vcpu_mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return refuse(why, -errno, "vCPU %u: cannot map its struct kvm_run: %s", index,
			      strerror(errno));
	return arch_vcpu_init(vcpu, why);
}

void vcpu_cleanup(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->vm->vcpu_mmap_size);
	fd_close(&vcpu->fd);
}

int vcpu_run(struct vcpu *vcpu)
{
	/* Not ioctl_call(): EINTR is an answer here, and nothing is to be logged on this path. */
	if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
		return 0;
	if (errno == EINTR)
		vcpu->run->immediate_exit = 0;
	return -errno;
}

void vcpu_kick(struct vcpu *vcpu)
{
	/* The flag is for a vCPU that is just about to enter KVM_RUN, the signal for one inside. */
	vcpu->run->immediate_exit = 1;
	pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

/* Any vCPU's mapping shows the one ring of the VM (KVM API 4.116); NULL where there is none. */
static struct kvm_coalesced_mmio_ring *coalesced_ring(const struct vcpu *vcpu)
{
	if (!vcpu->vm->coalesced_offset)
		return NULL;
	return (void *)((char *)vcpu->run + vcpu->vm->coalesced_offset);
}

bool vcpu_coalesced_pending(const struct vcpu *vcpu)
{
	const struct kvm_coalesced_mmio_ring *ring = coalesced_ring(vcpu);

	return ring && __atomic_load_n(&ring->first, __ATOMIC_RELAXED) !=
			       __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
}

bool vcpu_coalesced_drain(struct vcpu *vcpu,
			  bool (*write)(void *opaque, uint64_t address, uint8_t data), void *opaque)
{
	struct kvm_coalesced_mmio_ring *ring = coalesced_ring(vcpu);
	const unsigned int entries = (unsigned int)((vcpu->vm->page_size - sizeof(*ring)) /
						    sizeof(struct kvm_coalesced_mmio));

	while (vcpu_coalesced_pending(vcpu)) {
		const struct kvm_coalesced_mmio *entry = &ring->coalesced_mmio[ring->first];

		if (!write(opaque, entry->phys_addr, entry->data[0]))
			return false;
		__atomic_store_n(&ring->first, (ring->first + 1) % entries, __ATOMIC_RELEASE);
	}
	return true;
}
