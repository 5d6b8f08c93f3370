/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/irte_x86_64.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/util.h"
#include "vfio/device.h"

#define DEBUGFS "/sys/kernel/debug/iommu"

/* ---- what the kernel's text and a message mean ---- */

/* VT-d: the address of a message in remappable form. */
#define VTD_REMAPPABLE		BIT(4)
#define VTD_SUBHANDLE_VALID	BIT(3)
#define VTD_HANDLE_LOW(address) ((unsigned int)((address) >> 5) & 0x7fff)
#define VTD_HANDLE_15(address)	((unsigned int)((address) >> 2) & 1)
#define VTD_SUBHANDLE(data)	((unsigned int)(data)&0xffff)
#define MSI_WINDOW(address)	((address) >> 20 == 0xfee)

/* AMD: the data of a message has the number where others have vector and delivery mode. */
#define AMD_INDEX(data) ((unsigned int)(data)&0x7ff)
/* AMD: an entry of 128 bits, its low half and its high one. */
#define AMD_GUEST_MODE(low) ((low) >> 7 & 1)
#define AMD_VECTOR(high)    ((unsigned int)(high)&0xff)

bool irte_index(enum irte_maker maker, const struct msi_message *message, unsigned int *index)
{
	uint64_t address = message->address;

	if (!MSI_WINDOW(address))
		return false;
	if (maker == IRTE_AMD) {
		*index = AMD_INDEX(message->data);
		return true;
	}
	if (!(address & VTD_REMAPPABLE))
		return false;
	*index = VTD_HANDLE_LOW(address) | VTD_HANDLE_15(address) << 15;
	if (address & VTD_SUBHANDLE_VALID)
		*index = (*index + VTD_SUBHANDLE(message->data)) & 0xffff;
	return true;
}

/* "0000:01:00.0" as numbers; false: it is none. */
static bool bdf_split(const char *bdf, unsigned int numbers[4])
{
	return sscanf(bdf, "%x:%x:%x.%x", &numbers[0], &numbers[1], &numbers[2], &numbers[3]) == 4;
}

/*
 * "DeviceId 0000:01:00:0" comes before the rows of a function. A row is the number of the entry and
 * one number of 32 bits, where the IOMMU has no guest mode, or two of 64.
 */
bool irte_amd_parse(FILE *file, const char *bdf, unsigned int index, struct irte *irte)
{
	unsigned int wanted[4], shown[4], number;
	uint64_t high, low;
	bool ours = false;
	char line[160];

	if (!bdf_split(bdf, wanted))
		return false;
	while (fgets(line, sizeof(line), file)) {
		int got;

		if (sscanf(line, " DeviceId %x:%x:%x:%x", &shown[0], &shown[1], &shown[2],
			   &shown[3]) == 4)
			ours = !memcmp(wanted, shown, sizeof(wanted));
		got = sscanf(line, " IRT[%u] %" SCNx64 " %" SCNx64, &number, &high, &low);
		if (!ours || got < 2 || number != index)
			continue;
		*irte = (struct irte){ 0 };
		if (got == 3)
			*irte = (struct irte){ AMD_GUEST_MODE(low), AMD_VECTOR(high) };
		return true;
	}
	return false;
}

/*
 * A heading "Remapped Interrupt supported on IOMMU: dmar0" or "Posted ...", and rows: the number,
 * the requester, then for those that are remapped the destination and the vector, for those that
 * are posted two halves of an address and the vector.
 */
bool irte_intel_parse(FILE *file, const char *iommu, unsigned int index, struct irte *irte)
{
	bool ours = false, posted = false;
	unsigned int number, vector;
	char line[160], name[16];

	while (fgets(line, sizeof(line), file)) {
		const char *heading = strstr(line, " Interrupt supported on IOMMU: ");

		if (heading && sscanf(heading, " Interrupt supported on IOMMU: %15s", name) == 1) {
			ours = !strcmp(name, iommu);
			posted = strstr(line, "Posted") == line;
		}
		if (!ours ||
		    sscanf(line, posted ? " %u %*x:%*x.%*x %*x %*x %x" : " %u %*x:%*x.%*x %*x %x",
			   &number, &vector) != 2 ||
		    number != index)
			continue;
		*irte = (struct irte){ posted, vector };
		return true;
	}
	return false;
}

/* ---- debugfs ---- */

void irte_tables_open(struct irte_tables *tables, const char *root)
{
	static const struct {
		enum irte_maker maker;
		const char *table, *devid;
	} makers[] = {
		{ IRTE_AMD, "amd/irqtbl", "amd/devid" },
		{ IRTE_INTEL, "intel/ir_translation_struct", NULL },
	};
	char path[PATH_MAX];

	*tables = (struct irte_tables){ .table_fd = -1, .devid_fd = -1 };
	for (unsigned int i = 0; i < ARRAY_SIZE(makers) && tables->table_fd < 0; i++) {
		file_path_set(path, root, DEBUGFS "/%s", makers[i].table);
		tables->table_fd = open(path, O_RDONLY | O_CLOEXEC);
		tables->maker = makers[i].maker;
		if (tables->table_fd < 0 || !makers[i].devid)
			continue;
		file_path_set(path, root, DEBUGFS "/%s", makers[i].devid);
		tables->devid_fd = open(path, O_WRONLY | O_CLOEXEC);
		if (tables->devid_fd < 0)
			fd_close(&tables->table_fd);
	}
}

void irte_tables_close(struct irte_tables *tables)
{
	fd_close(&tables->table_fd);
	fd_close(&tables->devid_fd);
}

bool irte_find(const struct irte_tables *tables, const struct irte_source *source, const char *bdf,
	       const struct msi_message *message, struct irte *irte)
{
	unsigned int index;
	bool found;
	FILE *file;

	if (tables->table_fd < 0 || !irte_index(tables->maker, message, &index))
		return false;
	if (tables->maker == IRTE_AMD && pwrite(tables->devid_fd, bdf, strlen(bdf), 0) < 0)
		return false;
	file = fd_stream(tables->table_fd);
	if (!file)
		return false;
	if (tables->maker == IRTE_AMD)
		found = irte_amd_parse(file, bdf, index, irte);
	else
		found = irte_intel_parse(file, source->iommu, index, irte);
	fclose(file);
	return found;
}

/* ---- the message ---- */

/* Offset of the capability @id in the 256 bytes @config, or 0. */
static unsigned int capability_find(const uint8_t config[PCI_CFG_SPACE_SIZE], uint8_t id)
{
	unsigned int at = config[PCI_CAPABILITY_LIST] & ~3U;

	if (!(le_load(config + PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	/* No list has more; one that goes in a circle ends so. */
	for (unsigned int i = 0; i < PCI_CFG_SPACE_SIZE / 4 && at >= PCI_STD_HEADER_SIZEOF; i++) {
		if (config[at + PCI_CAP_LIST_ID] == id)
			return at;
		at = config[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
	return 0;
}

/* The page that the table begins in, and no more: a table that ends in another one is not read. */
static void table_map(struct irte_source *source, const struct vfio_device *device,
		      const uint8_t *msix)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t where = (uint32_t)le_load(msix + PCI_MSIX_TABLE, 4);
	unsigned int bir = where & PCI_MSIX_TABLE_BIR;
	uint64_t offset = where & PCI_MSIX_TABLE_OFFSET, start = align_down(offset, page);
	unsigned int size =
		(unsigned int)(le_load(msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	const struct vfio_region *region;
	void *mapped;

	if (bir > VFIO_PCI_BAR5_REGION_INDEX)
		return;
	region = &device->regions[bir];
	if (!region->msix_mappable || !range_within(start, page, 0, region->size))
		return;
	mapped = mmap(NULL, page, PROT_READ, MAP_SHARED, device->fd,
		      (off_t)(region->offset + start));
	if (mapped == MAP_FAILED)
		return;
	source->page = mapped;
	source->page_size = page;
	source->table = (const volatile uint32_t *)((const char *)mapped + (offset - start));
	source->table_size =
		min(size, (unsigned int)((page - (offset - start)) / PCI_MSIX_ENTRY_SIZE));
}

/* The name of the function's IOMMU: sysfs has a link to it. */
static void iommu_name_read(struct irte_source *source, const char *root, const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;
	const char *name;

	file_path_set(path, root, "/sys/bus/pci/devices/%s/iommu", bdf);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	name = strrchr(target, '/');
	snprintf(source->iommu, sizeof(source->iommu), "%.15s", name ? name + 1 : target);
}

void irte_source_open(struct irte_source *source, const char *root,
		      const struct vfio_device *device)
{
	uint8_t config[PCI_CFG_SPACE_SIZE];
	unsigned int msix;
	char path[PATH_MAX];

	*source = (struct irte_source){ .config_fd = -1 };
	iommu_name_read(source, root, device->bdf);
	file_path_set(path, root, "/sys/bus/pci/devices/%s/config", device->bdf);
	source->config_fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Who is not root sees the header only. */
	if (source->config_fd < 0 || fd_pread_all(source->config_fd, config, sizeof(config), 0) < 0)
		return;
	source->msi = capability_find(config, PCI_CAP_ID_MSI);
	source->msi_is_64bit = source->msi && le_load(config + source->msi + PCI_MSI_FLAGS, 2) &
						      PCI_MSI_FLAGS_64BIT;
	msix = capability_find(config, PCI_CAP_ID_MSIX);
	if (msix && msix + PCI_CAP_MSIX_SIZEOF <= sizeof(config))
		table_map(source, device, config + msix);
}

void irte_source_close(struct irte_source *source)
{
	if (source->page)
		munmap(source->page, source->page_size);
	source->page = NULL;
	source->table = NULL;
	fd_close(&source->config_fd);
}

/* PCI Local Bus 3.0, 6.8.1: the low bits of the data are the vector's number. */
static bool msi_read(const struct irte_source *source, unsigned int vector,
		     struct msi_message *message)
{
	uint8_t capability[PCI_MSI_DATA_64 + 2] = { 0 };
	unsigned int data = source->msi_is_64bit ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;

	if (!source->msi ||
	    fd_pread_all(source->config_fd, capability, data + 2, (off_t)source->msi) < 0)
		return false;
	message->address = le_load(capability + PCI_MSI_ADDRESS_LO, 4);
	if (source->msi_is_64bit)
		message->address |= le_load(capability + PCI_MSI_ADDRESS_HI, 4) << 32;
	message->data = (uint32_t)le_load(capability + data, 2) + vector;
	return true;
}

bool irte_message_read(const struct irte_source *source, enum irq_kind kind, unsigned int vector,
		       struct msi_message *message)
{
	const volatile uint32_t *entry;

	*message = (struct msi_message){ 0 };
	if (kind == IRQ_KIND_MSI)
		return msi_read(source, vector, message);
	if (kind != IRQ_KIND_MSIX || !source->table || vector >= source->table_size)
		return false;
	entry = source->table + (size_t)vector * PCI_MSIX_ENTRY_SIZE / sizeof(*entry);
	message->address = entry[0] | (uint64_t)entry[1] << 32;
	message->data = entry[2];
	/* A device that does not answer. */
	return message->data != UINT32_MAX;
}
