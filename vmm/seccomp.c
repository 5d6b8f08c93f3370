/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/seccomp.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/seccomp_arch.h"

/* clang-format off */
#define CALL(name, reason)    CALL_NAMED(name, reason)
#define CALL_NAMED(name, ...) { #name, __NR_##name, CHECK_NOTHING, 0, __VA_ARGS__ }
#define REQUEST(name, reason) { #name, __NR_ioctl, CHECK_REQUEST, name, reason }
#define REFUSE(name, reason)  { #name, __NR_##name, CHECK_REFUSE, 0, reason }
/* clang-format on */

static const struct seccomp_row vcpu_rows[] = {
	REQUEST(KVM_RUN, "runs the guest"),
	REQUEST(KVM_SET_USER_MEMORY_REGION, "a BAR appears in the guest, or leaves it"),
	REQUEST(KVM_SET_GSI_ROUTING, "the guest sets or changes the message of an interrupt"),
	REQUEST(KVM_IRQFD, "an interrupt is connected to the guest, or masked"),
	REQUEST(KVM_REGISTER_COALESCED_MMIO, "the guest's driver turns the serial port's FIFO on"),
	REQUEST(KVM_SIGNAL_MSI, "irq-path=userspace: an interrupt came while it was masked"),
	SECCOMP_VCPU_REQUESTS,
	REQUEST(VFIO_DEVICE_SET_IRQS, "the guest turns interrupts of a device on or off"),
	REQUEST(VFIO_DEVICE_RESET, "the guest resets a device (FLR)"),
	REQUEST(VFIO_IOMMU_MAP_DMA,
		"a BAR appears: other devices of the guest may reach it; by the same number "
		"VFIO_DEVICE_PCI_HOT_RESET: the guest resets a device that has no other reset"),
	REQUEST(VFIO_IOMMU_UNMAP_DMA, "and leaves"),
	CALL(pread64, "a device's registers and configuration space; files for the irq report"),
	CALL(pwrite64,
	     "a device's registers and configuration space; for the irq report, which device's "
	     "interrupts debugfs is to show"),
	CALL(write, "messages, eventfds"),
	CALL(read, "takes the count of an eventfd; KVM's trace for the irq report"),
	CALL(futex, "locks, and the barrier at the start"),
	CALL(ppoll,
	     "messages: does anybody read standard error? and the guest reads the pending bits of "
	     "MSI-X: is an eventfd's count above 0? a pause before a reset is tried again"),
	CALL(eventfd2, "the guest unmasks a vector for the first time"),
	CALL(close, "the eventfds of vectors that were turned off"),
	CALL(epoll_ctl, "irq-path=userspace: an interrupt is connected to the relay, or masked"),
	CALL(clock_gettime, "the guest reads its clock, and --timeline, where the host's clock is "
			    "not for the vDSO "
			    "(hpet)"),
	CALL(brk, "the heap grows or shrinks: many vectors, a long line of /proc/interrupts"),
	REFUSE(mmap, "the heap cannot grow by brk: malloc(3) tries this, and reports failure"),
	CALL(rt_sigreturn, "a signal to leave KVM_RUN came while the vCPU was in it"),
	CALL(exit, "the end of the thread"),
	CALL(exit_group, "the end of the process after a call that is not in this list"),
	{ .name = NULL },
};

static const struct seccomp_row main_rows[] = {
	CALL(ppoll, "waits for keys, signals and the end"),
	CALL(restart_syscall,
	     "goes on waiting for a thread's end after SIGSTOP and SIGCONT, or under a debugger"),
	CALL(read,
	     "keys, signals, the counts of eventfds; KVM's trace for the irq report, and that its "
	     "end is done"),
	CALL(write, "the console, messages, eventfds, reports"),
	CALL(futex, "locks, the barrier at the start, joins threads"),
	CALL(getpid, "to send signals to its own threads; whose is the terminal?"),
	CALL(tgkill, "makes vCPUs leave KVM_RUN"),
	CALL(rt_sigprocmask, "pthread_kill(3) blocks signals meanwhile"),
	CALL(rt_sigreturn, "somebody else sent the signal that makes vCPUs leave KVM_RUN"),
	REQUEST(VFIO_DEVICE_SET_IRQS, "turns interrupts off at the end that the guest left on"),
	REQUEST(KVM_IRQFD, "the same"),
	REQUEST(KVM_SET_GSI_ROUTING, "the same"),
	REQUEST(KVM_SET_USER_MEMORY_REGION,
		"takes BARs that the guest left mapped out of it at the end"),
	REQUEST(VFIO_IOMMU_UNMAP_DMA, "the same"),
	REQUEST(TCSETS, "puts the terminal back; raw mode again after SIGCONT"),
	REQUEST(TCGETS, "in which mode is the terminal?"),
	REQUEST(TCSETS2, "TCSETS of a newer C library (glibc 2.42)"),
	REQUEST(TCGETS2, "TCGETS of it"),
	REQUEST(TIOCGPGRP, "is posthorn in the foreground of the terminal?"),
	CALL(pread64, "files for the irq report"),
	CALL(pwrite64,
	     "wakes a device that the guest left asleep at the end; for the irq report as above"),
	CALL(epoll_ctl, "irq-path=userspace: disconnects interrupts that the guest left on"),
	CALL(munmap, "BARs, the guest's memory, stacks"),
	CALL(close, "everything, at the end"),
	CALL(clock_gettime,
	     "how long the end takes, or a vCPU that the table of interrupts waits for, where the "
	     "host's clock is not for the vDSO (hpet)"),
	CALL(brk, "the heap grows or shrinks: a long irq report"),
	REFUSE(mmap, "the heap cannot grow by brk: malloc(3) tries this, and reports failure"),
	CALL(exit_group, "the end"),
	{ .name = NULL },
};

static const struct seccomp_row doorbell_rows[] = {
	CALL(read, "waits for the guest"),
	CALL(ppoll, "messages: does anybody read standard error?"),
	CALL(write, "signals the eventfd of the interrupt; messages"),
	REQUEST(VFIO_DEVICE_SET_IRQS, "path loopback: signals it by way of VFIO"),
	CALL(brk, "the same: the heap grows"),
	REFUSE(mmap, "the heap cannot grow by brk: malloc(3) tries this, and reports failure"),
	CALL(futex, "the barrier at the start, locks of malloc(3)"),
	CALL(rt_sigprocmask, "the end of the thread"),
	CALL(madvise, "the same: gives its stack back"),
	CALL(exit, "the same"),
	CALL(exit_group, "the end of the process after a call that is not in this list"),
	{ .name = NULL },
};

static const struct seccomp_row relay_rows[] = {
	CALL(SECCOMP_EPOLL_WAIT, "waits for interrupts"),
	CALL(read, "takes the count of an eventfd"),
	REQUEST(KVM_SIGNAL_MSI, "an interrupt"),
	CALL(futex, "the barrier at the start; its lock, when a vCPU has it"),
	CALL(ppoll, "messages: does anybody read standard error?"),
	CALL(write, "messages"),
	CALL(rt_sigprocmask, "the end of the thread"),
	CALL(madvise, "the same: gives its stack back"),
	CALL(exit, "the same"),
	CALL(exit_group, "the end of the process after a call that is not in this list"),
	{ .name = NULL },
};

const struct seccomp_row *seccomp_rows(enum seccomp_thread thread)
{
	static const struct seccomp_row *const rows[] = {
		[SECCOMP_THREAD_VCPU] = vcpu_rows,
		[SECCOMP_THREAD_MAIN] = main_rows,
		[SECCOMP_THREAD_RELAY] = relay_rows,
		[SECCOMP_THREAD_DOORBELL] = doorbell_rows,
	};

	return rows[thread];
}

/* ---- a call that is not in the list ---- */

static const char *call_name(int number)
{
	static const char *const names[] = {
#include "vmm/syscall_names.h"
	};

	if (number < 0 || number >= (int)ARRAY_SIZE(names) || !names[number])
		return "of a number that has no name here";
	return names[number];
}

/* Whose list is in force, for violation(). */
static _Thread_local enum seccomp_thread this_thread;

/* A message in the making. No printf(3): the call may have come from within malloc(3). */
struct message {
	char text[512];
	size_t length;
};

static void message_add(struct message *message, const char *text)
{
	while (*text && message->length < sizeof(message->text))
		message->text[message->length++] = *text++;
}

static void message_add_hex(struct message *message, unsigned long value)
{
	char digits[2 * sizeof(value) + 1] = "";
	size_t first = sizeof(digits) - 1;

	do
		digits[--first] = "0123456789abcdef"[value % 16];
	while (value /= 16);
	message_add(message, digits + first);
}

/*
 * In the thread that made the call, in place of it. Whoever got this far may have the thread under
 * control, so that nothing more is trusted to this process: the kernel takes back what it has, and
 * the guard of the terminal (console.h) puts that back.
 */
static void violation(int signal_number, siginfo_t *info, void *context)
{
	static const char *const threads[] = {
		[SECCOMP_THREAD_VCPU] = "a vCPU's thread",
		[SECCOMP_THREAD_MAIN] = "the main thread",
		[SECCOMP_THREAD_RELAY] = "the relay's thread",
		[SECCOMP_THREAD_DOORBELL] = "the doorbell's thread",
	};
	struct message message = { .length = 0 };

	(void)signal_number;
	message_add(&message, "posthorn: error: seccomp: ");
	message_add(&message, threads[this_thread]);
	message_add(&message, " made the system call ");
	message_add(&message, call_name(info->si_syscall));
	if (info->si_syscall == __NR_ioctl) {
		message_add(&message, " with request 0x");
		message_add_hex(&message, SECCOMP_ARGUMENT((const ucontext_t *)context));
	}
	message_add(&message,
		    ", which it may not: the VM is ended. Either the guest attacks posthorn or "
		    "posthorn has a defect: please report it; --seccomp log lets such calls pass "
		    "and the kernel's log names them\n");
	/* Not write(2), which would wait for ever when nobody reads. ppoll(2) is in all lists. */
	log_text(message.text, message.length);
	/* In place of _exit(2), before which sanitizers make calls of their own. */
	syscall(SYS_exit_group, EXIT_INTERNAL);
}

static void violation_catch(void)
{
	struct sigaction action = { .sa_sigaction = violation, .sa_flags = SA_SIGINFO };

	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGSYS);
	sigaction(SIGSYS, &action, NULL);
}

/* ---- the filters ---- */

static int row_add(scmp_filter_ctx context, const struct seccomp_row *row)
{
	switch (row->check) {
	case CHECK_REQUEST:
		return seccomp_rule_add_exact(context, SCMP_ACT_ALLOW, row->number, 1,
					      SCMP_CMP(1, SCMP_CMP_EQ, row->request, 0));
	case CHECK_REFUSE:
		return seccomp_rule_add_exact(context, SCMP_ACT_ERRNO(ENOMEM), row->number, 0);
	default:
		return seccomp_rule_add_exact(context, SCMP_ACT_ALLOW, row->number, 0);
	}
}

static int rows_add(scmp_filter_ctx context, const struct seccomp_row *rows)
{
	/* KVM_RUN is by far the most frequent call: ioctl is looked at first. */
	int error = seccomp_syscall_priority(context, __NR_ioctl, UINT8_MAX);

	for (; rows->name && error == 0; rows++)
		error = row_add(context, rows);
	return error;
}

/* Load the list of @thread for the calling thread. 0 or -errno. */
static int filter_load(enum seccomp_thread thread, uint32_t action, uint32_t foreign)
{
	scmp_filter_ctx context = seccomp_init(action);
	int error;

	if (!context)
		return -ENOMEM;
	/* Calls of another ABI (32-bit ones, say) have other numbers. */
	error = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, foreign);
	/* That was done for all threads; and errors are the kernel's own. */
	if (error == 0)
		error = seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0);
	if (error == 0)
		error = seccomp_attr_set(context, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (error == 0)
		error = rows_add(context, seccomp_rows(thread));
	if (error == 0)
		error = seccomp_load(context);
	seccomp_release(context);
	return error;
}

void seccomp_prepare(enum seccomp_mode mode)
{
	if (mode == SECCOMP_MODE_OFF)
		return;
	/*
	 * All actions that are used here are those of level 3. What libseccomp finds out now it
	 * does not ask again: threads come later, and so do not do it at once.
	 */
	if (seccomp_api_get() < 3)
		die(EXIT_HOST, "this host's kernel has no seccomp filters (CONFIG_SECCOMP_FILTER): "
			       "use one that has, or do without (--seccomp off)");
	violation_catch();
}

void seccomp_thread_enter(enum seccomp_mode mode, enum seccomp_thread thread)
{
	int error;

	if (mode == SECCOMP_MODE_OFF)
		return;
	this_thread = thread;
	if (mode == SECCOMP_MODE_LOG)
		error = filter_load(thread, SCMP_ACT_LOG, SCMP_ACT_LOG);
	else
		error = filter_load(thread, SCMP_ACT_TRAP, SCMP_ACT_KILL_PROCESS);
	if (error < 0)
		die(EXIT_HOST,
		    "the seccomp filter cannot be loaded: %s; --seccomp off does without",
		    strerror(-error));
}
