/* SPDX-License-Identifier: BSD-2-Clause */
/* All commands. Each is defined where it is done, beside the table of its options. */
#ifndef POSTHORN_VMM_COMMANDS_H
#define POSTHORN_VMM_COMMANDS_H

#include "vmm/options.h"

extern const struct command command_run, command_devices, command_check, command_info, command_bind,
	command_unbind, command_latency, command_latency_compare, command_latency_read,
	command_latency_report, command_latency_noise, command_timeline;

/* In the order of the help; the last is NULL. */
extern const struct command *const commands[];

#endif
