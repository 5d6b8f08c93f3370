/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The binding of drivers to the host's PCI functions, through driver_override
 * (Documentation/ABI/testing/sysfs-bus-pci). Every path starts with @root: "" on a real host, a
 * directory with a made-up sysfs in tests.
 */
#ifndef POSTHORN_VMM_HOST_BIND_H
#define POSTHORN_VMM_HOST_BIND_H

#include <sys/types.h>

/*
 * Bind @bdf to vfio-pci, or to @driver if that is not NULL, through driver_override, and remember
 * the driver and the override that it had in /run/posthorn/<bdf> (on a host without /run, do
 * without, after a message). Does nothing when VFIO has it already: by whatever driver, if @driver
 * is NULL, else by that one. Loads the module when the driver is not there. On failure driver and
 * override are brought back. Signals that end the process wait meanwhile; where it ends in the
 * middle all the same, host_pci_unbind() undoes it. Returns 0, or an exit code of lib/log.h after a
 * message that says what mends it: EXIT_USAGE for a function that does not exist or is a bridge,
 * EXIT_HOST for one without an IOMMU group (vfio-pci's probe would fail with -EINVAL), for one that
 * host_pci_in_use() or that a guest has, for a driver that is none of VFIO's, and for everything
 * that the kernel refuses.
 */
int host_pci_bind(const char *root, const char *bdf, const char *driver);

/* Who may open what VFIO makes of a function. */
struct host_owner {
	uid_t user;
	gid_t group;
};

/*
 * Find @name, "USER" or "USER:GROUP", in /etc/passwd and /etc/group below @root; numbers are taken
 * as such. A user's group is that of /etc/passwd; that of a number which is not there has the same
 * number. 0, or EXIT_USAGE or EXIT_HOST after a message.
 */
int host_owner_find(const char *root, const char *name, struct host_owner *owner);

/*
 * Give the function's file and its group's file (those that there are) to @owner, who then may run
 * a guest with it. Waits for udev first. host_pci_unbind() takes them back. 0, or EXIT_USAGE or
 * EXIT_HOST after a message.
 */
int host_pci_give(const char *root, const char *bdf, const struct host_owner *owner);

/*
 * Undo host_pci_bind(): bring the override back and give the function to the remembered driver, or
 * let the kernel probe for one; its files in /dev/vfio are root's again. Goes on where it, or
 * host_pci_bind(), had to stop before, if something is remembered. Returns as host_pci_bind() does.
 * Does nothing, successfully, to a function that VFIO does not have, nor was left half-way. Refuses
 * while somebody has the function's group open.
 */
int host_pci_unbind(const char *root, const char *bdf);

#endif
