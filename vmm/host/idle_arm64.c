/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "lib/cmdline.h"
#include "lib/log.h"
#include "vmm/host.h"

/*
 * KVM's interface has nothing for one VM. The parameter, of Linux 6.11, is for all of them. Without
 * it KVM decides each time that a vCPU is loaded: WFI does not leave the guest where vLPIs are
 * mapped to it and no other task waits for the CPU (kvm_vcpu_should_clear_twi()).
 */
int host_idle_check(int kvm_fd)
{
	char cmdline[CMDLINE_SIZE], value[16] = "";
	const char *at = cmdline;

	(void)kvm_fd;
	cmdline_read("", cmdline);
	while (cmdline_next(&at, "kvm-arm.wfi_trap_policy", value, sizeof(value)))
		;
	if (!strcmp(value, "notrap"))
		return EXIT_OK;
	log_error("--idle guest: KVM for arm64 has it for all VMs only: boot this host with "
		  "kvm-arm.wfi_trap_policy=notrap (Linux 6.11 or newer), or use --idle host");
	return EXIT_HOST;
}
