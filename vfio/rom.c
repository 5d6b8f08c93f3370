/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/rom.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

/* PCI Firmware 3.3, 5.1.1 and 5.1.2: an image's header, and the structure that it points to. */
#define IMAGE_SIGNATURE	 0xaa55
#define IMAGE_BLOCKS	 0x02 /* length of the image of a PC's BIOS, in blocks */
#define IMAGE_PCI	 0x18 /* offset of the PCI data structure */
#define IMAGE_HEADER	 0x1a
#define PCI_DATA	 0x52494350 /* "PCIR" */
#define PCI_DATA_BLOCKS	 0x10	    /* length of the image, in blocks */
#define PCI_DATA_SIZE	 0x18
#define BLOCK		 512
#define SMALLEST_ROM_BAR 0x800 /* PCI Local Bus 3.0, 6.2.5.2 */

/* ---- a file in its place ---- */

static int file_open(const char *path, uint64_t *size, char why[WHY_SIZE])
{
	struct stat status;
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(why, errno == EMFILE || errno == ENFILE ? -errno : -EINVAL,
			      "romfile=%s: cannot be opened: %s%s", path, strerror(errno),
			      error_remedy(errno));
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size &&
	    status.st_size <= ROM_FILE_MAX) {
		*size = (uint64_t)status.st_size;
		return fd;
	}
	fd_close(&fd);
	return refuse(why, -EINVAL, "romfile=%s: give a regular file of 1 byte to 16 MiB", path);
}

int vfio_rom_init(struct vfio_function *function, const struct vfio_rom_options *options,
		  char why[WHY_SIZE])
{
	struct vfio_region *region = &function->device.regions[VFIO_PCI_ROM_REGION_INDEX];
	uint64_t size = 0;

	if (options->hidden)
		region->size = 0;
	if (options->hidden || !options->file)
		return 0;
	function->rom_fd = file_open(options->file, &size, why);
	if (function->rom_fd < 0)
		return function->rom_fd;
	function->rom_file = options->file;
	function->rom_file_size = size;
	region->size = SMALLEST_ROM_BAR;
	while (region->size < size)
		region->size *= 2;
	return 0;
}

void vfio_rom_cleanup(struct vfio_function *function)
{
	fd_close(&function->rom_fd);
}

int vfio_rom_load(struct vfio_function *function, void *data, size_t size, char why[WHY_SIZE])
{
	int error;

	memset(data, 0xff, size);
	error = fd_pread_all(function->rom_fd, data, min(size, function->rom_file_size), 0);
	fd_close(&function->rom_fd);
	if (error < 0)
		return refuse(why, -EINVAL, "romfile=%s: cannot be read: %s", function->rom_file,
			      strerror(-error));
	vfio_rom_report(function, data, min(size, function->rom_file_size), 0);
	return 0;
}

/* ---- what is in it ---- */

static bool is_all_ones(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != 0xff)
			return false;
	return true;
}

bool vfio_rom_defect(const uint8_t *data, size_t size, char *text, size_t text_size)
{
	size_t pci = size < IMAGE_HEADER ? size : le_load(data + IMAGE_PCI, 2), length = 0;
	bool has_pci =
		range_within(pci, PCI_DATA_SIZE, 0, size) && le_load(data + pci, 4) == PCI_DATA;

	if (has_pci)
		length = BLOCK * le_load(data + pci + PCI_DATA_BLOCKS, 2);
	if (is_all_ones(data, size))
		snprintf(text, text_size, "reads as all-ones");
	else if (size < IMAGE_HEADER || le_load(data, 2) != IMAGE_SIGNATURE)
		snprintf(text, text_size, "does not begin with 55 aa, as a ROM does");
	else if (!has_pci)
		snprintf(text, text_size, "has no PCI data structure");
	else if (length > size)
		snprintf(text, text_size,
			 "says that its first image has %zu bytes, and has %zu in all", length,
			 size);
	else
		return false;
	return true;
}

void vfio_rom_report(const struct vfio_function *function, const void *data, size_t size, int error)
{
	char text[128];

	if (error < 0)
		log_warn("%s: its ROM cannot be read: %s", function->device.bdf, strerror(-error));
	else if (vfio_rom_defect(data, size, text, sizeof(text)))
		log_warn("%s: its ROM %s: programs of the guest may do without it; %s",
			 function->device.bdf, text,
			 function->rom_file ? "is this the file that romfile= is to name?"
					    : "a good copy can be given by romfile=FILE");
}

/* ---- where VGA's programs look for it ---- */

/* Make the copy now. The device has to decode for it. */
static void copy_make(struct vfio_function *function, uint8_t *copy, size_t size)
{
	struct vfio_device *device = &function->device;
	int error = vfio_region_write(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
				      PCI_COMMAND_MEMORY);

	memset(copy, 0xff, size);
	if (error == 0)
		error = vfio_region_read_block(device, VFIO_PCI_ROM_REGION_INDEX, 0, copy, size);
	vfio_region_write(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2, 0);
	function->bars[PCI_BAR_ROM].rom = ROM_COPY_MADE;
	vfio_rom_report(function, copy, size, error);
}

void vfio_rom_shadow(struct vfio_function *function, uint8_t *to, size_t room)
{
	const struct vfio_bar *bar = &function->bars[PCI_BAR_ROM];
	uint8_t *copy = bar->area_count ? bar->areas[0].hva : NULL;
	size_t size = function->device.regions[VFIO_PCI_ROM_REGION_INDEX].size;
	size_t length;
	char text[128];

	if (!copy)
		return;
	if (bar->rom == ROM_COPY_NONE)
		copy_make(function, copy, size);
	if (vfio_rom_defect(copy, size, text, sizeof(text)))
		return;
	length = (size_t)BLOCK * copy[IMAGE_BLOCKS];
	if (length <= min(size, room))
		memcpy(to, copy, length);
}
