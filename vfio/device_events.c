/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/device_events.h"

#include <linux/vfio.h>

#include "lib/file.h"
#include "lib/log.h"
#include "vfio/device.h"

static const struct {
	unsigned int index; /* VFIO_PCI_*_IRQ_INDEX */
	const char *message;
} kinds[DEVICE_EVENTS] = {
	[DEVICE_EVENT_REQUEST] = { VFIO_PCI_REQ_IRQ_INDEX,
				   "the host wants the device back (it is being unbound from "
				   "vfio-pci or removed), so the VM ends" },
	[DEVICE_EVENT_ERROR] = { VFIO_PCI_ERR_IRQ_INDEX,
				 "the device reported an error that cannot be corrected, so the VM "
				 "ends; dmesg of the host says which" },
};

static int event_init(struct device_events *events, enum device_event event)
{
	int *eventfd = &events->eventfds[event], error;

	/* Not every device has it: errors are reported in PCI Express only. */
	if (!events->device->irqs[kinds[event].index].count)
		return 0;
	error = eventfd_create();
	if (error < 0)
		return error;
	*eventfd = error;
	error = vfio_irqs_set(events->device, kinds[event].index, 0, 1, eventfd);
	if (error < 0)
		fd_close(eventfd);
	return error;
}

int device_events_init(struct device_events *events, struct vfio_device *device)
{
	events->device = device;
	for (unsigned int i = 0; i < DEVICE_EVENTS; i++)
		events->eventfds[i] = -1;
	for (unsigned int i = 0; i < DEVICE_EVENTS; i++) {
		int error = event_init(events, i);

		if (error < 0) {
			device_events_cleanup(events);
			return error;
		}
	}
	return 0;
}

void device_events_cleanup(struct device_events *events)
{
	for (unsigned int i = 0; i < DEVICE_EVENTS; i++) {
		if (events->eventfds[i] < 0)
			continue;
		vfio_irqs_disable(events->device, kinds[i].index);
		fd_close(&events->eventfds[i]);
	}
}

void device_events_report(const struct device_events *events, enum device_event event)
{
	log_error("%s: %s", events->device->bdf, kinds[event].message);
}
