/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/payload/fdt_arm64.h"

#include <libfdt.h>

#include "guest/payload/payload.h"

/* ---- what libfdt wants of a C library ---- */

void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, size);
	while (size--)
		((uint8_t *)to)[size] = ((const uint8_t *)from)[size];
	return to;
}

/* The type that C gives these two takes the const away. */
void *memchr(const void *memory, int byte, size_t size)
{
	uint8_t *at = (uint8_t *)(uintptr_t)memory;

	for (; size--; at++)
		if (*at == (uint8_t)byte)
			return at;
	return NULL;
}

char *strrchr(const char *text, int byte)
{
	for (size_t i = strlen(text) + 1; i-- > 0;)
		if (text[i] == (char)byte)
			return (char *)(uintptr_t)text + i;
	return NULL;
}

size_t strnlen(const char *text, size_t size)
{
	size_t length = 0;

	while (length < size && text[length])
		length++;
	return length;
}

size_t strlen(const char *text)
{
	return strnlen(text, SIZE_MAX);
}

/* Debian builds libfdt with the stack protector. */
extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x000aff0d;

_Noreturn void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	payload_fail("a function wrote beyond its stack");
}

/* ---- the tree ---- */

static const void *tree;

void tree_init(uint64_t address)
{
	tree = (const void *)address;
	if (fdt_check_header(tree))
		cpu_halt();
}

int tree_find(const char *compatible)
{
	return fdt_node_offset_by_compatible(tree, -1, compatible);
}

static const fdt32_t *cells_get(int node, const char *property, unsigned int *count)
{
	int size = 0;
	const fdt32_t *cells = node < 0 ? NULL : fdt_getprop(tree, node, property, &size);

	*count = cells ? (unsigned int)size / sizeof(*cells) : 0;
	return cells;
}

unsigned int tree_cell_count(int node, const char *property)
{
	unsigned int count;

	cells_get(node, property, &count);
	return count;
}

uint32_t tree_cell(int node, const char *property, unsigned int index)
{
	unsigned int count;
	const fdt32_t *cells = cells_get(node, property, &count);

	return index < count ? fdt32_ld(&cells[index]) : 0;
}

static uint64_t cells64(int node, const char *property, unsigned int index)
{
	return (uint64_t)tree_cell(node, property, index) << 32 |
	       tree_cell(node, property, index + 1);
}

struct tree_range tree_reg(int node, unsigned int index)
{
	return (struct tree_range){ cells64(node, "reg", 4 * index),
				    cells64(node, "reg", 4 * index + 2) };
}

int tree_find_type(const char *type, unsigned int index)
{
	const int size = (int)strlen(type) + 1;
	int node = -1;

	do {
		node = fdt_node_offset_by_prop_value(tree, node, "device_type", type, size);
	} while (node >= 0 && index--);
	return node;
}

const char *tree_string(const char *path, const char *property)
{
	const char *text = fdt_getprop(tree, fdt_path_offset(tree, path), property, NULL);

	return text ? text : "";
}
