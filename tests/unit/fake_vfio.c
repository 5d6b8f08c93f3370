/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/fake_vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/util.h"

#define REGION_SHIFT 40 /* as VFIO_PCI_OFFSET_SHIFT of the kernel */

static struct fake_vfio *fake_of(struct vfio_device *device)
{
	return container_of(device, struct fake_vfio, function.device);
}

struct fake_vfio *fake_vfio_new(struct fake_kvm *kvm)
{
	struct fake_vfio *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	fake->kvm = kvm;
	fake->function.device.fd = -1;
	fake->function.rom_fd = -1;
	for (unsigned int i = 0; i < VFIO_EVENTS; i++)
		fake->function.events[i] = -1;
	fake->can_reset = fake->is_dynamic = true;
	fake->host_vectors = FAKE_VECTORS_MAX;
	fake->memory = memfd_create("fake-vfio-memory", MFD_CLOEXEC);
	if (fake->memory < 0 ||
	    ftruncate(fake->memory, (off_t)VFIO_PCI_NUM_REGIONS << REGION_SHIFT) < 0)
		abort();
	for (unsigned int i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		fake->regions[i].offset = (uint64_t)i << REGION_SHIFT;
	fake->regions[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CONFIG_SIZE;
	fake->last_capability = PCI_CAPABILITY_LIST;
	fake->active = VFIO_PCI_NUM_IRQS;
	fake->intx_unmask = -1;
	for (unsigned int i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		fake->events[i] = -1;
	for (unsigned int i = 0; i < FAKE_VECTORS_MAX; i++)
		fake->triggers[i] = -1;
	le_store(&fake->config[PCI_VENDOR_ID], 4, 0x56781234);
	return fake;
}

/* How many maps of the device's memory this process still has. */
static unsigned int maps_left(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned int count = 0;
	char line[512];

	if (!file)
		abort();
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "memfd:fake-vfio-memory") != NULL;
	fclose(file);
	return count;
}

void fake_vfio_free(struct fake_vfio *fake)
{
	if (fake->active != VFIO_PCI_NUM_IRQS)
		fake_violation(fake->kvm, "interrupts are still on at the end");
	if (fake->events[VFIO_PCI_ERR_IRQ_INDEX] >= 0 || fake->events[VFIO_PCI_REQ_IRQ_INDEX] >= 0)
		fake_violation(fake->kvm, "events are still watched at the end");
	if (fake->function.device.fd >= 0)
		fake_violation(fake->kvm, "the device is still open at the end");
	if (maps_left())
		fake_violation(fake->kvm, "areas of the device are still mapped at the end");
	close(fake->memory);
	free(fake);
}

/* ---- what must never be -----------------------------------------------------------------------
 */

static bool is_asleep(const struct fake_vfio *fake)
{
	return fake->pm && (fake->config[fake->pm + PCI_PM_CTRL] & 3) == 3;
}

static bool memory_decodes(const struct fake_vfio *fake)
{
	return (fake->command & PCI_COMMAND_MEMORY) && !is_asleep(fake);
}

/* The kernel is about to write the real table. */
static void msix_table_check(struct fake_vfio *fake)
{
	if (fake->active == VFIO_PCI_MSIX_IRQ_INDEX && is_asleep(fake))
		fake_violation(fake->kvm, "the MSI-X table is used while the device sleeps");
}

/* The MSI-X table and the pending bits are emulated: the guest must not reach the real ones. */
static bool msix_touches(const struct fake_vfio *fake, unsigned int index, uint64_t offset,
			 uint64_t size)
{
	const struct vfio_bar *bar = &fake->function.bars[index];

	return ranges_overlap(bar->table.offset, bar->table.size, offset, size) ||
	       ranges_overlap(bar->pba.offset, bar->pba.size, offset, size);
}

static void maps_check(struct fake_vfio *fake)
{
	for (unsigned int i = 0; i < fake->map_count; i++) {
		uint64_t size = fake->maps[i].size;
		bool in_guest = fake_kvm_slot_touches(fake->kvm, fake->maps[i].hva, size);

		if (in_guest && !memory_decodes(fake))
			fake_violation(fake->kvm, "the guest reaches BAR %u, which does not decode",
				       fake->maps[i].index);
		if (in_guest && msix_touches(fake, fake->maps[i].index, fake->maps[i].offset, size))
			fake_violation(fake->kvm, "the guest reaches the MSI-X table in BAR %u",
				       fake->maps[i].index);
		if (!in_guest && fake_kvm_map_touches(fake->kvm, fake->maps[i].hva, size))
			fake_violation(fake->kvm, "DMA reaches BAR %u, which the guest does not",
				       fake->maps[i].index);
	}
}

static struct fake_vfio *fake_enter(struct vfio_device *device)
{
	struct fake_vfio *fake = fake_of(device);

	fake_kvm_deliver(fake->kvm);
	maps_check(fake);
	return fake;
}

/* ---- vfio/device.h: opening and resetting -----------------------------------------------------
 */

int vfio_device_init(struct vfio_device *device, struct iommu *iommu,
		     const struct iommu_device *wanted, char why[WHY_SIZE])
{
	struct fake_vfio *fake = fake_of(device);

	if (iommu != &fake->kvm->iommu)
		abort();
	memset(device, 0, sizeof(*device));
	memcpy(fake->original, fake->config, sizeof(fake->original));
	fake->command = (uint16_t)le_load(&fake->config[PCI_COMMAND], 2);
	snprintf(device->bdf, sizeof(device->bdf), "%s", wanted->bdf);
	device->fd = dup(fake->memory);
	device->can_reset = fake->can_reset;
	memcpy(device->regions, fake->regions, sizeof(device->regions));
	for (unsigned int i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		bool fixed = i == VFIO_PCI_MSI_IRQ_INDEX ||
			     (i == VFIO_PCI_MSIX_IRQ_INDEX && !fake->is_dynamic);

		device->irqs[i].count = fake->irqs[i];
		device->irqs[i].flags =
			VFIO_IRQ_INFO_EVENTFD | (fixed ? VFIO_IRQ_INFO_NORESIZE : 0);
	}
	why[0] = '\0';
	return 0;
}

void vfio_device_cleanup(struct vfio_device *device)
{
	struct fake_vfio *fake = fake_enter(device);

	if (fake->active != VFIO_PCI_NUM_IRQS)
		fake_violation(fake->kvm, "the device is closed with interrupts on");
	for (unsigned int i = 0; i < fake->map_count; i++)
		if (fake_kvm_slot_touches(fake->kvm, fake->maps[i].hva, fake->maps[i].size))
			fake_violation(fake->kvm, "the device is closed, and the guest reaches it");
	fd_close(&device->fd);
}

/* The kernel puts back what the reset took from configuration space, but for the power state. */
static int fake_reset(struct fake_vfio *fake, const char *call, bool can)
{
	int failure = fake_failing(fake->kvm, call);

	fake_log(fake->kvm, "%s%s", call, failure ? " fails" : "");
	for (unsigned int i = 0; i < fake->map_count; i++)
		if (fake_kvm_slot_touches(fake->kvm, fake->maps[i].hva, fake->maps[i].size))
			fake_violation(fake->kvm, "the device is reset while the guest reaches it");
	if (fake->slow)
		fake->slow(fake->opaque);
	if (failure)
		return failure;
	if (!can) {
		fake_violation(fake->kvm, "a device that cannot be reset is");
		return -EINVAL;
	}
	if (fake->pm)
		fake->config[fake->pm + PCI_PM_CTRL] &= ~3;
	return 0;
}

int vfio_device_reset(struct vfio_device *device)
{
	struct fake_vfio *fake = fake_enter(device);
	int error = fake_reset(fake, "reset", fake->can_reset);

	fake->resets += !error;
	return error;
}

struct vfio_pci_hot_reset_info *vfio_device_hot_reset_info(struct vfio_device *device)
{
	struct fake_vfio *fake = fake_enter(device);
	size_t size = fake->bus_count * sizeof(fake->bus[0]);
	struct vfio_pci_hot_reset_info *info;

	errno = fake->bus_count ? -fake_failing(fake->kvm, "hot_reset_info") : ENODEV;
	if (errno)
		return NULL;
	info = calloc(1, sizeof(*info) + size);
	if (!info)
		abort();
	info->count = fake->bus_count;
	memcpy(info->devices, fake->bus, size);
	return info;
}

/* Of one bus every function is reset: the test looks at the one that was asked. */
int vfio_device_hot_reset(struct vfio_device *device, const int32_t *fds, unsigned int count)
{
	struct fake_vfio *fake = fake_enter(device);
	int error = fake_reset(fake, "hot_reset", fake->bus_count);

	if (count != 1 || fds[0] != FAKE_GROUP_FD)
		fake_violation(fake->kvm, "the proof for the reset of a bus is none");
	fake->bus_resets += !error;
	return error;
}

/* ---- regions ----------------------------------------------------------------------------------
 */

static bool bar_is_io(const struct fake_vfio *fake, unsigned int index)
{
	return index < VFIO_PCI_ROM_REGION_INDEX &&
	       (fake->config[PCI_BASE_ADDRESS_0 + 4 * index] & PCI_BASE_ADDRESS_SPACE_IO);
}

/* 0, or what the kernel says of an access of @size bytes. */
static int region_check(const struct fake_vfio *fake, unsigned int index, uint64_t offset,
			size_t size)
{
	const struct vfio_region *region = &fake->regions[index];

	if (offset >= region->size)
		return -EINVAL;
	if (size > region->size - offset)
		return -EIO; /* a short read or write */
	/* For VGA's the kernel turns decoding on by itself. */
	if (index != VFIO_PCI_CONFIG_REGION_INDEX && index != VFIO_PCI_VGA_REGION_INDEX &&
	    !bar_is_io(fake, index) && !memory_decodes(fake))
		return -EIO;
	return 0;
}

/* The device's own pending bits: of entries that the host has masked. */
static uint64_t latched_bits(const struct fake_vfio *fake, const struct bar_range *pba,
			     uint64_t offset, unsigned int size)
{
	uint64_t bits = 0;

	if (!range_within(offset, size, pba->offset, pba->size))
		return 0;
	if (size < 4 || offset % size)
		fake_violation(fake->kvm, "pending bits are read as no double word");
	for (unsigned int i = 0; i < 8 * size; i++)
		bits |= (uint64_t)fake->latched[8 * (offset - pba->offset) + i] << i;
	return bits;
}

int vfio_region_read(struct vfio_device *device, unsigned int index, uint64_t offset,
		     unsigned int size, uint64_t *value)
{
	struct fake_vfio *fake = fake_enter(device);
	int error = fake_failing(fake->kvm, "region_read");

	fake->reads++;
	if (!error)
		error = region_check(fake, index, offset, size);
	*value = error ? bytes_mask(size) : 0;
	if (error)
		return error;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		*value = le_load(&fake->config[offset], size);
	else if (pread(fake->memory, value, size, (off_t)(fake->regions[index].offset + offset)) !=
		 (ssize_t)size)
		abort();
	else if (index < PCI_BARS_MAX)
		*value |= latched_bits(fake, &fake->function.bars[index].pba, offset, size);
	return 0;
}

/* The real BARs come back when decoding goes on that VFIO remembers as on, and finds off. */
static void command_written(struct fake_vfio *fake, uint16_t command)
{
	uint16_t on = command & fake->command & (PCI_COMMAND_MEMORY | PCI_COMMAND_IO);

	if (on & ~le_load(&fake->config[PCI_COMMAND], 2))
		fake_log(fake->kvm, "bars_restore");
	fake->command = command;
}

static void config_written(struct fake_vfio *fake, uint64_t offset, unsigned int size,
			   uint64_t value)
{
	fake_log(fake->kvm, "config_write %llx %u %llx", (unsigned long long)offset, size,
		 (unsigned long long)(value & bytes_mask(size)));
	/*
	 * vfio-pci would undo the Interrupt Disable of an interrupt that comes meanwhile. It takes
	 * an eventfd that unmasks; others, which make devices up, may not.
	 */
	if (offset == PCI_COMMAND && fake->active == VFIO_PCI_INTX_IRQ_INDEX &&
	    fake->triggers[0] >= 0 && fake->intx_unmask >= 0 && !fake->intx_masked)
		fake_violation(fake->kvm, "the command register is written while INTx may come");
	if (offset == PCI_COMMAND)
		command_written(fake, (uint16_t)value);
	for (unsigned int i = 0; i < size; i++) {
		uint8_t *byte = &fake->config[offset + i], put = (uint8_t)(value >> (8 * i));
		bool is_status =
			offset + i == PCI_STATUS || offset + i == PCI_STATUS + 1 ||
			(fake->express && (offset + i) / 2 == (fake->express + PCI_EXP_DEVSTA) / 2);

		if (!is_status) /* of which VFIO drops writes */
			*byte = put;
	}
	maps_check(fake);
}

int vfio_region_write(struct vfio_device *device, unsigned int index, uint64_t offset,
		      unsigned int size, uint64_t value)
{
	struct fake_vfio *fake = fake_enter(device);
	int error = fake_failing(fake->kvm, "region_write");

	fake->writes++;
	if (!error)
		error = region_check(fake, index, offset, size);
	if (!error && index == VFIO_PCI_ROM_REGION_INDEX)
		error = -EINVAL;
	if (error)
		return error;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		config_written(fake, offset, size, value);
		return 0;
	}
	fake_log(fake->kvm, "bar_write %u %llx %u %llx", index, (unsigned long long)offset, size,
		 (unsigned long long)(value & bytes_mask(size)));
	if (pwrite(fake->memory, &value, size, (off_t)(fake->regions[index].offset + offset)) !=
	    (ssize_t)size)
		abort();
	return 0;
}

int vfio_region_read_block(struct vfio_device *device, unsigned int index, uint64_t offset,
			   void *data, size_t size)
{
	struct fake_vfio *fake = fake_enter(device);
	int error = fake_failing(fake->kvm, "read_block");

	fake_log(fake->kvm, "read_block %u %zx%s", index, size, error ? " fails" : "");
	if (fake->slow && index == VFIO_PCI_ROM_REGION_INDEX)
		fake->slow(fake->opaque);
	if (!error)
		error = region_check(fake, index, offset, size);
	if (error)
		return error == -EIO ? -ENODATA : error;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		memcpy(data, &fake->config[offset], size);
	else if (pread(fake->memory, data, size, (off_t)(fake->regions[index].offset + offset)) !=
		 (ssize_t)size)
		abort();
	return 0;
}

/* The kernel maps only pages that are in one of the areas that it shows. */
static bool area_is_shown(const struct vfio_region *region, uint64_t offset, uint64_t size)
{
	for (unsigned int i = 0; i < region->area_count; i++)
		if (range_within(offset, size, region->areas[i].offset,
				 align_up(region->areas[i].size, 0x10000)))
			return true;
	return false;
}

void *vfio_area_map(struct vfio_device *device, unsigned int index, uint64_t offset, uint64_t size)
{
	struct fake_vfio *fake = fake_enter(device);
	const struct vfio_region *region = &fake->regions[index];
	int failure = fake_failing(fake->kvm, "area_map");
	void *hva;

	fake_log(fake->kvm, "area_map %u %llx %llx%s", index, (unsigned long long)offset,
		 (unsigned long long)size, failure ? " fails" : "");
	if (failure) {
		errno = -failure;
		return NULL;
	}
	if (!(region->flags & VFIO_REGION_INFO_FLAG_MMAP) || !area_is_shown(region, offset, size) ||
	    fake->map_count == FAKE_MAPS_MAX) {
		fake_violation(fake->kvm, "region %u is mapped at %llx where it cannot be", index,
			       (unsigned long long)offset);
		errno = EINVAL;
		return NULL;
	}
	hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fake->memory,
		   (off_t)(region->offset + offset));
	if (hva == MAP_FAILED)
		abort();
	fake->maps[fake->map_count].hva = hva;
	fake->maps[fake->map_count].index = index;
	fake->maps[fake->map_count].offset = offset;
	fake->maps[fake->map_count++].size = size;
	return hva;
}

void vfio_area_unmap(void *hva, uint64_t size)
{
	munmap(hva, size);
}

uint32_t fake_memory_load(struct fake_vfio *fake, unsigned int index, uint64_t offset)
{
	uint32_t value;

	if (pread(fake->memory, &value, 4, (off_t)(fake->regions[index].offset + offset)) != 4)
		abort();
	return value;
}

void fake_memory_store(struct fake_vfio *fake, unsigned int index, uint64_t offset, uint32_t value)
{
	if (pwrite(fake->memory, &value, 4, (off_t)(fake->regions[index].offset + offset)) != 4)
		abort();
}

bool fake_bar_mapped(const struct fake_vfio *fake, unsigned int index, uint64_t offset)
{
	for (unsigned int i = 0; i < fake->map_count; i++)
		if (fake->maps[i].index == index &&
		    range_within(offset, 1, fake->maps[i].offset, fake->maps[i].size))
			return fake_kvm_slot_touches(
				fake->kvm,
				(char *)fake->maps[i].hva + (offset - fake->maps[i].offset), 1);
	return false;
}

/* ---- interrupts: drivers/vfio/pci/vfio_pci_intrs.c --------------------------------------------
 */

static const char *const index_names[VFIO_PCI_NUM_IRQS] = { "intx", "msi", "msix", "err", "req" };

static void irqs_log(struct fake_vfio *fake, unsigned int index, unsigned int start,
		     unsigned int count, const int *eventfds, int result)
{
	char *list = calloc(count + 1, 4), *end = list;

	if (!list)
		abort();
	for (unsigned int i = 0; i < count; i++)
		end += sprintf(end, "%s%s", i ? " " : "", eventfds[i] >= 0 ? "fd" : "-1");
	if (result)
		fake_log(fake->kvm, "irqs_set %s %u %u [%s] = %d", index_names[index], start, count,
			 list, result);
	else
		fake_log(fake->kvm, "irqs_set %s %u %u [%s]", index_names[index], start, count,
			 list);
	free(list);
}

unsigned int fake_vectors_allocated(const struct fake_vfio *fake)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FAKE_VECTORS_MAX; i++)
		count += fake->allocated[i];
	return count;
}

unsigned int fake_vectors_triggered(const struct fake_vfio *fake)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FAKE_VECTORS_MAX; i++)
		count += fake->triggers[i] >= 0;
	return count;
}

static void kind_disable(struct fake_vfio *fake)
{
	for (unsigned int i = 0; i < FAKE_VECTORS_MAX; i++)
		fd_close(&fake->triggers[i]);
	memset(fake->allocated, 0, sizeof(fake->allocated));
	memset(fake->latched, 0, sizeof(fake->latched));
	fd_close(&fake->intx_unmask);
	fake->intx_masked = false;
	fake->active = VFIO_PCI_NUM_IRQS;
	fake->vector_count = 0;
}

/* Returns how many vectors there are when those are fewer than @count. */
static int kind_enable(struct fake_vfio *fake, unsigned int index, unsigned int count)
{
	if (count > fake->host_vectors)
		return fake->host_vectors ? (int)fake->host_vectors : -ENOSPC;
	fake->active = index;
	fake->vector_count = count;
	fake->enables++;
	if (index != VFIO_PCI_INTX_IRQ_INDEX)
		memset(fake->allocated, true, count);
	return 0;
}

static void intx_signal(struct fake_vfio *fake)
{
	bool is_disabled = le_load(&fake->config[PCI_COMMAND], 2) & PCI_COMMAND_INTX_DISABLE;

	if (fake->active != VFIO_PCI_INTX_IRQ_INDEX || fake->triggers[0] < 0 || !fake->intx_level ||
	    fake->intx_masked || is_disabled)
		return;
	fake->intx_masked = true;
	eventfd_signal(fake->triggers[0]);
	fake_kvm_deliver(fake->kvm);
}

static int vector_tie(struct fake_vfio *fake, unsigned int number, int eventfd)
{
	fd_close(&fake->triggers[number]);
	if (eventfd < 0)
		return 0;
	if (fake->active != VFIO_PCI_INTX_IRQ_INDEX && !fake->allocated[number]) {
		if (fake_vectors_allocated(fake) >= fake->host_vectors)
			return -ENOSPC;
		fake->allocated[number] = true;
		fake->vector_count = max(fake->vector_count, number + 1);
	}
	fake->triggers[number] = dup(eventfd);
	if (fake->triggers[number] < 0)
		return -EBADF;
	if (fake->latched[number])
		eventfd_signal(fake->triggers[number]);
	fake->latched[number] = false;
	return 0;
}

static int block_tie(struct fake_vfio *fake, unsigned int start, unsigned int count,
		     const int *eventfds)
{
	bool can_grow = fake->active == VFIO_PCI_MSIX_IRQ_INDEX && fake->is_dynamic;
	int error = 0;

	if (!can_grow && start + count > fake->vector_count)
		return -EINVAL;
	for (unsigned int i = 0; i < count && !error; i++)
		error = vector_tie(fake, start + i, eventfds[i]);
	for (unsigned int i = 0; i < count && error; i++)
		vector_tie(fake, start + i, -1);
	return error;
}

/* These two are not interrupts of the device, and are on whatever else is. */
static bool index_is_event(unsigned int index)
{
	return index == VFIO_PCI_ERR_IRQ_INDEX || index == VFIO_PCI_REQ_IRQ_INDEX;
}

static int event_set(struct fake_vfio *fake, unsigned int index, int eventfd)
{
	fd_close(&fake->events[index]);
	fake->events[index] = eventfd < 0 ? -1 : dup(eventfd);
	return 0;
}

static int irqs_set(struct fake_vfio *fake, unsigned int index, unsigned int start,
		    unsigned int count, const int *eventfds)
{
	bool was_off = fake->active == VFIO_PCI_NUM_IRQS;
	int result = 0;

	if (!count || start >= fake->irqs[index] || start + count > fake->irqs[index])
		return -EINVAL;
	if (index_is_event(index))
		return event_set(fake, index, eventfds[0]);
	if (!was_off && fake->active != index)
		return -EINVAL;
	/* As pci_alloc_irq_vectors() does. */
	if (was_off && fake->pm && fake->config[fake->pm + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK)
		return -EINVAL;
	msix_table_check(fake);
	if (was_off)
		result = kind_enable(fake, index, start + count);
	if (!result) {
		result = block_tie(fake, start, count, eventfds);
		if (result && was_off)
			kind_disable(fake);
	}
	return result;
}

int vfio_irqs_set(struct vfio_device *device, unsigned int index, unsigned int start,
		  unsigned int count, const int *eventfds)
{
	struct fake_vfio *fake = fake_enter(device);
	int result = fake_failing(fake->kvm, "irqs_set");

	if (!result)
		result = irqs_set(fake, index, start, count, eventfds);
	irqs_log(fake, index, start, count, eventfds, result);
	if (result == -EINVAL)
		fake_violation(fake->kvm, "SET_IRQS %s %u %u is not allowed now",
			       index_names[index], start, count);
	intx_signal(fake);
	fake_kvm_deliver(fake->kvm);
	return result;
}

void vfio_irqs_disable(struct vfio_device *device, unsigned int index)
{
	struct fake_vfio *fake = fake_enter(device);

	fake_log(fake->kvm, "irqs_disable %s", index_names[index]);
	if (index_is_event(index))
		fd_close(&fake->events[index]);
	else if (fake->active != index)
		fake_violation(fake->kvm, "%s is turned off, and was not on", index_names[index]);
	else {
		msix_table_check(fake);
		kind_disable(fake);
	}
}

int vfio_intx_unmask_set(struct vfio_device *device, int eventfd)
{
	struct fake_vfio *fake = fake_enter(device);
	int failure = fake_failing(fake->kvm, "intx_unmask_set");

	fake_log(fake->kvm, "intx_unmask_set%s", failure ? " fails" : "");
	if (failure)
		return failure;
	if (fake->active != VFIO_PCI_INTX_IRQ_INDEX || fake->intx_unmask >= 0) {
		fake_violation(fake->kvm, "INTx cannot be given an unmask eventfd now");
		return -EINVAL;
	}
	fake->intx_unmask = dup(eventfd);
	return 0;
}

int vfio_intx_mask(struct vfio_device *device, bool masked)
{
	struct fake_vfio *fake = fake_enter(device);
	int failure = fake_failing(fake->kvm, masked ? "intx_mask" : "intx_unmask");

	fake_log(fake->kvm, "intx_%s%s", masked ? "mask" : "unmask", failure ? " fails" : "");
	if (failure)
		return failure;
	if (fake->active != VFIO_PCI_INTX_IRQ_INDEX) {
		fake_violation(fake->kvm, "INTx is not on: it cannot be masked");
		return -EINVAL;
	}
	fake->intx_masked = masked;
	intx_signal(fake);
	return 0;
}

/* An entry that the host has masked keeps what comes for later; the hardware does that. */
void fake_vfio_fire(struct fake_vfio *fake, unsigned int number)
{
	fake_kvm_deliver(fake->kvm);
	if (fake->active == VFIO_PCI_INTX_IRQ_INDEX || fake->active == VFIO_PCI_NUM_IRQS)
		return;
	if (fake->triggers[number] >= 0)
		eventfd_signal(fake->triggers[number]);
	else if (fake->active == VFIO_PCI_MSIX_IRQ_INDEX)
		fake->latched[number] = true;
	fake_kvm_deliver(fake->kvm);
}

void fake_vfio_intx_set(struct fake_vfio *fake, bool level)
{
	fake->intx_level = level;
	if (fake->intx_unmask >= 0 && eventfd_take(fake->intx_unmask))
		fake->intx_masked = false;
	intx_signal(fake);
}
