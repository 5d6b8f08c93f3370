/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/host.h"

#define PAGE_SIZE   0x1000
#define TSS_ADDRESS 0xfffbd000UL /* what KVM needs for real mode on CPUs that cannot do it */
#define TRIAL_US    10000

/* A VM with one page, which runs in real mode: no interrupt can wake it. */
struct trial {
	int vm_fd, vcpu_fd;
	uint8_t *page;
	struct kvm_run *run;
	size_t run_size;
};

static int vcpu_make(struct trial *trial, int kvm_fd)
{
	static const uint8_t program[] = {
		0xe6, 0x00, /* out %al, $0: the guest can be entered, and left */
		0xf4,	    /* hlt */
		0xeb, 0xfd, /* and again */
	};
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int error, size = ioctl_value(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	memcpy(trial->page, program, sizeof(program));
	trial->vcpu_fd = ioctl_value(trial->vm_fd, KVM_CREATE_VCPU, 0);
	if (size < 0 || trial->vcpu_fd < 0)
		return min(size, trial->vcpu_fd);
	trial->run_size = (size_t)size;
	trial->run =
		mmap(NULL, trial->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, trial->vcpu_fd, 0);
	if (trial->run == MAP_FAILED)
		return -errno;
	error = ioctl_call(trial->vcpu_fd, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (error == 0)
		error = ioctl_call(trial->vcpu_fd, KVM_SET_SREGS, &sregs);
	return error ? error : ioctl_call(trial->vcpu_fd, KVM_SET_REGS, &regs);
}

static int trial_make(struct trial *trial, int kvm_fd, uint64_t exits)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { exits } };
	struct kvm_userspace_memory_region region = { .memory_size = PAGE_SIZE };
	int error;

	trial->vm_fd = ioctl_value(kvm_fd, KVM_CREATE_VM, 0);
	if (trial->vm_fd < 0)
		return trial->vm_fd;
	trial->page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (trial->page == MAP_FAILED)
		return -errno;
	region.userspace_addr = (uintptr_t)trial->page;
	error = ioctl_call(trial->vm_fd, KVM_ENABLE_CAP, &cap);
	if (error == 0)
		error = ioctl_value(trial->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	if (error == 0)
		error = ioctl_call(trial->vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
	return error ? error : vcpu_make(trial, kvm_fd);
}

static void trial_cleanup(struct trial *trial)
{
	if (trial->run != MAP_FAILED)
		munmap(trial->run, trial->run_size);
	fd_close(&trial->vcpu_fd);
	fd_close(&trial->vm_fd);
	/* KVM has it until here. */
	if (trial->page != MAP_FAILED)
		munmap(trial->page, PAGE_SIZE);
}

static void alarm_handler(int signal_number)
{
	(void)signal_number; /* its arrival makes KVM_RUN return: that is all */
}

/*
 * Run the guest for some milliseconds at most. Not by ioctl_value(): EINTR is the answer that is
 * hoped for, of a guest that sleeps and does not leave.
 */
static int trial_run(struct trial *trial)
{
	const struct sigaction action = { .sa_handler = alarm_handler };
	struct itimerval timer = { { 0, TRIAL_US }, { 0, TRIAL_US } };
	struct sigaction former;
	sigset_t alarm, mask;
	int error;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &action, &former);
	pthread_sigmask(SIG_UNBLOCK, &alarm, &mask);
	setitimer(ITIMER_REAL, &timer, NULL);
	error = ioctl(trial->vcpu_fd, KVM_RUN, 0) < 0 ? -errno : 0;
	timer = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	setitimer(ITIMER_REAL, &timer, NULL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &former, NULL);
	return error;
}

/* What the guest did that it should not; NULL: nothing. */
static const char *trial_judge(struct trial *trial)
{
	int error;

	do
		error = trial_run(trial);
	while (error == -EINTR);
	if (error == 0 && trial->run->exit_reason == KVM_EXIT_IO)
		error = trial_run(trial);
	else if (error == 0)
		return "the CPU does not enter the guest";
	if (error == 0)
		return trial->run->exit_reason == KVM_EXIT_HLT ? "HLT leaves the guest all the same"
							       : "the guest does not survive HLT";
	return error == -EINTR ? NULL : strerror(-error);
}

int host_idle_check(int kvm_fd)
{
	struct trial trial = { -1, -1, MAP_FAILED, MAP_FAILED, 0 };
	int error, exits = ioctl_value(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS);
	const char *fault = NULL;

	if (exits < 0 || !(exits & KVM_X86_DISABLE_EXITS_HLT)) {
		log_error("--idle guest: this host's KVM lets no guest keep its CPU when it sleeps "
			  "(KVM_CAP_X86_DISABLE_EXITS); use --idle host");
		return EXIT_HOST;
	}
	error = trial_make(&trial, kvm_fd, VM_IDLE_EXITS & (uint64_t)exits);
	if (error == 0)
		fault = trial_judge(&trial);
	trial_cleanup(&trial);
	if (error < 0)
		log_error("--idle guest: cannot make the trial VM: %s%s", strerror(-error),
			  error_remedy(-error));
	else if (fault)
		log_error(
			"--idle guest: KVM offers it, but in a trial VM %s: is this host itself a "
			"guest? Use --idle host",
			fault);
	return error < 0 || fault ? EXIT_HOST : EXIT_OK;
}
