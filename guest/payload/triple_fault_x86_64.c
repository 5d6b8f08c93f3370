/* SPDX-License-Identifier: BSD-2-Clause */
/* Crashes: an exception whose handler is missing, as are those for the exceptions that follow. */
#include "guest/payload/payload.h"

void payload_main(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) nothing = { 0, 0 };

	print("crashing\n");
	__asm__ volatile("lidt %0; ud2" : : "m"(nothing));
}
