/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest finds in the expansion ROM of an assigned device (PCI Firmware 3.3, 5.1): what the
 * device has, a file, or nothing. How the guest reads it is in vfio/bar.h.
 */
#ifndef POSTHORN_VFIO_ROM_H
#define POSTHORN_VFIO_ROM_H

#include "vfio/function_state.h"

#define ROM_FILE_MAX (16U << 20) /* bytes: PCI Local Bus 3.0, 6.2.5.2 */

struct vfio_rom_options {
	const char *file; /* path of what is to be there; NULL: what the device has */
	bool hidden;	  /* the guest finds no ROM */
};

/*
 * Before the guest's BARs are made: let @function have the ROM that @options say. Opens the file,
 * which vfio_bar_init() reads. 0, or with the reason in @why -EINVAL when the file cannot be one,
 * -EMFILE and the like when the host lacks something for it. Start-up only.
 */
int vfio_rom_init(struct vfio_function *function, const struct vfio_rom_options *options,
		  char why[WHY_SIZE]);

/* Close the file if it is open still. */
void vfio_rom_cleanup(struct vfio_function *function);

/*
 * Read the file of vfio_rom_init() into the @size bytes at @data, and close it. @function has one.
 * 0, or -EINVAL with the reason in @why. Start-up only.
 */
int vfio_rom_load(struct vfio_function *function, void *data, size_t size, char why[WHY_SIZE]);

/*
 * The @size bytes of the ROM are at @data, or could not be read for @error (-errno, else 0): warn
 * of what the guest's programs will not like of them, with the remedy. Any thread.
 */
void vfio_rom_report(const struct vfio_function *function, const void *data, size_t size,
		     int error);

/*
 * What is wrong with the @size bytes of a ROM at @data: written to @text, @text_size bytes. Returns
 * whether anything is.
 */
bool vfio_rom_defect(const uint8_t *data, size_t size, char *text, size_t text_size);

/*
 * Copy the ROM's first image to @to, @room bytes, as firmware does with that of a VGA controller
 * (to 0xc0000), which its programs expect there. Nothing when there is none that fits. After
 * vfio_function_init(), start-up only.
 */
void vfio_rom_shadow(struct vfio_function *function, uint8_t *to, size_t room);

#endif
