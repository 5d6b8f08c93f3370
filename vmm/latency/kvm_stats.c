/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/kvm_stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>

#include "lib/file.h"
#include "lib/ioctl.h"

#define DESCRIPTORS_MAX 1024
#define NAME_MAX_SIZE	256

/* One descriptor: a struct, its name, and where in the file its values are. */
static int counter_read(int fd, const struct kvm_stats_header *header, unsigned int index,
			void (*visit)(void *opaque, const char *name, uint64_t value), void *opaque)
{
	size_t size = sizeof(struct kvm_stats_desc) + header->name_size;
	struct kvm_stats_desc *descriptor = calloc(1, size + 1);
	uint64_t value;
	int error;

	if (!descriptor)
		return -ENOMEM;
	error = fd_pread_all(fd, descriptor, size, (off_t)(header->desc_offset + index * size));
	if (error == 0 && descriptor->size == 1) {
		error = fd_pread_all(fd, &value, sizeof(value),
				     (off_t)header->data_offset + descriptor->offset);
		if (error == 0)
			visit(opaque, descriptor->name, value);
	}
	free(descriptor);
	return error;
}

int stats_open(int fd)
{
	return ioctl_value(fd, KVM_GET_STATS_FD, 0);
}

int stats_read(int stats_fd, void (*visit)(void *opaque, const char *name, uint64_t value),
	       void *opaque)
{
	struct kvm_stats_header header;
	int error;

	if (stats_fd < 0)
		return stats_fd;
	error = fd_pread_all(stats_fd, &header, sizeof(header), 0);
	if (error == 0 && (header.num_desc > DESCRIPTORS_MAX || header.name_size > NAME_MAX_SIZE))
		error = -EPROTO;
	for (unsigned int i = 0; error == 0 && i < header.num_desc; i++)
		error = counter_read(stats_fd, &header, i, visit, opaque);
	return error;
}
