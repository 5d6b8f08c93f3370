/* SPDX-License-Identifier: BSD-2-Clause */
#include "devices/power.h"

#include "lib/log.h"

/* The sleep control register (ACPI 6.5, 4.8.3.7). */
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_TYPE_MASK	 0x7
#define SLEEP_ENABLE	 0x20

static void sleep_control_write(struct power *power, uint8_t value)
{
	unsigned int type = (value >> SLEEP_TYPE_SHIFT) & SLEEP_TYPE_MASK;

	if (!(value & SLEEP_ENABLE))
		return;
	if (type == POWER_SLEEP_TYPE_S5)
		power->request(power->opaque, POWER_OFF);
	else if (!__atomic_exchange_n(&power->warned, true, __ATOMIC_RELAXED))
		log_warn("the guest asked for sleep type %u, which is not S5: it stays awake",
			 type);
}

void power_access(void *opaque, uint64_t offset, struct access *access)
{
	struct power *power = opaque;

	if (access->size != 1 || offset > POWER_RESET)
		return;
	/*
	 * SLP_EN is write-only, and the wake status, which is cleared by writing it back, never
	 * gets set: this machine sleeps only for good.
	 */
	if (!access->is_write)
		access->data = 0;
	else if (offset == POWER_SLEEP_CONTROL)
		sleep_control_write(power, (uint8_t)access->data);
	else if (offset == POWER_RESET && (uint8_t)access->data == POWER_RESET_VALUE)
		power->request(power->opaque, POWER_RESTART);
}
