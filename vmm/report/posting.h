/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Posted interrupts: does a device's message reach the vCPU without the host's CPUs? VT-d posted
 * interrupts, AVIC and GICv4 do that, and KVM turns them on by itself when an irqfd and a VFIO
 * trigger share an eventfd. No ioctl tells whether it did. What is here reads what the kernel shows
 * in files, and says no more than those files prove.
 *
 * Every path starts with @root: "" on a real host, a directory with made-up files in tests. All
 * functions may be called by any thread, if nothing else is said, and are for control paths: a call
 * reads whole files. Those that take @root open files: only the start-up may call them
 * (vmm/seccomp.h). They write nothing but what posting_files_init() and posting_probe() say.
 */
#ifndef POSTHORN_VMM_REPORT_POSTING_H
#define POSTHORN_VMM_REPORT_POSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfio/irqs.h"

struct vfio_device;

/* How one message is delivered at the moment of a look. */
enum posting_state {
	POSTING_UNKNOWN,  /* nothing readable tells */
	POSTING_NO,	  /* by the host: its handler runs and KVM injects */
	POSTING_YES,	  /* by the hardware alone */
	POSTING_UNMAPPED, /* not at all: the guest's ITS does not know the message (arm64) */
};

/* "unknown", "not posted", "posted", "not mapped". */
const char *posting_state_name(enum posting_state state);

/* Long enough for every text that these functions write. */
#define POSTING_TEXT_SIZE 400

/*
 * Can this host post at all? False when something readable rules it out; @why is then one phrase
 * that names the evidence and the remedy. True, @why empty, when nothing does: that is no proof
 * that it works. Hardware is looked at before parameters. What cannot be read rules nothing out.
 */
bool posting_possible(const char *root, char *why, size_t size);

/*
 * What the host's modules and its command line say that bears on it, where posting_possible() is
 * true: ", with ..." in @text, or "".
 */
void posting_parameters(const char *root, char *text, size_t size);

struct posting_host;

/* What tells of one VM, which is opened once and read at each look. */
struct posting_files {
	int state_fd;		     /* arm64, in KVM's debugfs; -1: none */
	bool per_message;	     /* it is vgic-its-state and not vgic-state */
	int interrupts_fd;	     /* arm64, /proc/interrupts; -1: none */
	char why[POSTING_TEXT_SIZE]; /* arm64: why there is no state_fd */
	struct posting_host *host;   /* x86-64; NULL: none */
	bool by_irq;		     /* a look wants posting_vector.host_irq */
};

/*
 * Four steps, in this order, all but the third start-up only. What cannot be opened is not missed
 * but by posting_probe(), which says so.
 *
 * Begin, before the VM is made, and by the thread that makes it. x86-64: turns KVM's tracepoints on
 * (trace_x86_64.h), which takes a process of its own. Dies with EXIT_HOST when out of memory.
 */
void posting_files_init(struct posting_files *files, const char *root);

/*
 * Open the files of the VM that process @pid made and has as descriptor @fd, when its interrupt
 * controllers are complete (vm_finish()).
 */
void posting_files_open(struct posting_files *files, const char *root, pid_t pid, int fd);

/* And what tells of @device, which is one of the VM's. */
void posting_function_add(struct posting_files *files, const char *root,
			  struct vfio_device *device);

/* @device is about to be closed. Nothing to do where it was not added. */
void posting_function_remove(struct posting_files *files, const struct vfio_device *device);

/* The thread @thread is to run a vCPU: tell before it does. One thread at a time. */
void posting_thread_add(struct posting_files *files, pid_t thread);

void posting_files_close(struct posting_files *files);

/* A vector of a device that has a trigger of VFIO and an irqfd now, for a look. */
struct posting_vector {
	struct vfio_device *device;
	enum irq_kind kind;
	unsigned int number;
	struct msi_message message; /* the guest's */
	int gsi;
	int host_irq; /* its number in the host, -1: not known */
	bool asleep;  /* the device is in D3hot */
	/* How many messages of the VM are connected as this one is: no others can be posted. */
	unsigned int connected;
};

/*
 * Is @vector posted at this moment? @seen becomes a phrase with what was seen, or why nothing was.
 * One thread at a time. With the lock of the function held.
 *
 * arm64: <debugfs>/kvm/<pid>-<fd>/vgic-its-state@<address> (Linux 6.16) tells each message;
 * vgic-state tells all LPIs without saying whose they are, and is conclusive when none is forwarded
 * or as many as are connected; and
 * no interrupt of GICv4 in /proc/interrupts proves that nothing is posted. KVM holds the ITS's
 * mutex while it fills one page of the first file, so a vCPU that writes an ITS command meanwhile
 * waits that long; the second file takes the lock of one LPI at a time.
 *
 * x86-64: what KVM's tracepoints told, and where debugfs has it the entry of the IOMMU's table that
 * the device's own message leads to (irte_x86_64.h). When the two disagree, it is not posted.
 */
enum posting_state posting_probe(struct posting_files *files, const struct posting_vector *vector,
				 char *seen, size_t size);

/*
 * Will a run of this host be able to see how each interrupt goes? @why becomes one phrase: by what,
 * or what is in the way and the remedy after a colon. Changes nothing.
 */
bool posting_evidence(const char *root, char *why, size_t size);

/*
 * Is @message of a form that can be posted: one that goes to one CPU, as an ordinary interrupt?
 * If not, @why is a phrase that says what is in the way. A hint, no proof: which CPUs a destination
 * means is known to the guest and KVM only. On arm64 all messages are.
 */
bool posting_message_fits(const struct msi_message *message, char *why, size_t size);

/* ---- for posting_x86_64.c and posting_arm64.c ---- */

/* One reason why a host cannot post: does it hold? If so, @why says it. */
typedef bool (*posting_check)(const char *root, char *why, size_t size);

/* Go through @checks up to the first that holds. Returns what posting_possible() does. */
bool posting_checks_run(const posting_check *checks, unsigned int count, const char *root,
			char *why, size_t size);

#endif
