/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What posthorn run asks of its host before a VM is there. The answers are made in vmm/host/, which
 * reads them from sysfs, /proc and the like: this is all that run knows of it. Start-up only.
 */
#ifndef POSTHORN_VMM_HOST_H
#define POSTHORN_VMM_HOST_H

#include <limits.h>
#include <stdint.h>

/*
 * Can @bdf (full form) be assigned as things are? To be asked before iommu_device_open(), because
 * sysfs names what is in the way, and VFIO's ioctls only say no. EXIT_OK, or EXIT_USAGE or
 * EXIT_HOST after an error message with the remedy.
 */
int host_function_check(const char *bdf);

/*
 * May this process pin @size bytes (the guest's RAM) for DMA? EXIT_OK, or EXIT_HOST after an error
 * message with the needed and allowed amounts and the remedy.
 */
int host_lock_check(uint64_t size);

/*
 * May the guest's memory come from NUMA node @node? EXIT_OK, or after an error message EXIT_USAGE
 * when there is no such node, EXIT_HOST when this process may not use it.
 */
int host_node_check(unsigned int node);

/*
 * Can a guest of the KVM behind @kvm_fd keep its CPU while it sleeps? On x86-64 a VM tries it: a
 * KVM that is a guest itself may offer it, and then not be able to enter such a guest. EXIT_OK, or
 * EXIT_HOST after an error message. No other thread may wait for SIGALRM.
 */
int host_idle_check(int kvm_fd);

/*
 * Find the image of the kernel that this host runs, and write its path into @path. EXIT_OK after a
 * notice that names it, or EXIT_USAGE or EXIT_HOST after an error message.
 */
int host_kernel_find(char path[PATH_MAX]);

#endif
