/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device tree says about the machine: for the arm64 part of the runtime. */
#ifndef POSTHORN_GUEST_PAYLOAD_FDT_ARM64_H
#define POSTHORN_GUEST_PAYLOAD_FDT_ARM64_H

#include <stdbool.h>
#include <stdint.h>

/* A span of guest-physical addresses. */
struct tree_range {
	uint64_t base, size;
};

/* Read the tree at @address from now on. Without one there is nothing that could be done: halts. */
void tree_init(uint64_t address);

/* The first node with @compatible, or a negative error of libfdt. */
int tree_find(const char *compatible);

/*
 * Number @index of the cells of @property of @node, or 0 when it has fewer. All addresses and sizes
 * are two cells, on posthorn and on QEMU, but those of CPUs.
 */
uint32_t tree_cell(int node, const char *property, unsigned int index);

/* How many cells @property of @node has. */
unsigned int tree_cell_count(int node, const char *property);

/* Number @index of the ranges in "reg" of @node; all zero when it has fewer, or @node is none. */
struct tree_range tree_reg(int node, unsigned int index);

/* Node number @index of those with @type as their device_type, or a negative error of libfdt. */
int tree_find_type(const char *type, unsigned int index);

/* The string in @property of the node at @path, "" when there is none. */
const char *tree_string(const char *path, const char *property);

#endif
