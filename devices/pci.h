/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's PCI: one root complex, bus 0 and nothing behind it.
 *
 * Configuration space is reached by ECAM (PCI Express Base 6.0, 7.2.2) and, where there are I/O
 * ports, by 0xCF8/0xCFC (PCI Local Bus 3.0, 3.2.2.3.2). Both lead to the same functions. BARs live
 * in three windows (memory below 4 GiB, memory above, I/O ports) that are each one range of a bus.
 * A BAR is decoded where the guest puts it, when it lies wholly in its window and touches no other
 * decoded BAR; of two that overlap, the one that was decoded first keeps answering until it moves,
 * and the other follows as soon as it can.
 *
 * Each device has a lock, which is held whenever an operation of it is called: the devices need no
 * locks of their own. It guards the device's configuration space and bars[]. The root's lock guards
 * where BARs answer, and the address register at port 0xCF8; it is taken last, for a moment, and
 * nothing is called with it held. A BAR's addr and mapped change with both held, so that holding
 * either is enough to read them. Nobody holds the locks of two devices.
 *
 * BARs that the device maps straight into guest memory (bar_map) never come here at all.
 */
#ifndef POSTHORN_DEVICES_PCI_H
#define POSTHORN_DEVICES_PCI_H

#include <linux/pci.h>
#include <linux/pci_regs.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"
#include "lib/log.h"
#include "lib/mutex.h"

#define PCI_SLOTS_MAX	  32
#define PCI_FUNCTIONS_MAX 256  /* of all slots: what PCI_DEVFN() of linux/pci.h can be */
#define PCI_CONFIG_SIZE	  4096 /* bytes of configuration space of a PCI Express function */
#define PCI_MULTIFUNCTION 0x80 /* of the header type: the slot has other functions than 0 */
#define PCI_BAR_ROM	  6    /* index of the expansion ROM BAR in pci_device.bars */
#define PCI_BARS_MAX	  7
#define PCI_ECAM_BUS_SIZE 0x100000 /* bytes of ECAM for one bus */

struct pci_device;

struct pci_bar {
	uint64_t size;	/* bytes, a power of two; 0 where there is no BAR (or the upper half of one)
			 */
	uint32_t flags; /* PCI_BASE_ADDRESS_SPACE_IO, _MEM_TYPE_64, _MEM_PREFETCH of
			   linux/pci_regs.h */
	uint64_t addr;	/* where it answers while mapped: guest-physical address or port */
	bool mapped;	/* bar_map() was called for addr, bar_unmap() not yet */
	/* for devices/pci.c; set by pci_device_add() */
	struct pci_device *device;
	struct pci_bar *next; /* in the list of mapped BARs, while mapped */
};

/* All are called with the device's lock held. */
struct pci_device_ops {
	/*
	 * Read @size bytes (1, 2 or 4; naturally aligned) at @offset of configuration space. NULL:
	 * the bytes of pci_device.config.
	 */
	uint32_t (*cfg_read)(struct pci_device *device, unsigned int offset, unsigned int size);
	/*
	 * The same for a write that falls on the command and status registers or lies beyond the
	 * header; what else there is in the header is written by devices/pci.c. NULL: of the two
	 * registers the command, by pci_header_write(), and nothing beyond.
	 */
	void (*cfg_write)(struct pci_device *device, unsigned int offset, unsigned int size,
			  uint32_t value);
	/*
	 * The BAR answers at bars[bar].addr from now on / no longer. May be NULL where bar_access
	 * does all the work.
	 */
	void (*bar_map)(struct pci_device *device, unsigned int bar);
	void (*bar_unmap)(struct pci_device *device, unsigned int bar);
	/*
	 * A trapped access, @offset bytes into a mapped BAR; semantics of bus_handler. The whole
	 * access lies in the BAR. NULL where the device has no BARs.
	 */
	void (*bar_access)(struct pci_device *device, unsigned int bar, uint64_t offset,
			   struct access *access);
};

struct pci_device {
	const struct pci_device_ops *ops;
	const char *name;      /* for messages; outlives the device */
	struct pci_root *root; /* set by pci_device_add() */
	unsigned int devfn;    /* PCI_DEVFN(slot, function) on bus 0, set by pci_device_add() */
	uint8_t config[PCI_CONFIG_SIZE];   /* what the guest sees; the owner fills it in */
	struct pci_bar bars[PCI_BARS_MAX]; /* size and flags are set before pci_device_add() */
	bool asleep;	   /* in D3hot: decodes nothing. Change it, then call pci_decode_update() */
	struct mutex lock; /* from pci_device_add() on */
	/* for devices/pci.c */
	bool away;  /* see pci_device_leave() */
	bool freed; /* a BAR was unmapped since the lock was taken */
	/* Another device made room that a BAR may wait for: see pci_device_unlocked(). */
	atomic_bool room_made;
	bool overlap_logged;
	uint8_t header_writable[PCI_STD_HEADER_SIZEOF]; /* bits that pci_header_write() writes */
	uint8_t header_placed[PCI_STD_HEADER_SIZEOF];	/* the header as of pci_bars_place() */
};

/* A window for BARs: addresses [base, base + size). */
struct pci_window {
	uint64_t base, size;
};

struct pci_root {
	struct mutex lock;
	struct pci_device *devices[PCI_FUNCTIONS_MAX]; /* by devfn; NULL where there is none */
	struct pci_window mem32, mem64, io;	       /* of size 0 where there is none */
	struct pci_device host_bridge;		       /* 00:00.0 */
	_Atomic uint32_t config_address;	       /* the register at port 0xCF8 */
	struct pci_bar *mapped[2];		       /* what is decoded: memory BARs, I/O BARs */
};

/*
 * A VM is assembled in this order: pci_root_init(), pci_device_add() for each device,
 * pci_mem64_needed(), pci_root_attach(), pci_bars_place(); then the guest may run.
 */

/* Make the root, with its host bridge at 00:00.0 and without windows. */
void pci_root_init(struct pci_root *root);

/*
 * Connect the root to the buses, once: adds the ranges of ECAM, of the windows and of the ports
 * 0xCF8 to 0xCFF. @ecam is the guest-physical address of bus 0's ECAM (1 MiB); a @mem64 of size 0
 * means no window; @ports is NULL where there are no I/O ports, as on arm64, and @io is not looked
 * at then. Returns 0 or what bus_add() returned. The root must outlive the use of the buses.
 */
int pci_root_attach(struct pci_root *root, struct bus *memory, struct bus *ports, uint64_t ecam,
		    const struct pci_window *mem32, const struct pci_window *mem64,
		    const struct pci_window *io);

/* The vCPUs are gone: unmap every BAR that is still mapped. Frees nothing that the caller made. */
void pci_root_cleanup(struct pci_root *root);

/*
 * Make @device the function @devfn, PCI_DEVFN(slot, function), of bus 0. It must have ops, name,
 * bars and the read-only parts of config filled in, and all else zero. Whether the header type says
 * that the slot has several functions is up to the caller, and so is function 0 of the slot. The
 * command register becomes 0 and the BAR registers show addresses of 0 with the flags of bars[].
 * Not after the vCPUs started. 0 or -errno with the reason in @why: -EINVAL when there is no such
 * function or it is taken, -EIO when bars[] describes what no BAR can be.
 */
int pci_device_add(struct pci_root *root, struct pci_device *device, unsigned int devfn,
		   char why[WHY_SIZE]);

/*
 * Give every BAR of every device an address in its window, largest first, as firmware would do.
 * 64-bit BARs go to mem64 when there is one, others to mem32; I/O BARs get nothing where there is
 * no window for them. Decoding stays off: the guest turns it on. The ROM BAR gets an address too,
 * its enable bit stays clear. 0, or -ENOSPC with the device, the BAR and its size in @why. Not
 * after the vCPUs started.
 */
int pci_bars_place(struct pci_root *root, char why[WHY_SIZE]);

/*
 * What pci_bars_place() takes from mem64, in bytes, provided that the window starts at a multiple
 * of this number rounded up to a power of two. 0 when no device has a 64-bit BAR; UINT64_MAX when
 * the sum does not fit. Call it when all devices were added.
 */
uint64_t pci_mem64_needed(const struct pci_root *root);

/*
 * The header that all devices share (PCI Local Bus 3.0, 6.1): carry out the part of a write that
 * falls on the command register, the BARs, the ROM BAR, the cache line size, the latency timer or
 * the interrupt line; drop the rest. Handles any @offset and a @size of 1 to 4 bytes, and calls
 * pci_decode_update() when something changed. For a device's cfg_write.
 */
void pci_header_write(struct pci_device *device, unsigned int offset, unsigned int size,
		      uint32_t value) LOCK_HELD(device->lock);

/*
 * Make bars[] follow config[] and asleep: unmap what no longer answers, map what now does. BARs of
 * other devices that were kept out by an overlap follow when the device's lock is given back. Call
 * it after changing any of them by other means than pci_header_write().
 */
void pci_decode_update(struct pci_device *device) LOCK_HELD(device->lock);

/*
 * Put command and BARs (and whatever else pci_header_write() writes) back to what they were at
 * pci_bars_place(), and call pci_decode_update(): for a function-level reset, which does the same.
 */
void pci_header_reset(struct pci_device *device) LOCK_HELD(device->lock);

/*
 * For an operation that must wait long for the hardware: give the device's lock back, and take it
 * again. In between no operation of the device is called: reads of it give all-ones and writes are
 * dropped, as of a function that is being reset (PCI Express Base 6.0, 6.6.2). Its BARs must be
 * unmapped.
 */
void pci_device_leave(struct pci_device *device) LOCK_GIVES(device->lock);
void pci_device_return(struct pci_device *device) LOCK_TAKES(device->lock);

/*
 * Call it after the device's lock was taken and given back by other means than an access of the
 * guest: it maps the BARs for which another device made room meanwhile. Waits for nobody.
 */
void pci_device_unlocked(struct pci_device *device) LOCK_NOT_HELD(device->lock);

/*
 * Does the guest use @device, by letting it decode addresses or do DMA? For who is about to do
 * something to it. Nobody's lock may be held.
 */
bool pci_device_is_used(struct pci_device *device) LOCK_NOT_HELD(device->lock);

/*
 * The GSI of a device's INTx pin (1 = A): 16 + (slot + pin - 1) % 8, the swizzle of the _PRT. The
 * functions of a slot share its four pins.
 */
unsigned int pci_intx_gsi(const struct pci_device *device, unsigned int pin);

#endif
