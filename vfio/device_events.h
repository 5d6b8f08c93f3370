/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's kernel has to say of an assigned device while the guest runs: that it wants the
 * device back, or that the device reported an error. VFIO signals an eventfd for each
 * (linux/vfio.h: VFIO_PCI_REQ_IRQ_INDEX and VFIO_PCI_ERR_IRQ_INDEX).
 *
 * Either ends the VM. There is no hot-unplug to hand to the guest, and nobody in the guest who
 * could recover from an error: the PCI Express port that an error is reported to belongs to the
 * host.
 */
#ifndef POSTHORN_VFIO_DEVICE_EVENTS_H
#define POSTHORN_VFIO_DEVICE_EVENTS_H

#include <stdbool.h>

struct vfio_device;

enum device_event {
	DEVICE_EVENT_REQUEST, /* unbind, removal, hot-unplug: the host waits for the device */
	DEVICE_EVENT_ERROR,   /* an uncorrectable error, told by AER or by the platform */
	DEVICE_EVENTS,
};

struct device_events {
	struct vfio_device *device;
	int eventfds[DEVICE_EVENTS]; /* -1: the device has no such event */
};

/*
 * Have the kernel signal an eventfd for each event that @device (which stays the caller's) can
 * have. 0 or -errno; after a failure there is nothing to undo.
 */
int device_events_init(struct device_events *events, struct vfio_device *device);

/* Undo it, before the device is closed. */
void device_events_cleanup(struct device_events *events);

/* Say, as an error that names the device, what @event is. */
void device_events_report(const struct device_events *events, enum device_event event);

#endif
