/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that posthorn is started with: --kvm, --iommufd and --device fd=. */
#ifndef POSTHORN_VMM_DESCRIPTOR_H
#define POSTHORN_VMM_DESCRIPTOR_H

struct option_rule;
struct parser;

/*
 * An int: the descriptor that "fd=5" or "fd=NAME" stands for. A name is one of those that systemd
 * gives descriptors (sd_listen_fds(3), FileDescriptorName=, OpenFile=). It must be open.
 */
int option_descriptor(struct parser *parser, const struct option_rule *rule, const char *value);

#endif
