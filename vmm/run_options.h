/* SPDX-License-Identifier: BSD-2-Clause */
/* What `posthorn run` takes, and what a machine is made from. */
#ifndef POSTHORN_VMM_RUN_OPTIONS_H
#define POSTHORN_VMM_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/vm.h"
#include "lib/util.h"
#include "vfio/bdf.h"
#include "vfio/iommu.h"
#include "vfio/msix.h"
#include "vfio/vf_token.h"
#include "vmm/affinity.h"
#include "vmm/options.h"
#include "vmm/seccomp.h"

#define RUN_DEVICES_MAX 16

/* A guest's RAM. All zero but for @size: ordinary pages, from anywhere, when they are used. */
struct memory_options {
	uint64_t size;		 /* bytes, a multiple of the page size or of @huge_page_size */
	uint64_t huge_page_size; /* of the host's pool that it comes from; 0: of none */
	uint64_t prefault;	 /* how many threads make it be there at the start; 0: none do */
	bool has_node;
	uint64_t node; /* NUMA node that it comes from */
};

#define MEMORY_OPTIONS_DEFAULT .size = 512 * MIB

struct device_options {
	char bdf[BDF_SIZE];	      /* full form; a UUID; "fd=5": not known of a descriptor */
	int fd;			      /* its device file, given open; 0: none */
	char vf_token[VF_TOKEN_SIZE]; /* "": none */
	unsigned int userspace_irqs;  /* irq-path=userspace: no irqfd, a thread injects */
	enum msix_table msix_table;
	/* Where it is in the guest, PCI_DEVFN(); 0: nowhere yet. */
	unsigned int devfn;
	bool is_multifunction;	 /* there are others in its slot */
	unsigned int rom_hidden; /* rombar=off: the guest finds no ROM */
	char romfile[256];	 /* path of what is in its place; "": nothing is */
	unsigned int vga;	 /* vga=on: it has the legacy ranges of VGA */
};

/* --idle: where a vCPU sleeps that has nothing to do. */
enum run_idle {
	RUN_IDLE_HOST, /* it leaves the guest, and its CPU is free for others */
	RUN_IDLE_GUEST
};

struct run_options {
	/* paths and text as given; NULL where not: the kernel is the host's own then */
	const char *kernel, *initrd, *cmdline;
	const char *console; /* "-", "none" or a path */
	struct cpu_options cpus;
	struct memory_options memory;
	enum run_idle idle;
	uint64_t halt_poll_ns; /* VM_HALT_POLL_HOST: as the host has it */
	struct device_options devices[RUN_DEVICES_MAX];
	unsigned int device_count;
	enum iommu_choice iommu;
	int iommufd, kvm;	/* descriptors that are given; 0: the files are opened */
	const char *timeline;	/* file for when each part of the start was done; NULL: none */
	const char *irq_report; /* file for the report on interrupts; NULL: none */
	bool require_posting;	/* EXIT_REQUIRE when an interrupt was not posted */
	const char *user;	/* to run as; NULL: as started */
	enum seccomp_mode seccomp;
	const char *dump; /* boot_dump()'s path; NULL: none */
};

extern const struct option_rule run_rules[];
extern const struct run_options run_defaults;

/*
 * For struct command's check of `run`: give each device its place in the guest. Those with one slot
 * of the host get one of the guest, but for those that have a place (addr=). 0, or EXIT_USAGE after
 * wrong(), when a place is taken twice or a slot lacks function 0, or CPUs are not right.
 */
int run_options_check(struct parser *parser);

/* An option that sets a struct memory_options. */
int option_memory(struct parser *parser, const struct option_rule *rule, const char *value);

/* What KVM takes at most for --halt-poll: nanoseconds, in 32 bits. */
#define HALT_POLL_MAX  UINT32_MAX
#define HALT_POLL_HELP "how long KVM spins when a vCPU sleeps (the host's)"

#define MEMORY_OPTION_VALUE "SIZE[,NAME=VALUE]..."
#define MEMORY_OPTION_HELP  "RAM, as in 512M or 2G (512M); posthorn(1) lists the NAMEs"

#endif
