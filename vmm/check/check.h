/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `posthorn check`: what of this host and of a PCI function would stop `posthorn run`, found out
 * without changing anything. No VFIO group and no device is opened, since that resets devices; so
 * what only they can tell is not known here.
 *
 * Findings are gathered first, by the other files of this folder, and written out later, by
 * print.c. Every path starts with @root, as in vmm/host/sysfs.h. One thread.
 */
#ifndef POSTHORN_VMM_CHECK_CHECK_H
#define POSTHORN_VMM_CHECK_CHECK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/host/sysfs.h"
#include "vmm/run_options.h"

#define CHECK_SPANS_MAX 64

/* The command line. */
struct check_options {
	char bdf[BDF_SIZE]; /* first: see operand_device(); "": none */
	struct memory_options memory;
	struct cpu_options cpus; /* for @latency */
	enum iommu_choice iommu;
	bool latency, json;
};

enum check_severity {
	CHECK_OK,
	CHECK_NOTE,    /* worth knowing */
	CHECK_WARNING, /* a guest runs, but not as it could */
	CHECK_STOPS,   /* `run` would end with EXIT_HOST */
	CHECK_SEVERITIES
};

struct check_finding {
	enum check_severity severity;
	char object[64];  /* "KVM", or "0000:01:00.0 reset" */
	char detail[512]; /* one phrase */
	char remedy[512]; /* what mends it, a command where there is one; "": nothing to do */
};

/* A part of the guest's address space, which is the devices' too. */
struct check_span {
	uint64_t base, size; /* bytes */
	char what[40];
};

struct check {
	const char *root;
	/* What a guest would be given. */
	uint64_t memory;	 /* bytes */
	uint64_t huge_page_size; /* of the pool that its memory comes from; 0: ordinary pages */
	bool has_node;		 /* it comes from NUMA node @node */
	unsigned int node;
	enum iommu_choice iommu;
	uint64_t page_size; /* the host's, in bytes */
	bool is_mediated;   /* the device that was asked for is, so no IOMMU has to guard it */
	/* What was found, in order. */
	struct check_finding *findings;
	size_t count;
	bool has_iommu;
	bool has_iommufd;	    /* that a guest may use: it is there, and was not ruled out */
	unsigned int physical_bits; /* of a guest's addresses */
	/* The map for the function that was asked for, ascending; span_count 0: none. */
	struct check_span spans[CHECK_SPANS_MAX];
	unsigned int span_count;
};

/* Begin without findings. Ended by check_cleanup(). */
void check_init(struct check *check, const char *root);
void check_cleanup(struct check *check);

/* Add a finding. @object is copied. Dies with EXIT_HOST when out of memory. */
void check_add(struct check *check, enum check_severity severity, const char *object,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Say what mends the finding that was added last. */
void check_remedy(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Is there a finding that stops a run? */
bool check_stops(const struct check *check);

/* ---- gathering ---- */

/* Of the host: KVM, IOMMU, interrupt remapping, VFIO, memory, posting. Comes first. */
void check_host(struct check *check);

/*
 * Of one function: its driver, its group, permissions, reset, and by the functions below what it
 * has and where RAM would be. With @draw the map is kept in @check->spans.
 */
void check_function(struct check *check, const struct host_pci *pci, bool draw);

/*
 * What disturbs a guest whose CPUs are as @cpus says, and the function @bdf ("": none), as notes.
 * After check_host().
 */
void check_latency(struct check *check, const struct cpu_options *cpus, const char *bdf);

/* Of each function that VFIO has, as with check_function() without a map. */
void check_bound_functions(struct check *check);

/* Its interrupts, and its BARs that cannot be mapped whole. Takes root to know all of it. */
void check_function_registers(struct check *check, const struct host_pci *pci);

/* Does the planned map fit around what the IOMMU reserves for the group? */
void check_function_map(struct check *check, const struct host_pci *pci, bool draw);

/* ---- for each architecture: x86_64.c and arm64.c ---- */

/* Why there is no IOMMU, as a finding with the remedy. */
void check_arch_no_iommu(struct check *check);

/* Can a device forge interrupts of the host? Only called where there is an IOMMU. */
void check_arch_remapping(struct check *check);

/* Does KVM emulate, in the VM @vm_fd, the interrupt controller that a guest gets? */
void check_arch_controller(struct check *check, int vm_fd);

/* Address bits that the IOMMU in front of the function can map; 0: nothing readable tells. */
unsigned int check_arch_iova_bits(const char *root, const char *bdf);

/* ---- reading the host, for all of these ---- */

/* The file below @check->root. Returns the length, 0 when there is nothing; @text is always set. */
size_t check_read(const struct check *check, const char *path, char *text, size_t size);

/* Is there such a file? */
bool check_exists(const struct check *check, const char *path);

/* Does a line of /proc/interrupts contain @text? */
bool check_interrupts_have(const struct check *check, const char *text);

enum check_cgroup {
	CHECK_CGROUP_MEMORY,
	CHECK_CGROUP_HUGE_PAGES,    /* of check->huge_page_size, when they are used */
	CHECK_CGROUP_HUGE_RESERVED, /* when they are reserved */
};

/* What the control groups of this process let it have. */
struct check_limit {
	uint64_t limit, available; /* bytes; UINT64_MAX: there is no limit */
	char file[PATH_MAX];	   /* which file has the limit */
};

/* The one that leaves least, of all groups that this process is in, up to the top. */
void check_cgroup_limit(const struct check *check, enum check_cgroup kind,
			struct check_limit *found);

/* Is @name on the kernel's command line, with a value that contains @part ("": any, or none)? */
bool check_cmdline_has(const struct check *check, const char *name, const char *part);

/* ---- writing it out ---- */

/* A line for each finding, a second one for what mends it, then the map. */
void check_print(const struct check *check, FILE *file);

/* The keys are documented in posthorn(1). 0, or -ENOMEM. */
int check_print_json(const struct check *check, FILE *file);

#endif
