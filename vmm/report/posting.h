/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Posted interrupts: does a device's message reach the vCPU without the host's CPUs? VT-d posted
 * interrupts, AVIC and GICv4 do that, and KVM turns them on by itself when an irqfd and a VFIO
 * trigger share an eventfd. No ioctl tells whether it did. What is here reads what the kernel shows
 * in files, and says no more than those files prove.
 *
 * Every path starts with @root: "" on a real host, a directory with made-up files in tests. All
 * functions only read, may be called by any thread, and are for control paths: a call reads
 * whole files. Those that take @root open files: only the start-up may call them (vmm/seccomp.h).
 */
#ifndef POSTHORN_VMM_REPORT_POSTING_H
#define POSTHORN_VMM_REPORT_POSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct msi_message;

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
#define POSTING_TEXT_SIZE 256

/*
 * Can this host post at all? False when something readable rules it out; @why is then one phrase
 * that names the evidence and the remedy. True, @why empty, when nothing does: that is no proof
 * that it works. Hardware is looked at before parameters. What cannot be read rules nothing out.
 */
bool posting_possible(const char *root, char *why, size_t size);

/* The files that tell of one VM, which are opened once and read at each look. */
struct posting_files {
	int state_fd;		     /* in KVM's debugfs; -1: none */
	bool per_message;	     /* it is vgic-its-state and not vgic-state */
	int interrupts_fd;	     /* /proc/interrupts; -1: none */
	char why[POSTING_TEXT_SIZE]; /* why there is no state_fd */
};

/*
 * Open the files of the VM that process @pid made and has as descriptor @fd, when its interrupt
 * controllers are complete (vm_finish()). What cannot be opened is not missed but by
 * posting_probe(), which says so.
 */
void posting_files_open(struct posting_files *files, const char *root, pid_t pid, int fd);
void posting_files_close(struct posting_files *files);

/*
 * Is the message (@device_id, @event), which is one of the connected, posted at this moment? @event
 * is the message's data; @connected is how many messages of the VM have a trigger of VFIO and an
 * irqfd now: no others can be posted. @seen becomes a phrase with what was seen, or why nothing
 * was.
 *
 * arm64: <debugfs>/kvm/<pid>-<fd>/vgic-its-state@<address> (Linux 6.16) tells each message;
 * vgic-state tells all LPIs without saying whose they are, and is conclusive when none is forwarded
 * or as many as are connected; and
 * no interrupt of GICv4 in /proc/interrupts proves that nothing is posted. KVM holds the ITS's
 * mutex while it fills one page of the first file, so a vCPU that writes an ITS command meanwhile
 * waits that long; the second file takes the lock of one LPI at a time.
 *
 * x86-64: always POSTING_UNKNOWN. No file ties an entry of the interrupt remapping table to a
 * vector of VFIO.
 */
enum posting_state posting_probe(const struct posting_files *files, unsigned int connected,
				 uint32_t device_id, uint32_t event, char *seen, size_t size);

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
