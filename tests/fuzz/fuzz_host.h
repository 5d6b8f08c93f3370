/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host that is made up, for fuzzing: all that vfio/ uses of kvm/, vfio/iommu.h, vfio/device.h and
 * of eventfds. tests/unit has fakes that say more and cost more: eventfds, a memfd and the files of
 * /proc are real there. Here nothing is a system call, so that a target runs thousands of inputs a
 * second.
 *
 * What the kernel would refuse, or what must never be, is a violation, and ends the program at
 * once: two irqfds on one eventfd, memslots that overlap, a BAR that the guest reaches while the
 * device does not decode it, two kinds of interrupts at a time, and anything not given back at the
 * end.
 *
 * There is one host, since an eventfd does not say whose it is. The linker puts these functions in
 * place of posthorn's own: --wrap for those of lib/ and the C library.
 */
#ifndef POSTHORN_TESTS_FUZZ_HOST_H
#define POSTHORN_TESTS_FUZZ_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"
#include "kvm/vm.h"
#include "kvm/wire.h"
#include "tests/fuzz/fuzz_input.h"
#include "vfio/function.h"
#include "vfio/iommu.h"
#include "vmm/report/watch.h"

#define FUZZ_ECAM	    0xe0000000ULL
#define FUZZ_MEM32	    0xc0000000ULL
#define FUZZ_MEM32_SIZE	    0x20000000ULL
#define FUZZ_MEM64	    0x800000000ULL
#define FUZZ_MEM64_SIZE	    0x100000000ULL
#define FUZZ_IO		    0x1000ULL
#define FUZZ_IO_SIZE	    0xf000ULL
#define FUZZ_DEVICES_MAX    2
#define FUZZ_GROUP	    5 /* of all devices */
#define FUZZ_VECTORS_MAX    2048
#define FUZZ_FILES_MAX	    320 /* eventfds; GSIs too */
#define FUZZ_RANGES_MAX	    160
#define FUZZ_INJECTIONS_MAX 1024

/* What can fail. In parentheses: what it returns then. */
enum fuzz_call {
	FUZZ_EVENTFD_CREATE, /* -errno, as all others up to FUZZ_RESET */
	FUZZ_GSI_ALLOC,
	FUZZ_ROUTE_SET,
	FUZZ_IRQFD_ATTACH,
	FUZZ_RELAY_ATTACH,
	FUZZ_IRQS_SET, /* or how many vectors there are, when it turns a kind on */
	FUZZ_INTX_UNMASK_SET,
	FUZZ_INTX_MASK,
	FUZZ_MEMSLOT_ADD,
	FUZZ_IOMMU_MAP,
	FUZZ_REGION_READ,
	FUZZ_REGION_WRITE,
	FUZZ_READ_BLOCK,
	FUZZ_RESET,
	FUZZ_AREA_MAP, /* NULL */
	FUZZ_MMAP,     /* MAP_FAILED */
	FUZZ_CALLOC,   /* NULL */
	FUZZ_CALLS,
};

/* An eventfd, and the irqfd on it or the relay that listens to it. */
struct fuzz_eventfd {
	bool used;
	uint64_t count;
	int gsi;      /* of the irqfd; -1: it has none */
	int resample; /* eventfd of that irqfd, or -1 */
	bool asserted;
	bool relayed;
	struct msi_message message; /* of the relay */
	unsigned int relay_count;
	unsigned int ties; /* how many vectors of devices signal it */
};

struct fuzz_gsi {
	bool allocated;
	struct irq_route route;
	bool changed; /* since irq_routes_begin(), when it was: */
	struct irq_route former;
	unsigned int irqfds;
};

struct fuzz_range {
	bool used, read_only;
	uint64_t base, size; /* guest-physical address or IOVA, bytes */
	void *hva;
};

struct fuzz_device {
	struct vfio_function function; /* what is tested; the rest is found by its vfio_device */

	/* What the device is; set before fuzz_machine_start(). */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t original[PCI_CONFIG_SIZE]; /* config when the device was opened */
	struct vfio_region regions[VFIO_PCI_NUM_REGIONS];
	uint32_t irqs[VFIO_PCI_NUM_IRQS]; /* how many */
	bool can_reset, is_dynamic;
	/* Its bus can be reset, and has all devices; and one that is not the VM's. */
	bool has_bus, has_foreigner;
	unsigned int host_vectors; /* that the host can give, 1 or more */

	/* What became of it. */
	bool open, started;
	uint16_t command;	   /* what posthorn wrote */
	bool asleep;		   /* posthorn wrote D3hot */
	unsigned int active;	   /* VFIO_PCI_*_IRQ_INDEX; VFIO_PCI_NUM_IRQS: none */
	unsigned int vector_count; /* that the kind was turned on with, or that were added */
	unsigned int allocated_count;
	bool allocated[FUZZ_VECTORS_MAX]; /* the host has a vector for it */
	bool latched[FUZZ_VECTORS_MAX];	  /* sent while the host had the entry masked */
	int ties[FUZZ_VECTORS_MAX];	  /* eventfds, 0: none */
	unsigned int tie_top;		  /* all from here up have none, and nothing latched */
	int events[VFIO_PCI_NUM_IRQS];	  /* eventfds of errors and of requests, 0: none */
	bool intx_level, intx_masked;
	int intx_unmask;	/* eventfd, 0: none */
	unsigned int turned_on; /* how often a kind was */
	unsigned int resets;
	/* The last write to a BAR through the device's file. */
	unsigned int write_index, write_size, write_count;
	uint64_t write_offset, write_value;
};

/* A part of a device's region that posthorn mapped. hva is made up: nothing is there. */
struct fuzz_area {
	struct fuzz_device *device; /* NULL: free */
	unsigned int index;
	uint64_t offset, size;
};

struct fuzz_host {
	struct vm vm;
	struct iommu iommu;
	struct irq_relay relay;
	struct irq_watch watch; /* only counts */
	bool in_routes;		/* between irq_routes_begin() and irq_routes_commit() */
	struct pci_root root;
	struct bus memory, ports;

	uint64_t page_size;
	bool relayed, watched;
	enum msix_table msix_table; /* of all devices */
	struct vfio_function *vga;  /* which has the legacy ranges of VGA; NULL: none */
	unsigned int device_count;
	struct fuzz_device devices[FUZZ_DEVICES_MAX];

	bool armed, running; /* posthorn's code runs; after its start */
	struct {
		unsigned int skip; /* calls that go well before */
		int result;	   /* what the one after them returns; 0: none fails */
	} failures[FUZZ_CALLS];
	unsigned int failed;	 /* how many calls did */
	unsigned int signals;	 /* how often posthorn signalled an eventfd */
	unsigned int exhausted;	 /* how often there were no more vectors, GSIs, files */
	unsigned int file_top;	 /* no eventfd is used from here up */
	unsigned int gsi_top;	 /* no GSI */
	unsigned int slot_top;	 /* no memslot or DMA map */
	unsigned int rom_copies; /* that are mapped */
	struct fuzz_eventfd files[FUZZ_FILES_MAX];
	struct fuzz_gsi gsis[FUZZ_FILES_MAX + IRQ_PINS];
	struct fuzz_range slots[FUZZ_RANGES_MAX], maps[FUZZ_RANGES_MAX];
	struct fuzz_area areas[FUZZ_RANGES_MAX];
	/* What the guest got; a target sets the count to 0. */
	unsigned int injection_count;
	struct msi_message injections[FUZZ_INJECTIONS_MAX];
	unsigned int pin_injections;
};

extern struct fuzz_host fuzz_host;

_Noreturn void fuzz_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Begin with an input: forget everything of the last one. */
void fuzz_host_reset(void);

/* A device without BARs, capabilities and interrupts, but resettable and with dynamic MSI-X. */
struct fuzz_device *fuzz_device_add(void);

/* Make a BAR that can be mapped whole, or @flags says that it is of ports. The ROM has index 6. */
void fuzz_bar_add(struct fuzz_device *device, unsigned int index, uint64_t size, uint32_t flags);

/* Put a capability at the end of the list, @at. Returns its bytes. */
uint8_t *fuzz_capability_add(struct fuzz_device *device, unsigned int id, unsigned int at);

/*
 * Assemble a VM with the devices, as vmm/machine.c does. False where posthorn says that it cannot
 * be done: then only fuzz_machine_end() is left to be called.
 */
bool fuzz_machine_start(void);

/* Take it down. Nothing may be left. */
void fuzz_machine_end(void);

/* Let @call return @result, once, after it went well @skip times. */
void fuzz_fail(enum fuzz_call call, unsigned int skip, int result);

/* The same, all taken from the input: calls of a running guest only. */
void fuzz_fail_any(struct fuzz_input *in);

/* For the fakes: is this call to fail? Returns with what, or 0. */
int fuzz_failing(enum fuzz_call call);

/* ---- what the guest and the device do ---- */

/* Read or write memory as a vCPU does that leaves the guest for it. */
uint64_t fuzz_memory_read(uint64_t addr, unsigned int size);
void fuzz_memory_write(uint64_t addr, unsigned int size, uint64_t value);
uint64_t fuzz_port_read(uint64_t port, unsigned int size);
void fuzz_port_write(uint64_t port, unsigned int size, uint64_t value);

/* Configuration space of a device, by ECAM. */
uint32_t fuzz_config_read(struct fuzz_device *device, unsigned int offset, unsigned int size);
void fuzz_config_write(struct fuzz_device *device, unsigned int offset, unsigned int size,
		       uint32_t value);

/* Send vector @number of the kind that is on. */
void fuzz_fire(struct fuzz_device *device, unsigned int number);

/* Raise or drop the INTx line; acknowledge the pin that it is wired to. */
void fuzz_intx_set(struct fuzz_device *device, bool level);
void fuzz_pin_acknowledge(unsigned int gsi);
bool fuzz_pin_asserted(unsigned int gsi);

/* What a BAR holds: each place something else. */
uint64_t fuzz_pattern(const struct fuzz_device *device, unsigned int index, uint64_t offset,
		      unsigned int size);

/*
 * Are these the device's pending bits, which may be read? They have what came for entries that the
 * host masked.
 */
bool fuzz_is_pending_bits(const struct fuzz_device *device, unsigned int index, uint64_t offset,
			  uint64_t size);

/* Do the device's memory BARs answer? */
bool fuzz_device_decodes(const struct fuzz_device *device);

/* ---- for fuzz_device.c ---- */

struct fuzz_eventfd *fuzz_eventfd_of(int eventfd);
void fuzz_eventfd_signal(int eventfd);
void *fuzz_area_hva(const struct fuzz_area *area);
/* The area whose made-up address @hva is, or NULL. */
struct fuzz_area *fuzz_area_of(const void *hva);

#endif
