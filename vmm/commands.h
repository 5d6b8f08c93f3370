/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands: each returns the exit code of the program. */
#ifndef POSTHORN_VMM_COMMANDS_H
#define POSTHORN_VMM_COMMANDS_H

struct options;

int command_run(const struct options *options);
int command_devices(const struct options *options);
int command_check(const struct options *options);
int command_info(const struct options *options);
int command_bind(const struct options *options);
int command_unbind(const struct options *options);
int command_latency(const struct options *options);
int command_latency_compare(const struct options *options);
int command_latency_read(const struct options *options);

#endif
