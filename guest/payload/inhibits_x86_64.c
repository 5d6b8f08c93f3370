/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest does that has KVM do without AVIC (docs/interrupt.md): edu raises 100 interrupts
 * before, and 100 afterwards. On the command line:
 *
 *	base	the local APIC's registers move, and stay there
 *	id	its id changes, and changes back: in xAPIC mode alone, which "xapic" asks for
 */
#include "guest/layout.h"
#include "guest/payload/payload.h"
#include "guest/payload/source.h"

#define VECTOR 0x40
#define ROUNDS 100

/* Intel SDM volume 3, 11.4.4 and 11.4.6 */
#define MSR_APIC_BASE	0x1b
#define APIC_BASE_MOVED 0xfef00000
#define APIC_BASE_FLAGS 0xfff
#define APIC_ID		(LAYOUT_LAPIC + 0x20)
#define APIC_ID_OTHER	(1U << 24)

static volatile unsigned int count;

static void handler(unsigned int vector)
{
	(void)vector;
	count++;
}

static void rounds_run(void)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int before = count;

		source_edu.raise();
		while (count == before)
			interrupts_take();
	}
}

void payload_main(void)
{
	interrupt_handler_set(VECTOR, handler);
	source_edu.init(VECTOR);
	rounds_run();
	if (payload_option("base"))
		msr_write(MSR_APIC_BASE,
			  APIC_BASE_MOVED | (msr_read(MSR_APIC_BASE) & APIC_BASE_FLAGS));
	if (payload_option("id")) {
		uint32_t id = mmio_read32(APIC_ID);

		mmio_write32(APIC_ID, APIC_ID_OTHER);
		mmio_write32(APIC_ID, id);
	}
	rounds_run();
	print("inhibits: %u interrupts\n", count);
}
